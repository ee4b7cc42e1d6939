import { appendPointer } from '../../core/json/pointer.ts'
import { parseDurationMs } from '../../core/gate/duration.ts'
import type { Waivable } from '../../core/gate/types.ts'
import { findWaiverFaults } from '../../core/gate/waivers.ts'
import { parseInstant, type Instant } from '../../core/rows/instant.ts'
import type { LoadedArtefact } from '../load.ts'
import type { ArtefactCode, ArtefactProblem } from '../problem.ts'

type Checklist = LoadedArtefact<'cutover_readiness_checklist'>
type Contract = LoadedArtefact<'readiness_gate'>
type Item = Checklist['value']['items'][number]
type Floor = Contract['value']['items'][number]

/**
 * Finds where the gate contract has another number of items or groups than its counts say (`item_count_differs`,
 * `group_count_differs`), and repeated item ids (`id_repeated`). Empty where there are none.
 */
export function findGateContractProblems({ file, value }: Contract): readonly ArtefactProblem[] {
  const { counts, items, groups } = value
  return [
    ...findCountProblems(file, counts, { items: items.length, groups: groups.length }),
    ...findRepeated(items.map(({ id }) => id)).map(([at, detail]): ArtefactProblem => ({
      file,
      pointer: appendPointer('/items', at),
      code: 'id_repeated',
      detail,
    })),
  ]
}

/**
 * Finds where a checklist breaks the gate contract: missing, unknown or repeated items and groups, an item with a
 * looser age, waiver, role, place or attestation than the contract's, an identity without a required field, and an
 * ordered limit that is no number. Does not compare the values of limits. Empty where there are none.
 */
export function findChecklistProblems(
  { file, value }: Checklist,
  contract: Contract,
): readonly ArtefactProblem[] {
  const { counts, groups, items: floors, must_agree } = contract.value
  const named = value.groups.map(({ id }) => id)
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
    ...floors
      .filter(({ id }) => !value.items.some((one) => one.id === id))
      .map(({ id }) => add('/items', 'item_missing', id)),
    ...value.items.flatMap((item, at) => {
      const floor = floors.find(({ id }) => id === item.id)
      const faults: readonly Fault[] =
        floor === undefined
          ? [['', 'item_unknown', item.id]]
          : [...findLoosened(item, floor), ...findItemFaults(item, must_agree)]
      return faults.map(([below, code, detail]) =>
        add(appendPointer('/items', at) + below, code, detail),
      )
    }),
  ]
}

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
/** The looser values of each: `one` needs one approval, `two` needs two, and `no` allows no waiver. */
const LOOSER: Readonly<Record<Waivable, readonly Waivable[]>> = {
  no: ['one', 'two'],
  two: ['one'],
  one: [],
}

function findLoosened(item: Item, floor: Floor): readonly Fault[] {
  // A team may replace the probe of a waivable item by a command of its own.
  const ownCommand = item.kind === 'command' && floor.kind === 'probe' && floor.waivable !== 'no'
  const rows: readonly (readonly [boolean, Fault])[] = [
    [item.kind !== floor.kind && !ownCommand, ['/kind', 'kind_differs', floor.kind]],
    [
      parseDurationMs(item.max_age) > parseDurationMs(floor.max_age),
      ['/max_age', 'age_too_long', floor.max_age],
    ],
    [
      LOOSER[floor.waivable].includes(item.waivable),
      ['/waivable', 'waivable_loosened', floor.waivable],
    ],
    [
      item.attest_role !== floor.attest_role,
      ['/attest_role', 'attest_role_differs', String(floor.attest_role)],
    ],
    [item.where !== floor.where, ['/where', 'where_differs', floor.where]],
    [item.group !== item.id.charAt(0), ['/group', 'group_differs', item.id.charAt(0)]],
  ]
  const named = [item.probe.params['attests'] ?? []].flat()
  const unnamed = floor.attests.filter((one) => !named.includes(one))
  return [
    ...rows.flatMap(([broken, fault]) => (broken ? [fault] : [])),
    ...unnamed.map((one): Fault => ['/probe/params/attests', 'attests_loosened', one]),
  ]
}

function findItemFaults(
  item: Item,
  mustAgree: readonly Item['identity'][number][],
): readonly Fault[] {
  const unordered = item.limits.flatMap(({ op, value, or_times }, at): Fault[] => {
    const number = typeof value === 'number'
    const good = op === 'equals' ? or_times === undefined : number
    return good ? [] : [[`/limits/${at}`, 'limit_has_no_order', op]]
  })
  return [
    ...mustAgree
      .filter((field) => !item.identity.includes(field))
      .map((field): Fault => ['/identity', 'identity_incomplete', field]),
    ...unordered,
  ]
}

/**
 * Finds repeated ids, times that are not canonical, a second waiver for one item, and waivers that can never apply:
 * unknown or unwaivable items, terms too long, or only the requester's approval. Verifies no signature. Empty where
 * there are none.
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
 * Finds times that are not canonical, and spans that break the order (`span_invalid`): the window and the freeze must
 * end after they begin, and the window must lie within the freeze. Empty where there are none.
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
