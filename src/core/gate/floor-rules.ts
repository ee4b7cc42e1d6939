import { parseDurationMs } from './duration.ts'
import type { ChecklistItem, ControlRule, ProbeCall } from './types.ts'

/** How a member of a team's checklist relates to the package's: only a looser one is refused. */
export type DepartureKind = 'looser' | 'stricter' | 'free' | 'text'

/** The direction in which a parameter of a probe is stricter; `free` describes the service of the team. */
export type ParameterRule = 'at_least' | 'at_most' | 'superset' | 'free'
/** The same for any member: `fixed` has no stricter value, `text` is read by people alone. */
export type FloorRule = ParameterRule | 'fixed' | 'text' | 'duration' | 'waivable' | 'run'

type Judge = (floor: unknown, team: unknown) => DepartureKind
const stricterIf = (holds: boolean): DepartureKind => (holds ? 'stricter' : 'looser')

/** By the place of each value in a list from looser to stricter; a value that is not listed is looser. */
const byRank =
  (...ranks: readonly unknown[]): Judge =>
  (floor, team) =>
    stricterIf(ranks.indexOf(team) > ranks.indexOf(floor))

const areNumbers = (...values: readonly unknown[]): boolean =>
  values.every((one) => typeof one === 'number')

/** The rules by which two values that differ are judged. */
const KINDS: Readonly<Record<FloorRule, Judge>> = {
  at_least: (floor, team) =>
    stricterIf(areNumbers(floor, team) && (team as number) > (floor as number)),
  at_most: (floor, team) =>
    stricterIf(areNumbers(floor, team) && (team as number) < (floor as number)),
  superset: (floor, team) => {
    if (!Array.isArray(floor) || !Array.isArray(team)) return 'looser'
    if (!team.every((one) => typeof one === 'string')) return 'looser'
    if (!floor.every((one) => team.includes(one))) return 'looser'
    return team.every((one) => floor.includes(one)) ? 'text' : 'stricter'
  },
  duration: (floor, team) => {
    const [most, own] = [floor, team].map((one) => parseDurationMs(String(one)))
    return own === most ? 'text' : stricterIf(Number(own) < Number(most))
  },
  waivable: byRank('one', 'two', 'no'),
  run: byRank('selftest', 'with_probe'),
  fixed: () => 'looser',
  // A service without connections or instances would need none of what is measured.
  free: (floor, team) =>
    typeof floor !== 'number' || (areNumbers(team) && (team as number) >= 1) ? 'free' : 'looser',
  text: () => 'text',
}

/** The members that have rules of their own: limits, controls, and the parameters of the probe. */
type Nested = 'probe' | 'limits' | 'controls'
/** The rule of each member; one without a rule does not compile. */
export const FLOOR_RULES = {
  kinds: KINDS,
  item: {
    id: 'fixed',
    group: 'fixed',
    title: 'text',
    why: 'text',
    kind: 'fixed',
    min_sample: 'at_least',
    max_age: 'duration',
    identity: 'superset',
    waivable: 'waivable',
    attest_role: 'fixed',
    where: 'fixed',
    effect: 'fixed',
    owner: 'text',
    remediation: 'text',
    docs: 'text',
  } satisfies Readonly<Record<Exclude<keyof ChecklistItem, Nested>, FloorRule>>,
  probe: { name: 'fixed', version: 'at_least' } satisfies Readonly<
    Record<Exclude<keyof ProbeCall, 'params'>, FloorRule>
  >,
  control: { name: 'text', run: 'run', max_age: 'duration' } satisfies Readonly<
    Record<Exclude<keyof ControlRule, 'limit'>, FloorRule>
  >,
} as const
