import { canonicalize } from '../json/canonical.ts'
import { parsePointer } from '../json/pointer.ts'
import { canonicalizeValue } from '../json/plain.ts'
import type { JsonNode } from '../json/read.ts'
import type { TableName } from '../rows/rows.ts'
import { detectType } from './convert.ts'
import { type MappingEntry, matchesPattern } from './entries.ts'
import { readSource } from './source.ts'
import { splitText } from './split.ts'
import type { EntryCondition, EntryPattern, EntryRule, ImportMapping, SkipRule } from './types.ts'

/** A rule with the table that it makes rows of. */
export interface TableRule {
  readonly table: TableName
  readonly rule: EntryRule
}

/** Every rule of a mapping, flags first, as overrides are validated against them. */
export const listTableRules = (mapping: ImportMapping): readonly TableRule[] => [
  ...mapping.flags.map((rule) => ({ table: 'flag_registry' as const, rule })),
  ...mapping.tenant_overrides.map((rule) => ({ table: 'tenant_override' as const, rule })),
  ...mapping.user_overrides.map((rule) => ({ table: 'user_override' as const, rule })),
]

/** Whether every condition of a pattern holds for an entry; true without conditions. */
export const meetsConditions = ({ at, where = [] }: EntryPattern, entry: MappingEntry): boolean =>
  where.every((one) => holds(one, entry, at))

function holds(condition: EntryCondition, entry: MappingEntry, pattern: string): boolean {
  const { split } = condition
  const { node } = readSource(condition, entry, pattern)
  const part = split === undefined || node === undefined ? node : splitText(split, node)
  const { present, type, equals, one_of: values = [equals] } = condition
  if (present !== undefined) return (part !== undefined) === present
  if (part === undefined) return false
  if (type !== undefined) return detectType(part) === type
  return values.some((value) => isEqual(part, value))
}

function isEqual(node: JsonNode, value: unknown): boolean {
  const form = canonicalize(node)
  return form.ok && form.text === canonicalizeValue(value)
}

/** Whether a condition names the values that it holds for, so that the value is not lost. */
export const namesValues = ({ equals, one_of }: EntryCondition): boolean =>
  equals !== undefined || one_of !== undefined

/** Decides which rules take an entry; the rules of skipped places take none. */
export class EntrySelector {
  private readonly skips: readonly (SkipRule & { readonly tokens: readonly string[] })[]

  constructor({ skipped = [] }: ImportMapping) {
    this.skips = skipped.map((one) => ({ ...one, tokens: parsePointer(one.at) }))
  }

  /** Whether the conditions of the rule hold, and neither the entry nor a place above it is skipped. */
  takes(rule: EntryRule, entry: MappingEntry): boolean {
    return meetsConditions(rule, entry) && !this.isSkipped(entry)
  }

  /** The rule that skips this very place; null for none. */
  findSkip(place: MappingEntry): SkipRule | null {
    return (
      this.skips.find((one) => matchesPattern(place, one.tokens) && meetsConditions(one, place)) ??
      null
    )
  }

  private isSkipped(entry: MappingEntry): boolean {
    if (this.skips.length === 0) return false
    for (let place: MappingEntry | null = entry; place !== null; place = place.above)
      if (this.findSkip(place) !== null) return true
    return false
  }
}
