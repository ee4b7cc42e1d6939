/** The place of an item in a list; not in the list any more once it was removed. */
export interface AgePlace<T> {
  readonly item: T
  older: AgePlace<T> | null
  younger: AgePlace<T> | null
  held: boolean
}

/**
 * Items in order of age, added and removed in constant time. A Set that takes and loses one for each request makes a new
 * table every few requests, and V8 copies what a dead old table held until its next full collection: the requests of
 * that moment, and all that they hold.
 */
export class AgeList<T> {
  private first: AgePlace<T> | null = null
  private last: AgePlace<T> | null = null
  private count = 0

  get size(): number {
    return this.count
  }
  /** Null where the list is empty. */
  get oldest(): AgePlace<T> | null {
    return this.first
  }

  /** Adds an item as the youngest. @returns its place, to remove it by */
  add(item: T): AgePlace<T> {
    const place: AgePlace<T> = { item, older: this.last, younger: null, held: true }
    if (this.last === null) this.first = place
    else this.last.younger = place
    this.last = place
    this.count += 1
    return place
  }

  /** Removes an item by its place in this list. @returns false where it was removed before */
  remove(place: AgePlace<T>): boolean {
    if (!place.held) return false
    const { older, younger } = place
    if (older === null) this.first = younger
    else older.younger = younger
    if (younger === null) this.last = older
    else younger.older = older
    // A removed place must not keep its neighbours from being collected.
    place.older = place.younger = null
    place.held = false
    this.count -= 1
    return true
  }
}
