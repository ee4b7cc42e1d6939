import { canonicalizeValue } from '../json/plain.ts'
import { escapeLine } from '../text/terminal.ts'
import { compareControls } from './floor-controls.ts'
import { findLimitPairs, formatLimits, takeLimits } from './floor-limits.ts'
import { type Change, compareMembers, formatValue } from './floor-members.ts'
import { type ParameterRule, FLOOR_RULES, type FloorRule } from './floor-rules.ts'
import type { Checklist, ChecklistItem } from './types.ts'

/** One member in which a team's checklist departs from the package's; values in words, null where one lacks it. */
export interface Departure extends Omit<Change, 'path' | 'value'> {
  /** Id of the item, or of the group. */
  readonly item: string
}
/** A departure with its place in the team's checklist, and the value that ends it: undefined where the member goes. */
export interface PlacedDeparture extends Departure, Change {}

/** What the package says about its checklist besides the checklist: `contracts/readiness_gate.json`. */
export interface FloorTerms {
  /** By probe and parameter; a parameter that is not named is fixed. */
  readonly parameters: Readonly<Record<string, Readonly<Record<string, ParameterRule>>>>
  /** Items whose probe no command of a team may replace, waivable or not. */
  readonly never_commanded: readonly string[]
}
export interface FloorInput {
  /** The package's checklist. */
  readonly floor: Checklist
  readonly team: Checklist
  readonly terms: FloorTerms
}

/**
 * Lists every member in which a team's checklist departs from the package's: first the titles of groups, then the
 * members of the items in the package's order, then the team's own items; empty where there is none. An item that
 * only one of them has is looser. The order of items and of limits is no departure.
 */
export function listDepartures({ floor, team, terms }: FloorInput): readonly PlacedDeparture[] {
  const known = new Set(floor.items.map(({ id }) => id))
  return [
    ...floor.groups.flatMap((group) => compareGroup(group, team.groups)),
    ...floor.items.flatMap((item) => {
      const at = team.items.findIndex(({ id }) => id === item.id)
      const own = team.items[at]
      if (own === undefined) return [toWholeItem(item, ['present', null])]
      return compareItem(item, own, terms).map(({ path, ...one }): PlacedDeparture => ({
        item: item.id,
        ...one,
        path: ['items', String(at), ...path],
      }))
    }),
    ...team.items
      .filter(({ id }) => !known.has(id))
      .map((item) => toWholeItem(item, [null, 'present'])),
  ]
}

/**
 * Reduces departures of a team's checklist from the package's to the members that a report holds: item, member, kind
 * and both values in words; drops place and replacement value.
 */
export const toDepartures = (placed: readonly PlacedDeparture[]): readonly Departure[] =>
  placed.map(({ item, member, kind, package: floor, team }) => ({
    item,
    member,
    kind,
    package: floor,
    team,
  }))

/** A departure as `A1 min_sample: 12 in the package, 1 here`; escaped, so that no value can make a line. */
export const formatDeparture = ({ item, member, package: floor, team }: Departure): string =>
  escapeLine(`${item} ${member}: ${floor ?? 'nothing'} in the package, ${team ?? 'nothing'} here`)

/** A command of the team that measures an item in place of its probe. */
export interface TeamCommand {
  readonly item: string
  readonly argv: readonly string[]
}
/**
 * The commands of the team, in the order of the items: id and `argv` of each item of kind `command`. Empty where
 * every item has its own probe.
 */
export const listTeamCommands = (
  items: readonly Pick<ChecklistItem, 'id' | 'kind' | 'probe'>[],
): readonly TeamCommand[] =>
  items
    .filter(({ kind }) => kind === 'command')
    .map(({ id, probe }) => ({ item: id, argv: [probe.params['argv']].flat().map(String) }))

const toWholeItem = (
  { id }: ChecklistItem,
  [floor, team]: readonly [string | null, string | null],
): PlacedDeparture => ({
  item: id,
  member: 'item',
  kind: 'looser',
  package: floor,
  team,
  path: ['items'],
  value: undefined,
})

