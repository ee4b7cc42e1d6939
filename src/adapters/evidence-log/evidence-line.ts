import { createHash, type KeyObject } from 'node:crypto'
import type { EvidenceEntry, EvidenceRecord } from '../../core/gate/types.ts'
import { canonicalizeValue } from '../../core/json/plain.ts'
import { parseInstant } from '../../core/rows/instant.ts'
import type { PublicJwk } from '../../core/signoff/types.ts'
import { computeThumbprint, importPublicKey } from '../jose/ed25519.ts'
import { parseCanonical } from './canonical-text.ts'
import { signDetached, verifyDetachedJws } from './detached.ts'
import type { SigningRunner } from './runner-key.ts'

/** One line of the log (`contracts/schemas/evidence-line.schema.json`). */
interface EvidenceLine {
  readonly hash: string
  readonly record: EvidenceRecord
  readonly runner: PublicJwk
  /** Compact JWS with detached content (RFC 7515, appendix F) over the record's RFC 8785 form. */
  readonly signature: string
}
/** A verified line; or why it is not. */
export type LineRead =
  | { readonly ok: true; readonly entry: EvidenceEntry }
  /** `edited`: the hash does not match the record. `recomputed`: the hash matches, the signature does not. */
  | { readonly ok: false; readonly fault: 'edited' | 'recomputed' }

/** The schema knows the form of a time alone: `2026-13-01T00:00:00.000Z` has it. */
const hasRealTimes = ({ started_at, ended_at, recorded_at }: EvidenceRecord): boolean =>
  [started_at, ended_at, recorded_at].every((time) => parseInstant(time) !== undefined)

const hashRecord = (text: string): string => createHash('sha256').update(text).digest('hex')
const TYP = 'ff-evidence+jws'

/**
 * Signs a record with the runner's key; writes no file.
 * @returns its line as RFC 8785 JSON without line feed, and its entry: the record, its SHA-256 in hexadecimal (over
 * its RFC 8785 form), and the key's thumbprint
 */
export function writeLine(
  record: EvidenceRecord,
  runner: SigningRunner,
): { text: string; entry: EvidenceEntry } {
  const content = canonicalizeValue(record)
  const signed = { typ: TYP, kid: runner.kid, content } as const
  const signature = signDetached(signed, runner.sign)
  const hash = hashRecord(content)
  const line: EvidenceLine = { hash, record, runner: runner.jwk, signature }
  return { text: canonicalizeValue(line), entry: { record, hash, runner: runner.kid } }
}

type Fits = (value: unknown) => boolean
const readers = new WeakMap<Fits, LineReader>()

/**
 * The one reader of this process for a schema. It verifies no line twice: `ff gate --offline` judges its logs as of now
 * and as of then, and signing reads them several times. @param fits as for `LineReader`
 */
export function getLineReader(fits: Fits): LineReader {
  const reader = readers.get(fits) ?? new LineReader(fits)
  readers.set(fits, reader)
  return reader
}

/** The record's RFC 8785 form, which stands in the middle of that of its line. */
function cutRecord(text: string, { hash, runner, signature }: EvidenceLine): string {
  const before = `{"hash":${JSON.stringify(hash)},"record":`
  const after = `,"runner":${canonicalizeValue(runner)},"signature":${JSON.stringify(signature)}}`
  return text.slice(before.length, -after.length)
}

/** A key that signs lines; null where it cannot verify any. */
interface LineKey {
  readonly kid: string
  readonly key: KeyObject | null
}

/** Of the lines that hold, a reader keeps so many, that no log fills the memory. */
const MAX_KEPT = 20_000

/**
 * Reads and verifies lines: imports each key once, and verifies each text that holds once.
 *
 * @param fits whether a value matches the schema of a line
 */
export class LineReader {
  private readonly fits: Fits
  private readonly keys = new Map<string, LineKey>()
  /** By the whole text of the line. */
  private readonly sound = new Map<string, EvidenceEntry>()

  constructor(fits: Fits) {
    this.fits = fits
  }

  /**
   * Verifies one line: its entry; `edited` for a text that is not RFC 8785 JSON of the schema, with a time that does
   * not exist, or whose hash does not match its record; `recomputed` where the hash matches and the signature does not.
   * Checks no order and no trust.
   */
  read(text: string): LineRead {
    const entry = this.sound.get(text)
    if (entry !== undefined) return { ok: true, entry }
    const read = this.verify(text)
    if (read.ok && this.sound.size >= MAX_KEPT) this.sound.clear()
    if (read.ok) this.sound.set(text, read.entry)
    return read
  }

  private verify(text: string): LineRead {
    const line = parseCanonical<EvidenceLine>(text, this.fits)
    if (line === null || !hasRealTimes(line.record)) return { ok: false, fault: 'edited' }
    const content = cutRecord(text, line)
    if (hashRecord(content) !== line.hash) return { ok: false, fault: 'edited' }
    const { kid, key } = this.getKey(line.runner)
    const holds = key !== null && verifyDetachedJws(line.signature, { typ: TYP, kid, content }, key)
    if (!holds) return { ok: false, fault: 'recomputed' }
    return { ok: true, entry: { record: line.record, hash: line.hash, runner: kid } }
  }

  private getKey(jwk: PublicJwk): LineKey {
    const known = this.keys.get(jwk.x)
    if (known !== undefined) return known
    const imported = { kid: computeThumbprint(jwk), key: importPublicKey(jwk) }
    this.keys.set(jwk.x, imported)
    return imported
  }
}
