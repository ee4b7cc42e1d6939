import { canonicalizeValue } from '../json/plain.ts'
import { type DepartureKind, FLOOR_RULES, type FloorRule } from './floor-rules.ts'

/** One member in which an item departs from the package's; values in words, null where one lacks it. */
export interface Change {
  /** Such as `min_sample`, `probe.params.pairs`, `limits.forged_accepted`. */
  readonly member: string
  readonly kind: DepartureKind
  readonly package: string | null
  readonly team: string | null
  /** The place within the item, and the value that ends the change: undefined where the member goes. */
  readonly path: readonly string[]
  readonly value: unknown
}

/**
 * Compares the members of two objects that have a rule: the package's object first, then the team's. One change for
 * each member that differs, `looser`, `stricter`, `free` or `text` by its rule, named and placed below `parent`; empty
 * where none does.
 */
export function compareMembers(
  rules: Readonly<Record<string, FloorRule>>,
  sides: readonly [floor: object, team: object],
  parent: readonly string[] = [],
): readonly Change[] {
  const [own, other] = sides.map((one) => new Map<string, unknown>(Object.entries(one)))
  return Object.entries(rules).flatMap(([name, rule]): Change[] => {
    const [value, found] = [own?.get(name), other?.get(name)]
    if (isEqual(value, found)) return []
    const path = [...parent, name]
    return [
      {
        member: path.join('.'),
        kind: FLOOR_RULES.kinds[rule](value, found),
        package: formatValue(value),
        team: formatValue(found),
        path,
        value,
      },
    ]
  })
}

/** A missing value has no form, and equals only another one. */
const isEqual = (left: unknown, right: unknown): boolean =>
  canonicalizeValue(left) === canonicalizeValue(right)

/**
 * A value in words, for people: a list of texts joined by blanks, `none` where it is empty; a text as it is; any
 * other value in RFC 8785 form. Null where the value is missing (undefined).
 */
export function formatValue(value: unknown): string | null {
  if (value === undefined) return null
  if (Array.isArray(value) && value.every((one) => typeof one === 'string'))
    return value.length === 0 ? 'none' : value.join(' ')
  return typeof value === 'string' ? value : canonicalizeValue(value)
}
