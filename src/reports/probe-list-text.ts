import type { ProbeRow } from '../core/report/types.ts'
import { formatColumns } from './paint.ts'

/** A line an item: its probe and where that measures, or what it needs. */
export function formatProbeList(rows: readonly ProbeRow[]): string {
  const lines = rows.map(({ id, probe, where, effect, needs }) => [
    id,
    probe,
    needs === null ? `${where} (${effect})` : `needs ${needs}`,
  ])
  const measured = rows.filter(({ needs }) => needs === null).length
  return `${formatColumns(lines)}\n\n${measured} of ${rows.length} items can be measured: ff probe run.\n`
}
