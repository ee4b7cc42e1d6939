import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type AuditChainHead, serializeRecord } from '../../core/audit/record.ts'
import { type JsonNode, parseLosslessJson } from '../../core/json/read.ts'
import { getMember } from '../../core/row-format/row-line.ts'
import { getRowKey, serializeRow } from '../../core/rows/rows.ts'
import type { CopiedChange } from '../../ports/cutover.ts'
import {
  lacksNewline,
  MAX_STORED_LINE_BYTES,
  readFileLines,
  sealLogLine,
  unsealLogLine,
} from './lines.ts'
import type { ByteLine } from '../../files/line-splitter.ts'
import { isNewest, listSegments, type Segment } from './segments.ts'
import { parseNumber, SNAPSHOT, StoreDamage } from './snapshot.ts'

/**
 * Formats a change as a sealed line with newline: rows and audit record together, so that neither exists without the
 * other. The line has the number of the record, and no `op_id` or `request_digest` where the change has none.
 */
export function formatLogLine({ record, name, rows }: CopiedChange, epoch: number): string {
  const changes = rows.map(
    ({ table, row }) =>
      `{"key":${JSON.stringify(getRowKey(row))},"row":${serializeRow(row)},"table":"${table}"}`,
  )
  const members = [
    `"audit":${serializeRecord(record)},"changes":[${changes.join(',')}],"epoch":${epoch}`,
    ...(name === null ? [] : [`"op_id":${JSON.stringify(name.op_id)}`]),
    ...(name === null || name.request_digest === null
      ? []
      : [`"request_digest":${JSON.stringify(name.request_digest)}`]),
    `"seq":${record.seq}`,
  ]
  return sealLogLine(`{${members.join(',')}}`)
}

/** The end of the log after a replay; a writer continues there, with a segment of its own. */
export interface LogTail {
  readonly head: AuditChainHead
  /** The epoch of the last segment; 0 if nothing was written since the snapshot. */
  readonly epoch: number
  /** File name of the last segment; null if nothing was written since the snapshot. */
  readonly segment: string | null
  /** Length of that segment up to its last whole line, in bytes. */
  readonly size: number
  /** Length of all whole lines since the snapshot, in bytes. */
  readonly bytes: number
}

/** The rows that one log line changes (none at the start of a segment), and the end of the log behind it. */
export interface ReplayedLine {
  /** The whole line; null at the start of a segment. */
  readonly entry: JsonNode
  readonly changes: readonly JsonNode[]
  readonly tail: LogTail
}

/**
 * Yields the lines of every segment that starts after the record `from`, each with its changed rows and the end of the
 * log behind it; before each segment, an entry without changes. Leaves out what a segment holds behind the record that
 * the next one follows, and a torn last line. Checks first that the segment before, which a snapshot includes, has the
 * record `from` at its end.
 *
 * @throws StoreDamage at a line that is not as it was written, a gap in the numbers, or a break of the audit chain;
 * LineTooLong; the system's error
 */
export async function* replayLog(
  folder: string,
  from: AuditChainHead,
): AsyncGenerator<ReplayedLine> {
  const all = await listSegments(folder)
  const segments = all.filter(({ first }) => first > from.seq)
  const included = all[all.length - segments.length - 1]
  if (included !== undefined) await checkEnd(folder, included, from)
  const tail: LogTail = { head: from, epoch: 0, segment: null, size: 0, bytes: 0 }
  yield { entry: null, changes: [], tail }
  yield* readSegments(folder, segments, tail)
}

/** As `replayLog`, from where a replay has ended. */
export async function* continueLog(folder: string, tail: LogTail): AsyncGenerator<ReplayedLine> {
  const segments = (await listSegments(folder)).filter(
    ({ name, first }) => name === tail.segment || first > tail.head.seq,
  )
  yield* readSegments(folder, segments, tail)
}

async function* readSegments(
  folder: string,
  segments: readonly Segment[],
  from: LogTail,
): AsyncGenerator<ReplayedLine> {
  let { head } = from
  let before = from.bytes - from.size
  for (const segment of segments) {
    const { name, epoch, last } = segment
    const isContinued = name === from.segment
    if (!isContinued) requireFollows(segment, head)
    let size = isContinued ? from.size : 0
    const tail = { head, epoch, segment: name, size, bytes: before + size }
    yield { entry: null, changes: [], tail }
    for await (const line of readFileLines(join(folder, name), size)) {
      if (head.seq === last || (isNewest(segment) && isTorn(line))) break
      const where = `the line of ${name} at byte ${line.offset}`
      const { entry, changes, head: next } = readEntry(unsealOrThrow(line, where), head, where)
      head = next
      size = line.offset + line.bytes.length + 1
      const tail = { head, epoch, segment: name, size, bytes: before + size }
      yield { entry, changes, tail }
    }
    before += size
  }
}

