import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { EMPTY_CHAIN, judgeChain } from '../../core/gate/chain.ts'
import type { ChainHead, EvidenceDraft, EvidenceEntry, EvidenceLog } from '../../core/gate/types.ts'
import { canonicalizeValue } from '../../core/json/plain.ts'
import { decodeUtf8OrNull } from '../../core/text/utf8.ts'
import { FfError } from '../../errors.ts'
import { getErrorCode, readOrNull } from '../../files/read-or-null.ts'
import { replaceFile } from '../../files/replace-file.ts'
import { tryLock } from '../file-lock/file-lock.ts'
import type { EvidenceTexts, EvidenceWriter } from '../../ports/evidence.ts'
import { LineReader, writeLine } from './evidence-line.ts'
import type { SigningRunner } from './runner-key.ts'

const LOG = 'evidence.ndjson'
const HEAD = 'head.json'
const LOCK = 'lock'
/** Whether a value matches the schema of a line (`contracts/schemas/evidence-line.schema.json`). */
export type Fits = (value: unknown) => boolean

/**
 * Reads the whole lines and the head of a folder's log, unverified; null for a missing file. Holds the folder's lock,
 * except where the folder is missing or this user cannot write to it.
 *
 * @throws FfError `evidence_locked` while another run holds the lock, `evidence_unreadable`, `backing_unavailable`
 * without the command `flock`
 */
export async function readEvidence(folder: string): Promise<EvidenceTexts> {
  const lock = await lockOrNull(folder)
  try {
    return (await readTexts(folder)).texts
  } finally {
    await lock?.close()
  }
}

/**
 * Verifies the lines and the head of a log: trusted with its entries and head, or `untrusted` with the code of the
 * first fault: `evidence_edited`, `evidence_recomputed`, `evidence_missing` for one missing file, or one of
 * `judgeChain`. Without both files the log is empty and trusted. Does not check that a runner's key is trusted.
 */
export function judgeTexts({ log, head }: EvidenceTexts, fits: Fits): EvidenceLog {
  // A rest without line feed is an append that its writer did not finish. Had it been acknowledged, the head would name
  // it.
  const lines = log === null ? [] : log.split('\n').slice(0, -1)
  if (head === null) return lines.length === 0 ? judgeChain([], EMPTY_CHAIN) : buildMissing(HEAD)
  const noted = readHead(head)
  if (noted === null) return buildUntrusted('evidence_edited', HEAD)
  if (log === null) return noted.seq > 0 ? buildMissing(LOG) : judgeChain([], noted)
  return judgeLines(lines, noted, fits)
}

/**
 * Opens a log for appending, creating the folder if it is missing, and holds its lock until it is closed. Verifies the
 * whole log first, and truncates the rest without line feed that a killed process left.
 *
 * @throws FfError `evidence_locked`, `evidence_unreadable`, `evidence_untrusted` for a damaged log,
 * `backing_unavailable`; the system's error where the folder is not writable
 */
export async function openEvidence(
  folder: string,
  { fits, runner }: { readonly fits: Fits; readonly runner: SigningRunner },
): Promise<EvidenceWriter> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const lock = await tryLock(join(folder, LOCK))
  if (lock === null) throw buildLockedError(folder)
  try {
    const { texts, bytes } = await readTexts(folder)
    const log = judgeTexts(texts, fits)
    if (log.status === 'untrusted') throw buildUntrustedError(log)
    if (log.head.seq === 0) await writeHead(folder, EMPTY_CHAIN)
    const file = await open(join(folder, LOG), 'a', 0o600)
    await file.truncate(bytes)
    return new Writer({ folder, file, lock, runner }, { head: log.head, bytes })
  } catch (error) {
    await lock.close()
    throw error
  }
}

interface LockedLog {
  readonly folder: string
  readonly file: FileHandle
  readonly lock: FileHandle
  readonly runner: SigningRunner
}
class Writer implements EvidenceWriter {
  private readonly held: LockedLog
  private head: ChainHead
  /** Length of the log up to its last whole line. */
  private bytes: number

  constructor(held: LockedLog, at: { readonly head: ChainHead; readonly bytes: number }) {
    this.held = held
    this.head = at.head
    this.bytes = at.bytes
  }

