import { link, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FfError } from '../../errors.ts'
import { getErrorCode, listOrEmpty } from '../../files/read-or-null.ts'
import { syncFolder, writeNewFile } from '../../files/replace-file.ts'

/** A batch in a folder: its records, one a line, and the head that was signed with them. */
export interface BatchNames {
  readonly records: string
  readonly head: string
}
/** @param first number of the first record @param last of the last */
export function batchNames(first: number, last: number): BatchNames {
  const name = `audit-${[first, last].map((seq) => String(seq).padStart(20, '0')).join('-')}`
  return { records: `${name}.ndjson`, head: `${name}.head.json` }
}
const HEAD = /^audit-(\d{20})-(\d{20})\.head\.json$/

/** Heads of a folder by where their batches begin and end; none where it is not there. */
export async function listHeads(folder: string): Promise<readonly string[]> {
  try {
    return (await listOrEmpty(folder)).filter((name) => HEAD.test(name)).sort()
  } catch (error) {
    throw toFolderError(folder, error)
  }
}
/** Of the head that comes to the furthest record. */
export const findFurthestHead = (heads: readonly string[]): string | null =>
  heads.toSorted((a, b) => getEnd(a) - getEnd(b)).at(-1) ?? null
const getEnd = (name: string): number => Number(HEAD.exec(name)?.[2])

/** Makes the folder of a batch, for its owner alone. @throws FfError `output_failed` */
export async function createBatchFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw toFolderError(folder, error)
  }
}

const WRITE_CHARACTERS = 262_144

/** A file on its way: written beside its place, and linked there when it is whole. One writer holds the folder. */
export class NewBatchFile {
  private readonly folder: string
  private readonly temporary: string

  constructor(folder: string, kind: 'records' | 'head') {
    this.folder = folder
    this.temporary = join(folder, `.audit-export-${kind}`)
  }

  /** Writes what `pieces` yields, durably; what a killed run left there goes. */
  async write(pieces: AsyncIterable<string> | Iterable<string>): Promise<void> {
    await this.withFolderErrors(async () => {
      await rm(this.temporary, { force: true })
      await writeNewFile(this.temporary, inLargePieces(pieces), { mode: 0o600 })
    })
  }

  /** Puts it in its place. @returns whether nothing was there: nothing is ever written over */
  async place(name: string): Promise<boolean> {
    return this.withFolderErrors(async () => {
      const placed = await link(this.temporary, join(this.folder, name)).then(
        () => true,
        (error: unknown) => {
          if (getErrorCode(error) === 'EEXIST') return false
          throw error
        },
      )
      await this.drop()
      await syncFolder(this.folder)
      return placed
    })
  }

  async drop(): Promise<void> {
    await rm(this.temporary, { force: true })
  }

  private async withFolderErrors<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw toFolderError(this.folder, error)
    }
  }
}

/** One system call for many lines. */
async function* inLargePieces(
  pieces: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<string> {
  let waiting = ''
  for await (const piece of pieces) {
    waiting += piece
    if (waiting.length < WRITE_CHARACTERS) continue
    yield waiting
    waiting = ''
  }
  yield waiting
}

function toFolderError(folder: string, error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error)) return error
  const code = getErrorCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new FfError('disk_full', `There is no room in ${folder}.`, {
      hint: 'Make room, and export again.',
      cause: error,
    })
  return new FfError('output_failed', `${folder} cannot be used (${code}).`, {
    hint: 'Check that it is a folder that may be read and written.',
    cause: error,
  })
}
