import { appendPointer } from '../../core/json/pointer.ts'
import { formatDeparture, listDepartures } from '../../core/gate/floor.ts'
import { findWaiverFaults } from '../../core/gate/waivers.ts'
import { parseInstant, type Instant } from '../../core/rows/instant.ts'
import type { LoadedArtefact } from '../load.ts'
import type { ArtefactCode, ArtefactProblem } from '../problem.ts'

type Checklist = LoadedArtefact<'cutover_readiness_checklist'>
type Contract = LoadedArtefact<'readiness_gate'>
type Item = Checklist['value']['items'][number]

/**
 * Finds where the gate contract has another number of groups than its counts say (`group_count_differs`); else empty.
 */
export const findGateContractProblems = ({ file, value }: Contract): readonly ArtefactProblem[] =>
  findCountProblems(file, value.counts, { ...value.counts, groups: value.groups.length })

/**
 * Finds where a checklist is not of the form of the package's: missing, unknown or repeated items and groups and wrong
 * counts of both, an identity without a field on which all evidence must agree (`identity_incomplete`), an ordered
 * limit that is no number (`limit_has_no_order`), a further limit without a control (`control_missing`), and a control
 * of no limit or of one that has another (`control_unknown`, `id_repeated`). Compares no value with the package's.
 * Empty where there are none.
 * @param floor the package's checklist, which says which items there are
 */
export function findChecklistProblems(
  { file, value }: Checklist,
  contract: Contract,
  floor: Checklist,
): readonly ArtefactProblem[] {
  const { counts, groups, must_agree } = contract.value
  const named = value.groups.map(({ id }) => id)
  const known = floor.value.items.map(({ id }) => id)
  const add = (where: string, code: ArtefactCode, detail: string): ArtefactProblem => ({
    file,
    pointer: where,
    code,
    detail,
  })
  return [
    ...findCountProblems(file, counts, { items: value.items.length, groups: named.length }),
    ...findRepeated(value.items.map(({ id }) => id)).map(([at, id]) =>
      add(appendPointer('/items', at), 'id_repeated', id),
    ),
    ...findRepeated(named).map(([at, id]) => add(appendPointer('/groups', at), 'id_repeated', id)),
    ...groups.filter((id) => !named.includes(id)).map((id) => add('/groups', 'group_missing', id)),
    ...known
      .filter((id) => !value.items.some((one) => one.id === id))
      .map((id) => add('/items', 'item_missing', id)),
    ...value.items.flatMap((item, at) => {
      const own = floor.value.items.find(({ id }) => id === item.id)
      const faults: readonly Fault[] =
        own === undefined
          ? [['', 'item_unknown', item.id]]
          : [...findItemFaults(item, must_agree, own), ...findControlFaults(item, own)]
      return faults.map(([below, code, detail]) =>
        add(appendPointer('/items', at) + below, code, detail),
      )
    }),
  ]
}

/**
 * Finds where a checklist is looser than the package's (`checklist_loosened`); the detail names item, member and both
 * values. Empty where there are none.
 */
export const findLoosenedProblems = (
  { file, value }: Checklist,
  contract: Contract,
  floor: Checklist,
): readonly ArtefactProblem[] =>
  listDepartures({ floor: floor.value, team: value, terms: contract.value })
    .filter(({ kind }) => kind === 'looser')
    .map((one) => ({
      file,
      pointer: one.path.reduce(appendPointer, ''),
      code: 'checklist_loosened',
      detail: formatDeparture(one),
    }))

function findCountProblems(
  file: string,
  wanted: { readonly items: number; readonly groups: number },
  found: { readonly items: number; readonly groups: number },
): readonly ArtefactProblem[] {
  const rows: readonly (readonly [string, ArtefactCode, number, number])[] = [
    ['/items', 'item_count_differs', found.items, wanted.items],
    ['/groups', 'group_count_differs', found.groups, wanted.groups],
  ]
  return rows
    .filter(([, , is, should]) => is !== should)
    .map(([where, code, is, should]) => ({
      file,
      pointer: where,
      code,
      detail: `${is} instead of ${should}`,
    }))
}

const findRepeated = (ids: readonly string[]): readonly (readonly [number, string])[] =>
  ids.flatMap((id, at) => (ids.indexOf(id) === at ? [] : [[at, id] as const]))

type Fault = readonly [below: string, code: ArtefactCode, detail: string]
function findItemFaults(
  item: Item,
  mustAgree: readonly Item['identity'][number][],
  floor: Item,
): readonly Fault[] {
  const unordered = item.limits.flatMap(({ op, value, or_times }, at): Fault[] => {
    const number = typeof value === 'number'
    const good = op === 'equals' ? or_times === undefined : number
    return good ? [] : [[`/limits/${at}`, 'limit_has_no_order', op]]
  })
  return [
    // What the team lacks of the package's is no fault here: it is looser.
    ...mustAgree
      .filter((field) => ![...item.identity, ...floor.identity].includes(field))
      .map((field): Fault => ['/identity', 'identity_incomplete', field]),
    ...unordered,
  ]
}

