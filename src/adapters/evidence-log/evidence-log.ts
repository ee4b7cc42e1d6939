import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { getLastRecord } from '../../core/gate/chain.ts'
import { type HeadRenewal, renewHead } from '../../core/gate/heads.ts'
import type {
  ChainHead,
  EvidenceDraft,
  EvidenceEntry,
  EvidenceHead,
  UntrustedLog,
} from '../../core/gate/types.ts'
import { instantFromMs } from '../../core/rows/instant.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { getErrorCode } from '../../files/read-or-null.ts'
import { replaceFile } from '../../files/replace-file.ts'
import { tryLock } from '../file-lock/file-lock.ts'
import type { EvidenceNeeds, EvidenceWriter } from '../../ports/evidence.ts'
import { writeHeadText } from './evidence-head.ts'
import { writeLine } from './evidence-line.ts'
import { judgeLog } from './judge-texts.ts'
import { HEAD_FILE, LOG_FILE, readEvidence, readLogBytes, toLogTexts } from './log-files.ts'
import type { SigningRunner } from './runner-key.ts'

const LOCK = 'lock'

/**
 * Opens the log of a runner below an evidence folder for appending, creating it if it is missing, renews its head on
 * the disk, and holds its lock until it is closed. First verifies the whole log; a rest without line feed that a
 * killed process left is dropped with the next append. `onLog` is called before the lock, with the runner's `kid` and
 * whether its log is here.
 * @throws FfError `evidence_locked`, `evidence_unreadable`, `evidence_old_form`, `evidence_untrusted` for a damaged
 * log, `evidence_unwritable`, `disk_full`, `clock_set_back`, `trust_refused` where the runner verifies less than its
 * last head names, `backing_unavailable` without the command `flock`; the errors of `onLog`
 */
export async function openEvidence(
  evidence: string,
  runner: SigningRunner,
  needs: EvidenceNeeds,
): Promise<EvidenceWriter> {
  const logs = await readEvidence(evidence)
  needs.onLog({ kid: runner.kid, isHere: logs.some(({ kid }) => kid === runner.kid) })
  const folder = join(evidence, runner.kid)
  return withLock(folder, async (lock) => {
    const { last, head, bytes } = await readOwnLog(folder, { runner, needs })
    const renewed = renew({ last, head }, needs)
    // The head first: a log may lack its file of lines, and never its head.
    await writeHeadFile(folder, writeHeadText(renewed, runner))
    const file = await open(join(folder, LOG_FILE), 'a', 0o600)
    return new Writer({ folder, file, lock, runner, needs }, { last, head: renewed, bytes })
  })
}

/** The next head at the last record. @throws FfError `clock_set_back`, `trust_refused` */
function renew(
  { last, head }: Pick<LogEnd, 'last' | 'head'>,
  { sight, now }: EvidenceNeeds,
): EvidenceHead {
  const time = instantFromMs(now().getTime())
  const renewed = renewHead(head, last, { ...sight, time })
  if (renewed.ok) return renewed.head
  throw buildRenewalError(renewed)
}

/**
 * Creates the folder of a log (mode 0700) if it is missing, takes its lock without waiting, and returns the result of
 * `use`, which closes the lock's handle when it is done with it; only where `use` fails is it closed here.
 * @throws FfError `evidence_locked` where another run holds it, `backing_unavailable` without the command `flock`, and
 * the error of `use`; the system's errors, also those of `use`, become `evidence_unwritable` or `disk_full`
 */
export async function withLock<T>(
  folder: string,
  use: (lock: FileHandle) => Promise<T>,
): Promise<T> {
  return mapWriteErrors(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const lock = await tryLock(join(folder, LOCK))
    if (lock === null) throw buildLockedError(folder)
    try {
      return await use(lock)
    } catch (error) {
      await lock.close()
      throw error
    }
  })
}

interface LogEnd {
  /** The last record. */
  readonly last: ChainHead
  /** The head to say at least as much as; null for a log that begins now. */
  readonly head: EvidenceHead | null
  /** Length of the log up to its last whole line. */
  readonly bytes: number
}

async function readOwnLog(
  folder: string,
  { runner, needs }: Pick<HeldLog, 'runner' | 'needs'>,
): Promise<LogEnd> {
  const found = await readLogBytes(folder)
  const bytes = found.log?.length ?? 0
  if (found.log === null && found.head === null)
    return { last: getLastRecord([]), head: null, bytes }
  const log = judgeLog(toLogTexts(folder, found), needs.shapes)
  if (log.status === 'untrusted') throw buildUntrustedError(log, runner.kid)
  if (log.kid !== runner.kid)
    throw buildUntrustedError(
      { code: 'evidence_edited', detail: 'it is the log of another key' },
      runner.kid,
    )
  // A record is newer than the head where the process was killed before it wrote the head.
  const newest = log.entries.at(-1)?.record.recorded_at ?? log.head.time
  const time = newest < log.head.time ? log.head.time : newest
  return { last: getLastRecord(log.entries), head: { ...log.head, time }, bytes }
}

