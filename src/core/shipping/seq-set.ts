/** A range of record numbers, both ends included. */
export type SeqRange = readonly [from: number, to: number]

/** A set of record numbers, kept as ranges: short where nearly all numbers up to the highest are in it. */
export class SeqSet {
  /** In order, with a gap between any two. */
  private held: [number, number][] = []

  /** How many numbers it holds. */
  get size(): number {
    return this.held.reduce((sum, [from, to]) => sum + to - from + 1, 0)
  }

  /** The ranges, in order, none touching the next one. */
  get ranges(): readonly SeqRange[] {
    return this.held
  }

  has(seq: number): boolean {
    const range = this.held[this.findRange(seq)]
    return range !== undefined && range[0] <= seq
  }

  /** The lowest number from `from` on that is not in the set. */
  findMissing(from: number): number {
    const range = this.held[this.findRange(from)]
    return range !== undefined && range[0] <= from ? range[1] + 1 : from
  }

  /** Adds ranges, which are in order and may touch or overlap; takes time for those that follow the first. */
  add(ranges: readonly SeqRange[]): void {
    const [first] = ranges
    if (first === undefined) return
    // One more than a range that ends right before the first number, which grows.
    const behind = this.held.splice(this.findRange(first[0] - 1))
    for (const range of mergeInOrder(behind, ranges)) {
      const last = this.held.at(-1)
      if (last === undefined || range[0] > last[1] + 1) this.held.push([range[0], range[1]])
      else last[1] = Math.max(last[1], range[1])
    }
  }

  /** Takes out every number behind `last`. */
  keepUpTo(last: number): void {
    const kept = this.held.filter(([from]) => from <= last)
    this.held = kept.map(([from, to]) => [from, Math.min(to, last)])
  }

  /** The index of the first range that ends at a number or behind it. */
  private findRange(seq: number): number {
    let [low, high] = [0, this.held.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.held[middle] as SeqRange)[1] < seq) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Yields the ranges of both lists, by their first number. */
function* mergeInOrder(one: readonly SeqRange[], other: readonly SeqRange[]): Generator<SeqRange> {
  let at = 0
  for (const range of one) {
    for (; at < other.length && (other[at] as SeqRange)[0] < range[0]; at += 1)
      yield other[at] as SeqRange
    yield range
  }
  yield* other.slice(at)
}
