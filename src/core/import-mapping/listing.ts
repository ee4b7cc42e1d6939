/** Of a document that does not fit at all, nobody reads more. */
const MOST_KEPT = 1_000

/** Counts all that it is told, and keeps the first of them. */
export class BoundedList<T> {
  count = 0
  readonly kept: T[] = []

  add(more: readonly T[]): void {
    this.count += more.length
    this.kept.push(...more.slice(0, MOST_KEPT - this.kept.length))
  }
}