interface HeldLog {
  readonly folder: string
  readonly file: FileHandle
  readonly lock: FileHandle
  readonly runner: SigningRunner
  readonly needs: EvidenceNeeds
}
class Writer implements EvidenceWriter {
  readonly kid: string
  private readonly held: HeldLog
  last: ChainHead
  head: EvidenceHead
  private bytes: number

  constructor(held: HeldLog, { last, head, bytes }: LogEnd & { readonly head: EvidenceHead }) {
    this.kid = held.runner.kid
    this.held = held
    this.last = last
    this.head = head
    this.bytes = bytes
  }

  async append(draft: EvidenceDraft): Promise<EvidenceEntry> {
    const { folder, file, runner, needs } = this.held
    const renewed = renew(this, needs)
    const place = { seq: this.last.seq + 1, prev_hash: this.last.hash }
    const record = { ...draft, ...place, recorded_at: renewed.time }
    const { text, entry } = writeLine(record, runner)
    const line = Buffer.from(`${text}\n`)
    const last = { seq: record.seq, hash: entry.hash }
    const head = { ...renewed, ...last }
    await mapWriteErrors(folder, async () => {
      // Removes the rest of a failed append.
      await file.truncate(this.bytes)
      await file.writeFile(line)
      await file.sync()
      // Written last: a log may have records past its head, and never ends before it.
      await writeHeadFile(folder, writeHeadText(head, runner))
    })
    this.last = last
    this.head = head
    this.bytes += line.length
    return entry
  }

  async close(): Promise<void> {
    await this.held.file.close()
    await this.held.lock.close()
  }
}

/**
 * Replaces `head.json` of a log, which must be locked, atomically and synced, with mode 0600. @throws the system's
 * error
 */
export const writeHeadFile = (folder: string, text: string): Promise<void> =>
  replaceFile(join(folder, HEAD_FILE), text, { temporary: `${HEAD_FILE}.new`, mode: 0o600 })

async function mapWriteErrors<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw toWriteError(folder, cause)
  }
}

/**
 * Makes, without throwing it, the error for a path that could not be written: `disk_full` for `ENOSPC` and `EDQUOT`,
 * `evidence_unwritable` for every other error with a `code`. Returns an FfError, and what has no code, as it is.
 */
export function toWriteError(path: string, cause: unknown): unknown {
  const code = getErrorCode(cause)
  if (cause instanceof FfError || code === null) return cause
  const full = ['ENOSPC', 'EDQUOT'].includes(code)
  return full
    ? new FfError(
        'disk_full',
        `Cannot add evidence to ${quoteValue(path)}: the disk is full (${code}).`,
        { hint: 'Free some space and run this again: the record was not stored.', cause },
      )
    : new FfError('evidence_unwritable', `Cannot write to ${quoteValue(path)} (${code}).`, {
        hint: 'Run this in a folder that you may write to, or name one for the evidence with --evidence.',
        cause,
      })
}

const buildLockedError = (folder: string): FfError =>
  new FfError(
    'evidence_locked',
    `Another run holds the lock of the evidence log ${quoteValue(folder)}.`,
    { hint: 'Wait until it has ended, then run this again.' },
  )

const buildUntrustedError = (
  { code, detail }: Pick<UntrustedLog, 'code' | 'detail'>,
  kid: string,
): FfError =>
  new FfError(
    'evidence_untrusted',
    `Cannot add to the evidence log ${kid}, it is damaged: ${code}, ${detail}.`,
    {
      hint: `Keep it for an investigation, give this runner a new key with \`rm .ff/runner.pem && ff evidence seal\`, and let both leads sign \`ff trust rotate --lost ${kid} --runner .ff/runner.pub.json --key alice.key.json\`.`,
    },
  )

function buildRenewalError({ code, detail }: Extract<HeadRenewal, { ok: false }>): FfError {
  if (code === 'clock_set_back')
    return new FfError(code, `The clock of this machine was set back: ${detail}.`, {
      hint: 'Set the clock of this machine with NTP, then run this again.',
    })
  return new FfError(
    'trust_refused',
    `Nothing was sealed: this folder holds less than the last head of the log names: ${code}.`,
    {
      hint: 'Fetch the newest checklists folder with `git pull`, then run this again; `ff trust show` names the way out where that is the newest.',
      details: [`${code}: ${detail}`],
    },
  )
}
