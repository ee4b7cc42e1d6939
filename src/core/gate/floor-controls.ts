import { type Change, compareMembers } from './floor-members.ts'
import { FLOOR_RULES } from './floor-rules.ts'
import type { ChecklistItem, ControlRule } from './types.ts'

/**
 * Lists the changes of a team's controls of an item against the package's, each by the limit that it is for: a
 * further control is stricter, one that is dropped or loosened is looser. Empty where all are the same.
 */
export function compareControls(
  { controls }: ChecklistItem,
  team: ChecklistItem,
): readonly Change[] {
  const added = team.controls.filter((one) => findControl(controls, one) === undefined)
  const change = (one: ControlRule, more: Pick<Change, 'kind' | 'package' | 'team'>): Change => ({
    ...more,
    member: `controls.${one.limit}`,
    path: ['controls'],
    value: takeControls(controls, team.controls),
  })
  return [
    ...controls.flatMap((one): readonly Change[] => {
      const own = findControl(team.controls, one)
      if (own === undefined) return [change(one, { kind: 'looser', package: one.name, team: null })]
      return compareMembers(FLOOR_RULES.control, [one, own]).map(({ member, ...rest }) => ({
        ...change(one, rest),
        member: `controls.${one.limit}.${member}`,
      }))
    }),
    ...added.map((one) => change(one, { kind: 'stricter', package: null, team: one.name })),
  ]
}

const findControl = (
  controls: readonly ControlRule[],
  { limit }: ControlRule,
): ControlRule | undefined => controls.find((one) => one.limit === limit)

/** The team's controls with the package's value in each looser member, and the package's where there is none. */
function takeControls(
  controls: readonly ControlRule[],
  team: readonly ControlRule[],
): readonly ControlRule[] {
  const taken = team.map((own): ControlRule => {
    const floor = findControl(controls, own)
    if (floor === undefined) return own
    const looser = compareMembers(FLOOR_RULES.control, [floor, own]).filter(
      ({ kind }) => kind === 'looser',
    )
    return { ...own, ...Object.fromEntries(looser.map(({ member, value }) => [member, value])) }
  })
  return [...taken, ...controls.filter((one) => findControl(team, one) === undefined)]
}