function compareGroup(
  group: Checklist['groups'][number],
  team: Checklist['groups'],
): readonly PlacedDeparture[] {
  const at = team.findIndex(({ id }) => id === group.id)
  const changes = compareMembers({ title: 'text' }, [group, team[at] ?? {}])
  return changes.map(({ path, ...one }) => ({
    item: group.id,
    ...one,
    path: ['groups', String(at), ...path],
  }))
}

function compareItem(
  own: ChecklistItem,
  team: ChecklistItem,
  terms: FloorTerms,
): readonly Change[] {
  const commanded = isCommanded(own, team, terms)
  const floor = commanded ? toCommandFloor(own) : own
  return [
    ...(commanded ? [toCommandChange(own, team)] : []),
    ...compareMembers(FLOOR_RULES.item, [floor, team]),
    ...compareMembers(FLOOR_RULES.probe, [floor.probe, team.probe], ['probe']),
    ...compareParameters(floor, team, terms),
    ...compareLimits(floor, team),
    ...compareControls(floor, team),
    ...(commanded ? findSameCommand(team) : []),
  ]
}

/** A command of the team replaces the probe of an item that may be waived; a signature has nothing to replace. */
const isCommanded = (
  { id, kind, waivable }: ChecklistItem,
  team: ChecklistItem,
  { never_commanded }: FloorTerms,
): boolean =>
  team.kind === 'command' &&
  kind !== 'signature' &&
  waivable !== 'no' &&
  !never_commanded.includes(id)

/** What a command of a team has to hold in place of the probe; all else stays as the package's item says. */
const toCommandFloor = (item: ChecklistItem): ChecklistItem => ({
  ...item,
  controls: item.controls.slice(0, 1).map((one) => ({ ...one, limit: 'exit_status' })),
  kind: 'command',
  probe: { name: 'command', version: 1, params: {} },
  limits: [{ measure: 'exit_status', op: 'equals', value: 0, unit: 'status' }],
  min_sample: 1,
})

const toCommandChange = ({ kind, probe }: ChecklistItem, team: ChecklistItem): Change => ({
  member: 'kind',
  kind: 'free',
  package: `${kind} ${probe.name}`,
  team: [team.kind, formatValue(team.probe.params['argv'])].join(' '),
  path: ['kind'],
  value: kind,
})

/** A control that is the command itself would have to fail and to pass. */
function findSameCommand({ probe }: ChecklistItem): readonly Change[] {
  const { argv, control_argv } = probe.params
  if (canonicalizeValue(argv) !== canonicalizeValue(control_argv)) return []
  const path = ['probe', 'params', 'control_argv']
  return [
    {
      member: path.join('.'),
      kind: 'looser',
      package: 'another command than argv',
      team: formatValue(control_argv),
      path,
      // The package has no command to put here.
      value: control_argv,
    },
  ]
}

function compareParameters(
  floor: ChecklistItem,
  team: ChecklistItem,
  { parameters }: FloorTerms,
): readonly Change[] {
  const named = new Map(Object.entries(parameters)).get(floor.probe.name) ?? {}
  const rules = new Map<string, FloorRule>(Object.entries(named))
  const names = new Set([floor, team].flatMap(({ probe }) => Object.keys(probe.params)))
  const ruled = [...names].map((name) => [name, rules.get(name) ?? 'fixed'] as const)
  const sides = [floor.probe.params, team.probe.params] as const
  return compareMembers(Object.fromEntries(ruled), sides, ['probe', 'params'])
}

function compareLimits({ limits }: ChecklistItem, team: ChecklistItem): readonly Change[] {
  const { pairs, added } = findLimitPairs(limits, team.limits)
  const value = takeLimits(limits, team.limits)
  const path = ['limits']
  return [
    ...pairs.flatMap(({ limit, found, kind }): Change[] =>
      kind === null
        ? []
        : [
            {
              member: `limits.${limit.measure}`,
              kind,
              package: formatLimits([limit]),
              team: formatLimits(found),
              path,
              value,
            },
          ],
    ),
    ...added.map((limit): Change => ({
      member: `limits.${limit.measure}`,
      kind: 'stricter',
      package: null,
      team: formatLimits([limit]),
      path,
      value,
    })),
  ]
}
