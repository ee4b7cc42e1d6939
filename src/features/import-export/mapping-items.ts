import { type BoundedList, getCause } from '../../core/import-mapping/bounded-list.ts'
import type { ConstantUse } from '../../core/import-mapping/constants.ts'
import type { MappedDocument } from '../../core/import-mapping/map-document.ts'
import type { LeftPlace } from '../../core/import-mapping/survey.ts'
import type { MappingChange, MappingRefusal } from '../../core/import-mapping/types.ts'
import { type CheckResult, passResult } from '../../core/report/check-report.ts'
import { truncateText } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { RowFinding } from './row-report.ts'

/** Places shown of each cause; `--explain` shows all that are kept. */
const SHOWN_OF_A_CAUSE = 3

/**
 * The items of a mapped document: `mapping` with its refusals by cause, three places each, and `changes` with
 * counts alone, unless the document cannot be read. Without refusals `mapping`, `left_behind` where there is anything,
 * `changes`, and `constants` where rows hold any.
 *
 * @param faults faults of the file as a whole
 * @param explain the code of the refusals to list in full, and alone; null for none
 * @throws FfError `option_invalid` for a code that none of the refusals has
 */
export function buildMappingItems(
  faults: readonly RowFinding[],
  document: MappedDocument | null,
  explain: string | null,
): readonly CheckResult[] {
  const refused = faults.length + (document?.refusals.count ?? 0)
  if (document === null || refused > 0) {
    const refusals = document === null ? [] : listRefusals(document.refusals, explain)
    const findings = [...faults, ...refusals]
    const title = `${refused} refused`
    const item: CheckResult = { id: 'mapping', title, state: 'fail', findings, next: NEXT }
    return document === null ? [item] : [item, countWithoutList(document)]
  }
  const { left, changes, constants } = document
  return [
    passResult('mapping', `left behind on purpose: ${left.count}`),
    ...(left.count === 0 ? [] : [buildLeftItem(left)]),
    buildChangesItem(changes),
    ...(constants.length === 0 ? [] : [buildConstantsItem(constants)]),
  ]
}
const NEXT = 'Correct the file or the mapping and run the same command again; nothing was written.'

function listRefusals(
  { kept, causes }: BoundedList<MappingRefusal>,
  explain: string | null,
): readonly RowFinding[] {
  const codes = new Set(kept.map(({ code }) => code))
  if (explain !== null && kept.length > 0 && !kept.some(({ code }) => code === explain))
    throw new FfError('option_invalid', `No refusal of this file has the code ${explain}.`, {
      hint: `Give --explain one of: ${[...codes].join(', ')}.`,
    })
  const groups = new Map<string, MappingRefusal[]>()
  for (const one of kept) {
    const cause = getCause(one)
    groups.set(cause, [...(groups.get(cause) ?? []), one])
  }
  return [...groups].flatMap(([cause, group]) => {
    const code = group[0]?.code ?? ''
    if (explain !== null) return explain === code ? group.map(toFinding) : []
    const more = (causes.get(cause) ?? 0) - SHOWN_OF_A_CAUSE
    const shown = group.slice(0, SHOWN_OF_A_CAUSE).map(toFinding)
    const detail = `${more} more; add --explain ${code}`
    return more > 0 ? [...shown, { code, pointer: null, detail }] : shown
  })
}

const toFinding = ({ code, pointer, detail }: MappingRefusal): RowFinding => ({
  code,
  pointer,
  detail,
})

/** Thousands of listed changes would push the refusals off the screen. */
const countWithoutList = ({ changes, left }: MappedDocument): CheckResult =>
  passResult(
    'changes',
    `${changes.count} values change, ${left.count} places are left behind; listed once nothing is refused`,
  )

const buildLeftItem = ({ count, kept }: BoundedList<LeftPlace>): CheckResult => ({
  ...passResult('left_behind', `left behind on purpose: ${count}, listed: ${kept.length}`),
  findings: kept.map(({ pointer, skip }) => ({
    code: skip === null ? 'ignored' : skip.loss === undefined ? 'skipped' : 'loss_accepted',
    pointer,
    detail: skip === null ? 'by the mapping' : skip.reason,
  })),
})

const buildChangesItem = ({ count, kept }: BoundedList<MappingChange>): CheckResult => ({
  ...passResult('changes', `values changed by the mapping: ${count}, listed: ${kept.length}`),
  findings: kept.map(({ code, pointer, was, becomes }) => ({
    code,
    pointer,
    detail: `${formatText(was)} -> ${formatText(becomes)}`,
  })),
})

const buildConstantsItem = (constants: readonly ConstantUse[]): CheckResult => ({
  ...passResult('constants', `values that the mapping gives and not the file: ${constants.length}`),
  findings: constants.map(({ table, member, value, note, rows }) => ({
    code: 'constant_taken',
    pointer: null,
    detail: `${member} of ${table}: ${formatText(value)} in ${rows} rows${note === null ? '' : `; ${note}`}`,
  })),
})

const MOST_SHOWN = 60
const formatText = (text: string | null): string =>
  text === null ? 'absent' : truncateText(text, MOST_SHOWN)
