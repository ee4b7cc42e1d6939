import type { MappingRefusal } from './types.ts'

/** Enough for a reader of a document that does not fit at all. */
const MOST_KEPT = 1_000

/** Counts all items in `count`, and keeps the first 1,000 of each cause in `kept`. */
export class BoundedList<T> {
  count = 0
  readonly kept: T[] = []
  /** Number of all items of each cause. */
  readonly causes = new Map<string, number>()
  private readonly causeOf: (item: T) => string

  /** @param causeOf one of few texts for an item; without it all items have one cause, the empty text */
  constructor(causeOf: (item: T) => string = () => '') {
    this.causeOf = causeOf
  }

  /** Counts all of the items; keeps those of a cause while fewer than 1,000 of it are kept. */
  add(more: readonly T[]): void {
    this.count += more.length
    for (const item of more) {
      const cause = this.causeOf(item)
      const before = this.causes.get(cause) ?? 0
      this.causes.set(cause, before + 1)
      if (before < MOST_KEPT) this.kept.push(item)
    }
  }
}

/** The cause of a refusal: its code, and the member of the row or the loss that it is about. */
export const getCause = ({ code, about = '' }: MappingRefusal): string => `${code} ${about}`
