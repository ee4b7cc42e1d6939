/** A call of a client with its answer, in milliseconds of one monotonic clock. */
export interface Operation {
  readonly kind: 'write' | 'read'
  /** The value written or read. No two writes of a row have the same one. */
  readonly value: number
  readonly from: number
  /** Infinity for a write of which the client does not know whether it took effect. */
  readonly to: number
}

/** A value lives from the first answer that shows it to the last call that does. */
interface Zone {
  readonly value: number
  readonly firstTo: number
  readonly lastFrom: number
}

/**
 * Looks for calls on one row that no order explains in which each one takes effect at a moment between its call and its
 * answer, after P. Gibbons and E. Korach, Testing Shared Memories (1997): where each value is written once, two values that
 * both have to last must not overlap, and a value that has to last must not enclose the whole of another one.
 *
 * @param first the value of the row before all calls
 * @returns what cannot be explained; null where everything can
 */
export function findUnexplained(calls: readonly Operation[], first = 0): string | null {
  const zones: Zone[] = []
  const start: Operation = { kind: 'write', value: first, from: -Infinity, to: -Infinity }
  const byValue = new Map<number, Operation[]>()
  for (const call of [start, ...calls]) add(byValue, call.value, call)
  for (const [value, same] of byValue) {
    const written = same.find(({ kind }) => kind === 'write')
    if (written === undefined) return `${value} was read and never written`
    const firstTo = Math.min(...same.map(({ to }) => to))
    if (firstTo < written.from) return `${value} was read before it was written`
    // A write without an answer that no reader has seen may never have taken effect.
    if (firstTo < Infinity) zones.push({ value, firstTo, lastFrom: findLast(same) })
  }
  const lasting = zones.filter(({ firstTo, lastFrom }) => firstTo < lastFrom)
  for (const one of lasting)
    for (const other of zones)
      if (other !== one && excludes(one, other))
        return `${other.value} was in effect between two moments of ${one.value}`
  return null
}

const findLast = (calls: readonly Operation[]): number => Math.max(...calls.map(({ from }) => from))

/** Whether another value has a moment that it needs within the time in which this one lasts. */
const excludes = (one: Zone, { firstTo, lastFrom }: Zone): boolean =>
  firstTo < lastFrom
    ? firstTo < one.lastFrom && one.firstTo < lastFrom
    : one.firstTo < lastFrom && firstTo < one.lastFrom

/**
 * Looks for a decision of one instance that is older than a decision it has given before, or than a change it has acknowledged
 * before. Values of the row only grow.
 *
 * @returns the first one; null where there is none
 */
export function findBackwards(calls: readonly Operation[]): string | null {
  const ends = calls.toSorted((a, b) => a.to - b.to)
  const reads = calls.filter(({ kind }) => kind === 'read').toSorted((a, b) => a.from - b.from)
  let known = -Infinity
  let at = 0
  for (const read of reads) {
    for (let end = ends[at]; end !== undefined && end.to < read.from; end = ends[++at])
      known = Math.max(known, end.value)
    if (read.value < known) return `${read.value} was served after ${known}`
  }
  return null
}

/** What clients have seen of rows whose values only grow. */
export class History {
  private readonly byRow = new Map<string, Operation[]>()
  private readonly byInstance = new Map<string, Operation[]>()

  /** Notes a write, or a read of the management, which shows everything that was acknowledged before it. */
  addCall(row: string, call: Operation): void {
    add(this.byRow, row, call)
  }
  /** Notes what one instance has decided without a mark, or has acknowledged. */
  addAtInstance(instance: string, row: string, call: Operation): void {
    add(this.byInstance, `${instance} ${row}`, call)
  }
  get reads(): number {
    return [...this.byRow.values()].flat().filter(({ kind }) => kind === 'read').length
  }
  get decisions(): number {
    return [...this.byInstance.values()].flat().filter(({ kind }) => kind === 'read').length
  }

  /** What breaks linearisability of a row, or goes backwards at an instance; empty where nothing does. */
  findFaults(): readonly string[] {
    const rows = [...this.byRow].map(([row, calls]) => describe(row, findUnexplained(calls)))
    const instances = [...this.byInstance].map(([key, calls]) =>
      describe(key, findBackwards(calls)),
    )
    return [...rows, ...instances].filter((found) => found !== null)
  }
}

const describe = (what: string, found: string | null): string | null =>
  found === null ? null : `${what}: ${found}`

function add<Key>(lists: Map<Key, Operation[]>, key: Key, call: Operation): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [call])
  else list.push(call)
}
