import { createHmac, type Hmac, timingSafeEqual } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { TABLE_NAMES, type TableName } from '../../core/rows/rows.ts'
import { LineSplitter } from '../../files/line-splitter.ts'
import { openToRead } from '../../files/read-bounded.ts'
import { nullIfMissing } from '../../files/read-or-null.ts'
import { replaceFile } from '../../files/replace-file.ts'
import { type KeptRow, RowCopy } from './row-copy.ts'

const FILE = 'last-known-good.ndjson'
const VERSION = 1
/** Separates this use of the digest key from every other. */
const PURPOSE = 'ff last-known-good snapshot 1'
/** Far above the line of the largest row, as JSON within JSON. */
const MAX_LINE_BYTES = 4_194_304
/** Difference of the clocks of two starts up to which a snapshot from the future is one of now. */
const MAX_SKEW_MS = 60_000
const PIECE_BYTES = 65_536

/** What a snapshot is of: only an instance of the same environment and database may decide by it. */
export interface SnapshotPlace {
  readonly environment: string
  /** The database, without its credentials. */
  readonly store: string
}
/** The last known rows and their age. */
export interface SnapshotContent {
  readonly rows: Iterable<KeptRow>
  readonly age_ms: number
}
/** A snapshot that was read; or why none is used. `foreign` is of another environment or database. */
export type SnapshotRead =
  | { readonly ok: true; readonly rows: RowCopy; readonly age_ms: number }
  | { readonly ok: false; readonly fault: 'missing' | 'foreign' | 'damaged' | 'too_large' }

type Fault = Extract<SnapshotRead, { ok: false }>['fault']
interface Taken {
  header: Header | null
  readonly rows: RowCopy
}
interface Header extends SnapshotPlace {
  readonly v: number
  /** Milliseconds since the epoch. */
  readonly as_of: number
}

/** The last known rows in a file, sealed with an HMAC: a header, the rows, and the seal, each a line of JSON. */
export class SnapshotFile {
  private readonly folder: string
  private readonly place: SnapshotPlace
  private readonly key: Uint8Array
  private readonly maxBytes: number
  private readonly now: () => number

  /** @param options.key of the digests of the audit trail; another one is derived from it */
  constructor(
    folder: string,
    {
      place,
      key,
      max_bytes,
      now,
    }: {
      readonly place: SnapshotPlace
      readonly key: Uint8Array
      /** Memory of the rows. */
      readonly max_bytes: number
      /** Milliseconds since the epoch. */
      readonly now: () => number
    },
  ) {
    this.folder = folder
    this.place = place
    this.key = createHmac('sha256', key).update(PURPOSE).digest()
    this.maxBytes = max_bytes
    this.now = now
  }

  /**
   * Replaces the file, and creates the folder if missing; a reader finds the old file or the new one.
   *
   * @throws the system's error
   */
  async save({ rows, age_ms }: SnapshotContent): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    const as_of = this.now() - age_ms
    const header: Header = { v: VERSION, ...this.place, as_of }
    // The snapshot holds values of sensitive flags.
    await replaceFile(this.path, this.toPieces(header, rows), { mode: 0o600 })
  }

  /** @throws the system's error, except for a missing file */
  async load(): Promise<SnapshotRead> {
    const file = await nullIfMissing(openToRead(this.path))
    if (file === null) return { ok: false, fault: 'missing' }
    try {
      return await this.read(file.createReadStream({ autoClose: false }))
    } finally {
      await file.close()
    }
  }

  private get path(): string {
    return join(this.folder, FILE)
  }

  private *toPieces(header: Header, rows: Iterable<KeptRow>): Generator<string> {
    const seal = createHmac('sha256', this.key)
    let piece = `${JSON.stringify(header)}\n`
    for (const row of rows) {
      piece += `${JSON.stringify(row)}\n`
      if (piece.length < PIECE_BYTES) continue
      seal.update(piece)
      yield piece
      piece = ''
    }
    yield `${piece}${JSON.stringify({ hmac: seal.update(piece).digest('hex') })}\n`
  }

  private async read(chunks: AsyncIterable<Buffer>): Promise<SnapshotRead> {
    const seal = createHmac('sha256', this.key)
    const taken: Taken = { header: null, rows: new RowCopy() }
    let last: string | null = null
    for await (const line of readLines(chunks)) {
      if (line === null) return DAMAGED
      if (last !== null) {
        seal.update(`${last}\n`)
        const fault = this.take(taken, last)
        if (fault !== null) return { ok: false, fault }
      }
      last = line
    }
    return last === null || !isSealed(last, seal) ? DAMAGED : this.toRead(taken)
  }

  /** Takes a line before the seal, the header first. @returns why the snapshot is not used; null for none */
  private take(taken: Taken, line: string): Fault | null {
    if (taken.header === null) {
      taken.header = parseHeader(line)
      if (taken.header === null) return 'damaged'
      return this.isOurs(taken.header) ? null : 'foreign'
    }
    if (!restoreRow(taken.rows, line)) return 'damaged'
    return taken.rows.bytes > this.maxBytes ? 'too_large' : null
  }

  private toRead({ header, rows }: Taken): SnapshotRead {
    const age_ms = header === null ? Number.NaN : this.now() - header.as_of
    if (header === null || age_ms < -MAX_SKEW_MS) return DAMAGED
    return { ok: true, rows, age_ms: Math.max(age_ms, 0) }
  }

  private isOurs({ environment, store }: Header): boolean {
    return environment === this.place.environment && store === this.place.store
  }
}

const DAMAGED = { ok: false, fault: 'damaged' } as const

/** Yields each line; null for one that is too long, or that no line feed ends. */
async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string | null> {
  const splitter = new LineSplitter(MAX_LINE_BYTES)
  for await (const chunk of chunks)
    for (const { bytes, tooLong } of splitter.push(chunk))
      yield tooLong ? null : bytes.toString('utf8')
  for (const _ of splitter.end()) yield null
}

function parseHeader(line: string): Header | null {
  const header = parseJson(line) as Header | null
  return header?.v === VERSION && Number.isFinite(header.as_of) ? header : null
}

/** The seal is checked at the end, so until then a line may hold anything. */
function restoreRow(rows: RowCopy, line: string): boolean {
  const row = parseJson(line)
  if (!Array.isArray(row) || row.length !== 4) return false
  const [table, name, revision, text] = row as readonly unknown[]
  if (!TABLE_NAMES.includes(table as TableName) || typeof name !== 'string') return false
  if (typeof revision !== 'number' || (typeof text !== 'string' && text !== null)) return false
  rows.restore([table as TableName, name, revision, text])
  return true
}

function isSealed(line: string, seal: Hmac): boolean {
  const { hmac } = (parseJson(line) ?? {}) as { readonly hmac?: unknown }
  const own = seal.digest()
  const given = Buffer.from(typeof hmac === 'string' ? hmac : '', 'hex')
  return given.length === own.length && timingSafeEqual(given, own)
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown
  } catch {
    return null
  }
}
