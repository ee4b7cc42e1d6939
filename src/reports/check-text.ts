import type { CheckReport } from '../core/report/types.ts'
import type { Style } from './style.ts'
import { columns, paintState } from './paint.ts'

export function checkText(
  { kind, items, sql, verdict, exitCode, exitName }: CheckReport,
  style: Style,
): string {
  const rows = items.map(({ state, id, title }) => [paintState(state, style), id, title])
  const wanting = items.filter(({ state }) => state !== 'pass')
  const todo = wanting.flatMap(({ id, codes, next }) => [
    `  ${id}: ${codes.join(', ')}`,
    ...(next === null ? [] : [`    ${next}`]),
  ])
  const parts = [
    `ff ${kind.replace('_', ' ')}`,
    ...(rows.length === 0 ? [] : [columns(rows)]),
    ...(todo.length === 0 ? [] : [todo.join('\n')]),
    ...(sql.length === 0 ? [] : [sql.join('\n')]),
    `${paintState(verdict, style)}  ${items.length - wanting.length} of ${items.length} hold.  exit ${exitCode} (${exitName})`,
  ]
  return `${parts.join('\n\n')}\n`
}
