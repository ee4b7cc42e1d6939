import { basename, join } from 'node:path'
import { decodeUtf8OrNull } from '../../core/text/utf8.ts'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { readBounded } from '../../files/read-bounded.ts'
import { getErrorCode, listOrEmpty, nullIfMissing } from '../../files/read-or-null.ts'
import type { EvidenceTexts, LogTexts } from '../../ports/evidence.ts'

export const LOG_FILE = 'evidence.ndjson'
export const HEAD_FILE = 'head.json'
/** Room for some 30,000 records, and for the most withdrawals. */
const MAX_LOG_BYTES = 67_108_864
const MAX_HEAD_BYTES = 65_536

/** The files of a log's folder, unverified. */
export interface LogBytes {
  /** Whole lines; an append that was not finished follows them in the file. */
  readonly log: Buffer | null
  readonly head: Buffer | null
}

/**
 * Reads the files of a log's folder: its head (at most 64 KiB) and its whole lines (at most 64 MiB), without an append
 * that is not finished; each null where its file is missing. The head first: a log that is appended to meanwhile then
 * goes on after it, as it may, so that no lock is needed.
 * @throws FfError `evidence_unreadable` also for a file that is not regular, or too large
 */
export async function readLogBytes(folder: string): Promise<LogBytes> {
  const head = await readFileOrNull(join(folder, HEAD_FILE), MAX_HEAD_BYTES)
  const log = await readFileOrNull(join(folder, LOG_FILE), MAX_LOG_BYTES)
  return { head, log: log?.subarray(0, log.lastIndexOf('\n') + 1) ?? null }
}

/**
 * The files of a log as text, with the name of its folder as `kid`; a missing file stays null. Bytes that are not
 * UTF-8 become a text that no line and no head can match.
 */
export const toLogTexts = (folder: string, { log, head }: LogBytes): LogTexts => ({
  kid: basename(folder),
  log: log === null ? null : toText(log),
  head: head === null ? null : toText(head),
})
const toText = (bytes: Uint8Array): string => decodeUtf8OrNull(bytes) ?? '\ufffd\n'

/**
 * Reads every log of an evidence folder, unverified, in the order of their names, leaving out folders with neither
 * file; empty where there is none or no evidence folder.
 * @throws FfError `evidence_unreadable`, `evidence_old_form` where the folder itself holds the log of an earlier
 * version
 */
export async function readEvidence(folder: string): Promise<EvidenceTexts> {
  const names = [...(await listLogFolders(folder))].sort()
  if (names.includes(LOG_FILE)) throw buildOldFormError(folder)
  const logs = await Promise.all(
    names.map(async (name) => {
      const own = join(folder, name)
      return toLogTexts(own, await readLogBytes(own))
    }),
  )
  return logs.filter(({ log, head }) => log !== null || head !== null)
}

const listLogFolders = async (folder: string): Promise<readonly string[]> => {
  try {
    return await listOrEmpty(folder)
  } catch (error) {
    throw buildUnreadableError(folder, String(getErrorCode(error)), error)
  }
}

/** Null for a missing file. */
async function readFileOrNull(path: string, maxBytes: number): Promise<Buffer | null> {
  let read
  try {
    read = await nullIfMissing(readBounded(path, maxBytes))
  } catch (error) {
    throw buildUnreadableError(path, String(getErrorCode(error)), error)
  }
  if (read === null) return null
  if (read.ok) return read.bytes
  const over = `it is over ${maxBytes} bytes`
  throw buildUnreadableError(path, read.fault === 'too_large' ? over : 'it is not a regular file')
}

const buildUnreadableError = (path: string, why: string, cause?: unknown): FfError =>
  new FfError('evidence_unreadable', `Cannot read ${quoteValue(path)}: ${why}.`, {
    hint: 'Name an evidence folder that you may read with --evidence.',
    cause,
  })

/**
 * The old form is refused, not converted: its records lack members that every record needs now, so none of them could
 * count, and its head is not signed.
 */
const buildOldFormError = (folder: string): FfError => {
  const [from, to] = [folder, `${folder}.old`].map(quoteForShell)
  return new FfError(
    'evidence_old_form',
    `${quoteValue(folder)} holds ${LOG_FILE} of an earlier version of ff, whose records do not count any more.`,
    { hint: `Keep it aside and begin anew with \`mv ${from} ${to} && ff probe run\`.` },
  )
}
