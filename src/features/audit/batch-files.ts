import { link, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { getErrorCode, listOrEmpty } from '../../files/read-or-null.ts'
import { syncFolder, writeNewFile } from '../../files/replace-file.ts'

/** The file names of an exported batch: its records as NDJSON, and its signed head. */
export interface BatchNames {
  readonly records: string
  readonly head: string
}
/**
 * The names of the two files of a batch, `audit-FIRST-LAST.ndjson` and `audit-FIRST-LAST.head.json`, each number
 * padded with zeros to 20 digits.
 *
 * @param first sequence number of the first record
 * @param last that of the last
 */
export function makeBatchNames(first: number, last: number): BatchNames {
  const name = `audit-${[first, last].map((seq) => String(seq).padStart(20, '0')).join('-')}`
  return { records: `${name}.ndjson`, head: `${name}.head.json` }
}
const HEAD = /^audit-(\d{20})-(\d{20})\.head\.json$/

/**
 * The names of the signed heads in a folder, sorted by first record; empty for a missing folder. Reads only names.
 *
 * @throws FfError `output_failed` where the folder cannot be read
 */
export async function listHeads(folder: string): Promise<readonly string[]> {
  try {
    return (await listOrEmpty(folder)).filter((name) => HEAD.test(name)).sort()
  } catch (error) {
    throw toFolderError(folder, error)
  }
}
/** The name of the head with the highest last record, from names as `listHeads` gives them; null for none. */
export const findFurthestHead = (heads: readonly string[]): string | null =>
  heads.toSorted((a, b) => getEnd(a) - getEnd(b)).at(-1) ?? null
const getEnd = (name: string): number => Number(HEAD.exec(name)?.[2])

/**
 * Creates the folder of a batch and its parents with mode 0700; a folder that is there keeps its mode.
 *
 * @throws FfError `output_failed`, `disk_full`
 */
export async function createBatchFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw toFolderError(folder, error)
  }
}

const WRITE_CHARACTERS = 262_144

/**
 * A file of a batch: written under a temporary name, then linked to its final name. The caller holds the lock of the
 * folder.
 */
export class NewBatchFile {
  private readonly folder: string
  private readonly temporary: string

  constructor(folder: string, kind: 'records' | 'head') {
    this.folder = folder
    this.temporary = join(folder, `.audit-export-${kind}`)
  }

  /**
   * Writes `pieces` to the temporary file with mode 0600 and fsyncs it; replaces the temporary file of a killed run.
   *
   * @throws FfError `output_failed`, `disk_full`, and the errors of `pieces`
   */
  async write(pieces: AsyncIterable<string> | Iterable<string>): Promise<void> {
    await this.withFolderErrors(async () => {
      await rm(this.temporary, { force: true })
      await writeNewFile(this.temporary, inLargePieces(pieces), { mode: 0o600 })
    })
  }

  /**
   * Links the temporary file to its final name, removes the temporary name and fsyncs the folder.
   *
   * @returns false where the final name is taken: no file is ever overwritten, and the temporary file is removed
   * @throws FfError `output_failed`, `disk_full`
   */
  async place(name: string): Promise<boolean> {
    return this.withFolderErrors(async () => {
      const isPlaced = await link(this.temporary, join(this.folder, name)).then(
        () => true,
        (error: unknown) => {
          if (getErrorCode(error) === 'EEXIST') return false
          throw error
        },
      )
      await this.drop()
      await syncFolder(this.folder)
      return isPlaced
    })
  }

  /** Removes the temporary file; does nothing where it is missing. @throws the system's error */
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
  let buffer = ''
  for await (const piece of pieces) {
    buffer += piece
    if (buffer.length < WRITE_CHARACTERS) continue
    yield buffer
    buffer = ''
  }
  yield buffer
}

function toFolderError(folder: string, error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error)) return error
  const code = getErrorCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new FfError('disk_full', `The disk of ${quoteValue(folder)} is full (${code}).`, {
      hint: `See its free space with \`df -h ${quoteForShell(folder)}\`, make room, and export again.`,
      cause: error,
    })
  return new FfError(
    'output_failed',
    `The folder ${quoteValue(folder)} cannot be read or written (${code}).`,
    {
      hint: `See its owner and mode with \`ls -ld ${quoteForShell(folder)}\`, or name another folder with --out.`,
      cause: error,
    },
  )
}
