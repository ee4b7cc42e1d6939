import { open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditChainHead } from '../../core/audit/record.ts'
import { getErrorCode, nullIfMissing } from '../../files/read-or-null.ts'
import { takenOverError } from './store-error.ts'

const NAME = /^log-(\d{10})-e(\d+)-s(\d+)-([0-9a-f]{64})\.ndjson$/
/** The form of earlier versions: the number of the first line alone. */
const OLD_NAME = /^log-(\d{20})\.ndjson$/
const CLAIM = /^\.term-(\d{10})$/
/** How many of the newest terms keep an empty file, for a process that has listed the folder before. */
const KEPT_TERMS = 64

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
 * so that what is read later holds all that it acknowledged. Removes what starts of terms that passed long ago left.
 *
 * @throws FfError `backing_unavailable` if another process claims it at the same time; the system's error
 */
export async function claimNextTerm(folder: string): Promise<number> {
  const term = (await findHighestTerm(folder)) + 1
  await claimTerm(folder, term)
  await removeOldTerms(folder, term)
  return term
}

/** The term in the name of a claim or a segment; 0 for any other name. */
const parseTerm = (name: string): number => Number((CLAIM.exec(name) ?? NAME.exec(name))?.[1] ?? 0)

async function findHighestTerm(folder: string): Promise<number> {
  const names = await readdir(folder)
  return names.reduce((highest, name) => Math.max(highest, parseTerm(name)), 0)
}

/** The file that claims a term. It is empty: the writer of the term before looks for it. */
const formatClaimPath = (folder: string, term: number): string =>
  join(folder, `.term-${formatTerm(term)}`)

/** @throws FfError `backing_unavailable` if this or a later term is claimed already; the system's error */
export async function claimTerm(folder: string, term: number): Promise<void> {
  // The claim of a term that passed long ago was removed, so that a process that was frozen could make it again.
  await requireHighestTerm(folder, term - 1)
  try {
    await (await open(formatClaimPath(folder, term), 'wx', 0o600)).close()
  } catch (error) {
    throw getErrorCode(error) === 'EEXIST' ? takenOverError(folder) : error
  }
}

/** @throws FfError `backing_unavailable` if a later term is claimed, or has a segment; the system's error */
export async function requireHighestTerm(folder: string, term: number): Promise<void> {
  if ((await findHighestTerm(folder)) > term) throw takenOverError(folder)
}

/**
 * Whether a claimed term is the newest. Looks for the next claim first: claims are removed in the order of their terms,
 * so where the next one was removed, that of this term is gone too.
 *
 * @throws the system's error, also for a folder that is gone
 */
export async function isNewestTerm(folder: string, term: number): Promise<boolean> {
  const isClaimed = async (one: number): Promise<boolean> =>
    (await nullIfMissing(stat(formatClaimPath(folder, one)))) !== null
  if (await isClaimed(term + 1)) return false
  if (await isClaimed(term)) return true
  await stat(folder)
  return false
}

/**
 * Removes claims, and segments without a line that a later one has replaced: each start leaves one of each. What
 * `listSegments` returns stays the same.
 */
async function removeOldTerms(folder: string, newest: number): Promise<void> {
  const listed = new Set((await listSegments(folder)).map(({ name }) => name))
  const isOld = (name: string): boolean =>
    parseTerm(name) > 0 && parseTerm(name) < newest - KEPT_TERMS && !listed.has(name)
  // In the order of their terms, as `isNewestTerm` needs it.
  for (const name of (await readdir(folder)).filter(isOld).toSorted()) {
    const path = join(folder, name)
    const isEmpty = (await nullIfMissing(stat(path)))?.size === 0
    if (isEmpty) await rm(path, { force: true })
  }
}
