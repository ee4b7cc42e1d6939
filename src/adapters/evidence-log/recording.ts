import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalizeValue } from '../../core/json/plain.ts'
import type { ObservedMinute } from '../../core/observe/minute.ts'
import type { PublicJwk } from '../../core/signoff/types.ts'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { decodeUtf8OrNull } from '../../core/text/utf8.ts'
import { FfError } from '../../errors.ts'
import { readBounded } from '../../files/read-bounded.ts'
import { nullIfMissing } from '../../files/read-or-null.ts'
import type {
  FitsMinute,
  RecordingKey,
  RecordingRead,
  RecordingWriter,
} from '../../ports/observe.ts'
import { computeThumbprint, importPublicKey } from '../jose/ed25519.ts'
import { parseCanonical } from './canonical-text.ts'
import { signDetached, verifyDetachedJws } from './detached.ts'
import { toWriteError, withLock } from './evidence-log.ts'
import { openRunnerKey } from './opened-log.ts'
import type { SigningRunner } from './runner-key.ts'

/** One line of a recording (`contracts/schemas/observation-line.schema.json`). */
interface RecordingLine {
  /** Of the RFC 8785 form of the record. */
  readonly hash: string
  readonly record: RecordedMinute
  readonly runner: PublicJwk
  /** Compact JWS with detached content (RFC 7515, appendix F) over the record's RFC 8785 form. */
  readonly signature: string
}
type RecordedMinute = ObservedMinute & { readonly seq: number; readonly prev_hash: string }

const FILE = 'minutes.ndjson'
const TYP = 'ff-observation+jws'
const NO_HASH = '0'.repeat(64)
/** Room for some four months of minutes. */
const MAX_BYTES = 268_435_456

const hashText = (text: string): string => createHash('sha256').update(text).digest('hex')

/**
 * Opens the recording of a runner for appending, creating its folder, and holds its lock. What a killed process left of a
 * line is dropped with the next append.
 *
 * @param folder holds one recording
 * @throws FfError `evidence_locked` where another observer records, `evidence_untrusted` for a recording that is damaged or
 *   of another key, `evidence_unreadable`, `evidence_unwritable`, `disk_full`, `runner_key_invalid`, `key_file_loose`
 */
export async function openRecording(
  folder: string,
  { key, fits }: { readonly key: RecordingKey; readonly fits: FitsMinute },
): Promise<RecordingWriter> {
  const { runner } = await openRunnerKey(key)
  return withLock(folder, async (lock) => {
    const bytes = await readLines(folder)
    const read = parseRecording(bytes, fits)
    if (!read.ok) throw makeDamageError(folder, `line ${read.line}: ${read.code}`)
    if (read.kid !== null && read.kid !== runner.kid)
      throw makeDamageError(folder, 'it is the recording of another key')
    const file = await open(join(folder, FILE), 'a', 0o600)
    return new Writer({ folder, file, lock, runner }, { bytes: bytes.length, read })
  })
}

interface HeldRecording {
  readonly folder: string
  readonly file: FileHandle
  readonly lock: FileHandle
  readonly runner: SigningRunner
}
class Writer implements RecordingWriter {
  readonly kid: string
  last: ObservedMinute | null
  private readonly held: HeldRecording
  private bytes: number
  private seq: number
  private hash: string

  constructor(
    held: HeldRecording,
    { bytes, read }: { readonly bytes: number; readonly read: WholeRecording },
  ) {
    this.kid = held.runner.kid
    this.held = held
    this.bytes = bytes
    this.last = read.minutes.at(-1) ?? null
    this.seq = read.minutes.length
    this.hash = read.hashes.at(-1) ?? NO_HASH
  }

  async append(minute: ObservedMinute): Promise<void> {
    const { folder, file, runner } = this.held
    const record: RecordedMinute = { ...minute, seq: this.seq + 1, prev_hash: this.hash }
    const content = canonicalizeValue(record)
    const signed = { typ: TYP, kid: runner.kid, content } as const
    const signature = signDetached(signed, runner.sign)
    const hash = hashText(content)
    const line: RecordingLine = { hash, record, runner: runner.jwk, signature }
    const text = Buffer.from(`${canonicalizeValue(line)}\n`)
    try {
      // Removes the rest of a failed append.
      await file.truncate(this.bytes)
      await file.writeFile(text)
      await file.sync()
    } catch (error) {
      throw toWriteError(folder, error)
    }
    this.bytes += text.length
    this.seq = record.seq
    this.hash = hash
    this.last = minute
  }

  async close(): Promise<void> {
    await this.held.file.close()
    await this.held.lock.close()
  }
}

/**
 * Reads and verifies a recording without its lock, without an append that is not finished. Each line holds the hash of the
 * one before, so that the signature of the last one vouches for all.
 *
 * @throws FfError `evidence_unreadable`
 */
export async function readRecording(folder: string, fits: FitsMinute): Promise<RecordingRead> {
  return parseRecording(await readLines(folder), fits)
}

async function readLines(folder: string): Promise<Buffer> {
  const path = join(folder, FILE)
  const read = await nullIfMissing(readBounded(path, MAX_BYTES))
  if (read === null) return Buffer.alloc(0)
  if (read.ok) return read.bytes.subarray(0, read.bytes.lastIndexOf('\n') + 1)
  throw new FfError('evidence_unreadable', `Cannot read ${quoteValue(path)}: ${read.fault}.`, {
    hint: `Keep it aside and record anew: \`mv ${quoteForShell(folder)} ${quoteForShell(`${folder}.old`)}\`.`,
  })
}

type WholeRecording = Extract<RecordingRead, { ok: true }>

function parseRecording(bytes: Buffer, fits: FitsMinute): RecordingRead {
  const text = decodeUtf8OrNull(bytes)
  if (text === null) return { ok: false, code: 'minute_malformed', line: 1 }
  const minutes: ObservedMinute[] = []
  const hashes: string[] = []
  let [before, last] = [NO_HASH, null as { line: RecordingLine; content: string } | null]
  for (const one of text.split('\n').slice(0, -1)) {
    const at = minutes.length + 1
    const line = parseCanonical<RecordingLine>(one, fits)
    if (line === null) return { ok: false, code: 'minute_malformed', line: at }
    const content = canonicalizeValue(line.record)
    if (hashText(content) !== line.hash) return { ok: false, code: 'minute_altered', line: at }
    const { seq, prev_hash, ...minute } = line.record
    if (seq !== at || prev_hash !== before) return { ok: false, code: 'chain_broken', line: at }
    if (last !== null && last.line.runner.x !== line.runner.x)
      return { ok: false, code: 'key_differs', line: at }
    last = { line, content }
    before = line.hash
    hashes.push(before)
    minutes.push(minute)
  }
  if (last === null) return { ok: true, kid: null, minutes, hashes }
  const kid = computeThumbprint(last.line.runner)
  const key = importPublicKey(last.line.runner)
  const signed = { typ: TYP, kid, content: last.content } as const
  return key !== null && verifyDetachedJws(last.line.signature, signed, key)
    ? { ok: true, kid, minutes, hashes }
    : { ok: false, code: 'signature_invalid', line: minutes.length }
}

const makeDamageError = (folder: string, why: string): FfError =>
  new FfError('evidence_untrusted', `Cannot add to the recording ${quoteValue(folder)}: ${why}.`, {
    hint: `Keep it for an investigation and record anew: \`mv ${quoteForShell(folder)} ${quoteForShell(`${folder}.old`)}\`.`,
  })