/** @throws StoreDamage if the segments before do not end with the record that this one follows */
function requireFollows({ name, first, hash }: Segment, head: AuditChainHead): void {
  if (head.seq !== first - 1 || (hash ?? head.hash) !== head.hash)
    throw new StoreDamage(`${name} does not follow record ${head.seq}, the last one before it`)
}

const unsealOrNull = ({ bytes, ended }: ByteLine): string | null =>
  ended ? unsealLogLine(bytes) : null

/** @throws StoreDamage */
function unsealOrThrow(line: ByteLine, where: string): string {
  const json = unsealOrNull(line)
  if (json === null) throw new StoreDamage(`${where} does not match its checksum`)
  return json
}

/** Room for the last whole line of a segment and for a torn line behind it. */
const END_BYTES = 2 * MAX_STORED_LINE_BYTES + 2

/**
 * Checks the end of a segment whose records a snapshot includes: that it has the record that the snapshot names, behind
 * which there is nothing but a torn line, or what was written late, and the checksum of each line before. Reads 2 MiB,
 * whatever the length of the segment, or more where more was written late.
 *
 * @throws StoreDamage
 */
async function checkEnd(folder: string, segment: Segment, head: AuditChainHead): Promise<void> {
  const path = join(folder, segment.name)
  const { size } = await stat(path)
  const isPassed = segment.last === head.seq
  for (let bytes = END_BYTES; ; bytes *= 4) {
    const start = Math.max(0, size - bytes)
    if (await hasAtEnd(path, { start, isPassed }, head)) return
    if (start === 0 || !isPassed)
      throw new StoreDamage(
        `${segment.name} does not end with record ${head.seq}, as ${SNAPSHOT} says`,
      )
  }
}

/** @param part.isPassed whether lines may stand behind the record, which do not count */
async function hasAtEnd(
  path: string,
  { start, isPassed }: { readonly start: number; readonly isPassed: boolean },
  head: AuditChainHead,
): Promise<boolean> {
  let found = false
  let damaged: ByteLine | null = null
  for await (const line of readFileLines(path, start)) {
    if (isPart(line, start) || (!isPassed && isTorn(line))) continue
    const json = unsealOrNull(line)
    found = isRecord(json, head)
    if (found && isPassed) break
    if (json === null) damaged ??= line
  }
  if (damaged !== null && (found || !isPassed))
    unsealOrThrow(damaged, `the line of ${basename(path)} at byte ${damaged.offset}`)
  return found
}

/** Whether a read from the middle of a file may have begun within this line. */
const isPart = ({ offset }: ByteLine, start: number): boolean => start > 0 && offset === start

function isRecord(json: string | null, { seq, hash }: AuditChainHead): boolean {
  // Of most lines this tells enough, and costs less than parsing them.
  if (json?.endsWith(`,"seq":${seq}}`) !== true) return false
  const read = parseLosslessJson(json)
  return (
    read.ok &&
    parseNumber(getMember(read.node, 'seq')) === seq &&
    getMember(getMember(read.node, 'audit') ?? null, 'hash') === hash
  )
}

/**
 * Whether the last line of a segment was torn, so that its write was never acknowledged. If it begins with a whole line
 * and goes on, that line was acknowledged, and its newline changed afterwards: that is damage.
 */
export const isTorn = ({ bytes, ended }: ByteLine): boolean => !ended && !lacksNewline(bytes)

function readEntry(
  json: string,
  head: AuditChainHead,
  where: string,
): Omit<ReplayedLine, 'tail'> & { readonly head: AuditChainHead } {
  const read = parseLosslessJson(json)
  if (!read.ok) throw new StoreDamage(`${where} is not JSON`)
  const seq = parseNumber(getMember(read.node, 'seq'))
  const audit = getMember(read.node, 'audit') ?? null
  const [prev, hash] = [getMember(audit, 'prev_hash'), getMember(audit, 'hash')]
  if (seq !== head.seq + 1)
    throw new StoreDamage(`${where} has number ${seq}, expected ${head.seq + 1}`)
  if (prev !== head.hash || typeof hash !== 'string')
    throw new StoreDamage(`${where} does not continue the audit chain`)
  const changes = getMember(read.node, 'changes')
  if (!Array.isArray(changes)) throw new StoreDamage(`${where} has no changes`)
  return { entry: read.node, changes: changes as readonly JsonNode[], head: { seq, hash } }
}