  async append(draft: EvidenceDraft): Promise<EvidenceEntry> {
    const { folder, file, runner } = this.held
    const record = { ...draft, seq: this.head.seq + 1, prev_hash: this.head.hash }
    const { text, entry } = writeLine(record, runner)
    // Removes the rest of a failed append.
    await file.truncate(this.bytes)
    const line = Buffer.from(`${text}\n`)
    await mapDiskFull(folder, async () => {
      await file.writeFile(line)
      await file.sync()
      await writeHead(folder, { seq: record.seq, hash: entry.hash })
    })
    this.head = { seq: record.seq, hash: entry.hash }
    this.bytes += line.length
    return entry
  }

  async close(): Promise<void> {
    await this.held.file.close()
    await this.held.lock.close()
  }
}

async function mapDiskFull(folder: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (cause) {
    if (!['ENOSPC', 'EDQUOT'].includes(getErrorCode(cause) ?? '')) throw cause
    throw new FfError(
      'disk_full',
      `Cannot add evidence to ${folder}: the disk is full (${getErrorCode(cause)}).`,
      {
        hint: 'Free some space and run this again: the record was not stored.',
        cause,
      },
    )
  }
}

/** The whole lines of the log, their length in bytes, and the head. */
async function readTexts(folder: string): Promise<{ texts: EvidenceTexts; bytes: number }> {
  const [log, head] = await Promise.all([
    readBytesOrNull(join(folder, LOG)),
    readBytesOrNull(join(folder, HEAD)),
  ])
  const bytes = log === null ? 0 : log.lastIndexOf('\n') + 1
  const texts = {
    log: log === null ? null : toText(log.subarray(0, bytes)),
    head: head === null ? null : toText(head),
  }
  return { texts, bytes }
}

/** Decodes UTF-8; bytes that are not UTF-8 become a text that no line and no head can match. */
const toText = (bytes: Uint8Array): string => decodeUtf8OrNull(bytes) ?? '\ufffd\n'

function judgeLines(lines: readonly string[], noted: ChainHead, fits: Fits): EvidenceLog {
  const reader = new LineReader(fits)
  const entries: EvidenceEntry[] = []
  for (const [at, line] of lines.entries()) {
    const read = reader.read(line)
    if (!read.ok) return buildUntrusted(`evidence_${read.fault}`, `line ${at + 1}`)
    entries.push(read.entry)
  }
  return judgeChain(entries, noted)
}

const buildUntrusted = (
  code: Extract<EvidenceLog, { status: 'untrusted' }>['code'],
  detail: string,
): EvidenceLog => ({ status: 'untrusted', code, detail })
const buildMissing = (name: string): EvidenceLog =>
  buildUntrusted('evidence_missing', `${name} is missing`)

/** Parses a head, which must be byte for byte as written; null for any other text. */
function readHead(text: string): ChainHead | null {
  const [, hash, seq] = /^\{"hash":"([0-9a-f]{64})","seq":(0|[1-9]\d{0,14})\}\n$/.exec(text) ?? []
  return hash === undefined ? null : { hash, seq: Number(seq) }
}

/** Written last: a log may have unacknowledged lines past its head, and never ends before it. */
const writeHead = (folder: string, { hash, seq }: ChainHead): Promise<void> =>
  replaceFile(join(folder, HEAD), `${canonicalizeValue({ hash, seq })}\n`, {
    temporary: `${HEAD}.new`,
    mode: 0o600,
  })

async function readBytesOrNull(path: string): Promise<Buffer | null> {
  try {
    return await readOrNull(path)
  } catch (error) {
    throw new FfError('evidence_unreadable', `Cannot read ${path} (${getErrorCode(error)}).`, {
      hint: 'Name an evidence folder that you may read with --evidence.',
      cause: error,
    })
  }
}

/** The lock of a folder; null where the folder is missing, or not writable for this user or on this file system. */
async function lockOrNull(folder: string): Promise<FileHandle | null> {
  try {
    const lock = await tryLock(join(folder, LOCK))
    if (lock === null) throw buildLockedError(folder)
    return lock
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EROFS'].includes(getErrorCode(error) ?? '')) return null
    throw error
  }
}

const buildLockedError = (folder: string): FfError =>
  new FfError('evidence_locked', `Another run holds the lock of the evidence folder ${folder}.`, {
    hint: 'Wait until it has ended, then run this again.',
  })

const buildUntrustedError = ({
  code,
  detail,
}: {
  readonly code: string
  readonly detail: string
}): FfError =>
  new FfError(
    'evidence_untrusted',
    `Cannot add to the evidence log, it is damaged: ${code}, ${detail}.`,
    {
      hint: 'Move the folder away to keep it for an investigation, then run this again.',
    },
  )
