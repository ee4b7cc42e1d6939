import { type TableRule, namesValues } from './conditions.ts'
import { listWildcardDepths, type MappingEntry, WILDCARD } from './entries.ts'
import { findListings } from './listings.ts'
import { readSource } from './source.ts'
import type { EntryCondition, EntryRule, MemberRule, ValueSource } from './types.ts'

/**
 * Every place whose value a rule reads for one entry, below the entry and elsewhere. A place whose type alone is
 * detected or whose presence alone is tested is not read.
 */
export function listRuleReads({ rule }: TableRule, entry: MappingEntry): readonly string[] {
  const { at, members, where = [] } = rule
  return [
    ...where.filter(namesValues).flatMap((one) => readSource(one, entry, at).reads),
    ...Object.values(members).flatMap((one) => listMemberReads(one, entry, at)),
  ]
}

function listMemberReads(
  rule: MemberRule,
  entry: MappingEntry,
  pattern: string,
): readonly string[] {
  if ('const' in rule || 'gap' in rule) return []
  if (!('listed' in rule)) return rule.as === 'type' ? [] : readSource(rule, entry, pattern).reads
  const { node, reads } = readSource(rule.name, entry, pattern)
  const places = typeof node === 'string' ? findListings(rule, entry, node) : []
  return [...reads, ...places.flatMap((one) => one.places)]
}

/** The patterns of the elements of the lists that a rule looks names up in. */
export const listNameLists = ({ members }: EntryRule): readonly string[] =>
  Object.values(members).flatMap((one) =>
    'listed' in one ? one.listed.map((list) => `${list.in}/${WILDCARD}`) : [],
  )

/** Whether a rule reads places outside of its entries. */
export const readsElsewhere = ({ rule: { members, where = [] } }: TableRule): boolean =>
  [...where, ...Object.values(members)].some(
    (one) => 'listed' in one || listSources(one).some((source) => 'up' in source),
  )

/** The depths of the names that a rule keeps: as a part of the row, or by a condition that names them. */
export function listKeptDepths({ at, members, where = [] }: EntryRule): ReadonlySet<number> {
  const depths = listWildcardDepths(at)
  const sources = [...where.filter(namesValues), ...Object.values(members)].flatMap(listSources)
  return new Set(sources.flatMap((one) => ('key' in one ? [depths[one.key - 1] as number] : [])))
}

/** The sources of a rule or condition, with those that select. `default_by_type` keeps nothing. */
function listSources(rule: MemberRule | EntryCondition): readonly ValueSource[] {
  if ('const' in rule || 'gap' in rule) return []
  const source = 'listed' in rule ? rule.name : rule
  if ('as' in rule && rule.as === 'type') return []
  return withSelectors(source)
}
const withSelectors = (source: ValueSource): readonly ValueSource[] =>
  'key' in source || source.select === undefined
    ? [source]
    : [source, ...withSelectors(source.select)]
