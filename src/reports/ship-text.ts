import { formatColumns } from './paint.ts'

/** The document of `ff audit ship`: what the run did, and what is left. */
export interface ShipDocument {
  readonly delivered: number
  readonly retried: number
  readonly failed: number
  /** Why the last send had no answer; null where each had one. */
  readonly unavailable: string | null
  readonly left: {
    readonly pending: number
    readonly failed: number
    readonly oldest_seconds: number | null
  }
}

/** Lines of text. Counts of what is left go up to a limit of each slot. */
export function formatShipDocument({ left, ...run }: ShipDocument, width?: number): string {
  const oldest = left.oldest_seconds
  const rows = [
    ['delivered', `${run.delivered}`],
    ['tried again', `${run.retried}`],
    ['failed', `${run.failed}`],
    [
      'left pending',
      `${left.pending}${oldest === null ? '' : `, the oldest ${Math.round(oldest)} s old`}`,
    ],
    [
      'left failed',
      `${left.failed}${left.failed === 0 ? '' : ', until `ff audit redrive`; they hold back the later records of their targets'}`,
    ],
  ]
  const why = run.unavailable === null ? '' : `No broker took the rest: ${run.unavailable}.\n`
  return `${formatColumns(rows, width)}\n${why}`
}
