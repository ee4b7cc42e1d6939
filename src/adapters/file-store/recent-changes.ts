import type { CopiedChange } from '../../ports/cutover.ts'

/** Most changes and bytes of lines that are kept in memory. */
const MOST = { changes: 4_000, bytes: 8_388_608 } as const

/** The last changes of a log, in order and without a gap, so that what follows the log closely needs no disk. */
export class RecentChanges {
  private kept: { readonly change: CopiedChange; readonly bytes: number }[] = []
  private bytes = 0

  /** Adds a change behind the last one. @param bytes length of its line */
  push(change: CopiedChange, bytes: number): void {
    this.kept.push({ change, bytes })
    this.bytes += bytes
    if (this.kept.length <= 2 * MOST.changes && this.bytes <= 2 * MOST.bytes) return
    while (this.kept.length > MOST.changes || this.bytes > MOST.bytes) {
      const count = Math.max(1, this.kept.length - MOST.changes)
      for (const one of this.kept.splice(0, count)) this.bytes -= one.bytes
    }
  }

  /** The changes from record `seq` on, at most `limit` and `maxBytes`, one at least; empty where `seq` is not kept. */
  list(seq: number, limit: number, maxBytes: number): readonly CopiedChange[] {
    const first = this.kept[0]?.change.record.seq ?? seq
    if (seq < first) return []
    let bytes = 0
    const next = this.kept.slice(seq - first, seq - first + limit)
    const end = next.findIndex((one) => (bytes += one.bytes) > maxBytes)
    return next.slice(0, end < 0 ? undefined : Math.max(1, end)).map(({ change }) => change)
  }
}
