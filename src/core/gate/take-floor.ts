import { type FloorInput, listDepartures } from './floor.ts'
import type { Checklist } from './types.ts'

/**
 * The team's checklist with the package's value in each member that is looser, and no other change. An item that is
 * missing or unknown stays so, and so does a control of a team command that is the command itself.
 */
export const takeFloor = (input: FloorInput): Checklist =>
  listDepartures(input)
    .filter(({ kind, member }) => kind === 'looser' && member !== 'item')
    .reduce<unknown>(
      (checklist, { path, value }) => setIn(checklist, path, value),
      input.team,
    ) as Checklist

/** A copy of a value with one member replaced, added or, for undefined, removed. */
function setIn(target: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value
  if (Array.isArray(target))
    return target.map((one: unknown, at) => (String(at) === name ? setIn(one, rest, value) : one))
  const { [name]: own, ...others } = target as Record<string, unknown>
  const next = setIn(own, rest, value)
  if (next === undefined) return others
  const members = Object.entries(target as object)
  return Object.fromEntries(
    own === undefined
      ? [...members, [name, next]]
      : members.map(([key, one]) => [key, key === name ? next : one]),
  )
}