/**
 * Each limit has one control, by its measure. What the team lacks of the package's is no fault here: it is looser.
 */
function findControlFaults({ kind, limits, controls }: Item, floor: Item): readonly Fault[] {
  const measures = limits.map(({ measure }) => measure)
  const floored = kind === 'command' ? [] : floor.limits.map(({ measure }) => measure)
  const named = controls.map(({ limit }) => limit)
  return [
    ...[...new Set(measures)]
      .filter((measure) => !named.includes(measure) && !floored.includes(measure))
      .map((measure): Fault => ['/controls', 'control_missing', measure]),
    ...findRepeated(named).map(([at, limit]): Fault => [`/controls/${at}`, 'id_repeated', limit]),
    ...named.flatMap((limit, at): readonly Fault[] =>
      measures.includes(limit) || floored.includes(limit)
        ? []
        : [[`/controls/${at}`, 'control_unknown', limit]],
    ),
  ]
}

/**
 * Finds repeated ids (`id_repeated`), times that are not canonical (`time_not_canonical`), a second waiver for one
 * item, and waivers that can never apply: unknown or unwaivable items, an end before the beginning, terms too long,
 * bounds of no limit, or only the requester's approval (codes `waiver_*`). Verifies no signature. Empty where there
 * are none.
 */
export function findWaiverProblems(
  { file, value }: LoadedArtefact<'waivers'>,
  checklist: Checklist,
  contract: Contract,
): readonly ArtefactProblem[] {
  const { waivers } = value
  const times = waivers.flatMap(({ requested_at, expires_at }, at) =>
    findTimeProblems(file, appendPointer('/waivers', at), { requested_at, expires_at }),
  )
  const rules = { items: checklist.value.items, policy: contract.value.waivers }
  const dated = waivers.map((one) => ({
    ...one,
    requested_at: one.requested_at as Instant,
    expires_at: one.expires_at as Instant,
  }))
  return [
    ...findRepeated(waivers.map(({ id }) => id)).map(([at, detail]): ArtefactProblem => ({
      file,
      pointer: appendPointer('/waivers', at),
      code: 'id_repeated',
      detail,
    })),
    ...times,
    ...findWaiverFaults(dated, rules).map(({ at, code }): ArtefactProblem => ({
      file,
      pointer: appendPointer('/waivers', at),
      code,
      detail: waivers[at]?.item ?? '',
    })),
  ]
}

/**
 * Finds times, of the date of Admin too, that are not canonical (`time_not_canonical`), and spans that break the order
 * (`span_invalid`): the window and the freeze must end after they begin, and the window must lie within the freeze.
 * Empty where there are none.
 */
export function findPlanProblems({
  file,
  value,
}: LoadedArtefact<'cutover_plan'>): readonly ArtefactProblem[] {
  const { window, freeze, admin } = value
  const order: readonly (readonly [boolean, string, string])[] = [
    [window.from >= window.until, '/window/until', 'the end is not after the beginning'],
    [freeze.from >= freeze.until, '/freeze/until', 'the end is not after the beginning'],
    [freeze.from > window.from, '/freeze/from', 'the freeze begins after the window'],
    [freeze.until < window.until, '/freeze/until', 'the freeze ends before the window'],
  ]
  return [
    ...findTimeProblems(file, '/window', window),
    ...findTimeProblems(file, '/freeze', freeze),
    ...findTimeProblems(file, '/admin', { date: admin.date }),
    ...order
      .filter(([broken]) => broken)
      .map(([, where, detail]): ArtefactProblem => ({
        file,
        pointer: where,
        code: 'span_invalid',
        detail,
      })),
  ]
}

const findTimeProblems = (
  file: string,
  parent: string,
  times: Readonly<Record<string, string>>,
): readonly ArtefactProblem[] =>
  Object.entries(times)
    .filter(([, text]) => parseInstant(text) === undefined)
    .map(([name, detail]) => ({
      file,
      pointer: appendPointer(parent, name),
      code: 'time_not_canonical',
      detail,
    }))

/** Finds repeated ids of rollback triggers (`id_repeated`, at the second one). Empty where there are none. */
export const findTriggerProblems = ({
  file,
  value,
}: LoadedArtefact<'rollback_triggers'>): readonly ArtefactProblem[] =>
  findRepeated(value.triggers.map(({ id }) => id)).map(([at, detail]) => ({
    file,
    pointer: appendPointer('/triggers', at),
    code: 'id_repeated',
    detail,
  }))
