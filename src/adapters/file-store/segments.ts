import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditChainHead } from '../../core/audit/record.ts'
import { getErrorCode } from '../../files/read-or-null.ts'
import { takenOverError } from './store-error.ts'

const NAME = /^log-(\d{10})-e(\d+)-s(\d+)-([0-9a-f]{64})\.ndjson$/
/** The form of earlier versions: the number of the first line alone. */
const OLD_NAME = /^log-(\d{20})\.ndjson$/
const CLAIM = /^\.term-(\d{10})$/

/** A file of the log. Its name says all of this but `last`, so it is made whole, with one call, and on a full disk too. */
export interface Segment {
  readonly name: string
  /** Raised by each segment: later terms follow earlier ones. 0 in the form of earlier versions. */
  readonly term: number
  /** The epoch of its writer; 0 in the form of earlier versions. */
  readonly epoch: number
  /** Number of its first line. */
  readonly first: number
  /** Hash of the record before the first; null in the form of earlier versions. */
  readonly hash: string | null
  /** Number of its last line that is part of the log, since a later segment follows that one; infinite for the newest. */
  readonly last: number
}

/** Whether all of its lines are part of the log. */
export const isNewest = ({ last }: Segment): boolean => last === Number.POSITIVE_INFINITY

const formatTerm = (term: number): string => String(term).padStart(10, '0')
/** The file name of a segment that follows a record; names of later terms sort behind those of earlier ones. */
export const formatSegmentName = (term: number, epoch: number, after: AuditChainHead): string =>
  `log-${formatTerm(term)}-e${epoch}-s${after.seq}-${after.hash}.ndjson`

function parseSegmentName(name: string): Segment | null {
  const last = Number.POSITIVE_INFINITY
  const old = OLD_NAME.exec(name)
  if (old !== null) return { name, term: 0, epoch: 0, first: Number(old[1]), hash: null, last }
  const found = NAME.exec(name)
  if (found === null) return null
  const [, term, epoch, seq, hash = ''] = found
  return { name, term: Number(term), epoch: Number(epoch), first: Number(seq) + 1, hash, last }
}

/**
 * Lists the segments of the log in the order in which they are read, each with the lines of it that count; empty if
 * there is none. What a segment holds behind the record that a later one follows is not part of the log, and a segment
 * of which nothing is left is not listed: its writer was replaced, and wrote late.
 *
 * @throws the system's error for the folder
 */
export async function listSegments(folder: string): Promise<readonly Segment[]> {
  const found = (await readdir(folder)).map(parseSegmentName).filter((one) => one !== null)
  const listed: Segment[] = []
  let last = Number.POSITIVE_INFINITY
  for (const segment of found.toSorted((a, b) => b.term - a.term || b.first - a.first)) {
    if (last >= segment.first) listed.push({ ...segment, last })
    last = Math.min(last, segment.first - 1)
  }
  return listed.toReversed()
}

/**
 * Claims the next term of a folder before anything of it is read: from then on the writer before acknowledges nothing,
 * so that what is read later holds all that it acknowledged.
 *
 * @throws FfError `backing_unavailable` if another process claims it at the same time; the system's error
 */
export async function claimNextTerm(folder: string): Promise<number> {
  const names = await readdir(folder)
  const terms = names.map((name) => Number((CLAIM.exec(name) ?? NAME.exec(name))?.[1] ?? 0))
  const term = terms.reduce((highest, one) => Math.max(highest, one), 0) + 1
  await claimTerm(folder, term)
  return term
}

/** The file that claims a term. It is empty, and stays: the writer of the term before looks for it. */
export const formatClaimPath = (folder: string, term: number): string =>
  join(folder, `.term-${formatTerm(term)}`)

/** @throws FfError `backing_unavailable` if the term is claimed already; the system's error */
export async function claimTerm(folder: string, term: number): Promise<void> {
  try {
    await (await open(formatClaimPath(folder, term), 'wx', 0o600)).close()
  } catch (error) {
    throw getErrorCode(error) === 'EEXIST' ? takenOverError(folder) : error
  }
}
