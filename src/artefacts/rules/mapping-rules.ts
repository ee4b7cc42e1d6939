import { canonicalizeValue } from '../../core/json/plain.ts'
import { appendPointer, parsePointer } from '../../core/json/pointer.ts'
import { namesValues } from '../../core/import-mapping/conditions.ts'
import { listWildcardDepths } from '../../core/import-mapping/entries.ts'
import type {
  EntryCondition,
  EntryPattern,
  EntryRule,
  MemberRule,
  SplitStep,
  ValueSource,
} from '../../core/import-mapping/types.ts'
import type { LoadedArtefact } from '../load.ts'
import type { ArtefactProblem } from '../problem.ts'

const LISTS = ['flags', 'tenant_overrides', 'user_overrides'] as const
type FoundProblem = Omit<ArtefactProblem, 'file'>

/**
 * Finds keys that refer to a wildcard which the pointer lacks (`wildcard_missing`), levels above the file
 * (`level_missing`), values that stand twice in a map (`value_repeated`, compared in RFC 8785 form), and parts of a
 * divided text that nothing reads (`part_unread`), and conditions without exactly one
 * test (`test_not_single`), and gaps (`gap_open`). Empty where there are none.
 */
export function findMappingProblems({
  file,
  value,
}: LoadedArtefact<'incumbent_mapping'>): readonly ArtefactProblem[] {
  const found = [
    ...LISTS.flatMap((list) =>
      value[list].flatMap((entry, at) =>
        findEntryProblems(entry, appendPointer(appendPointer('', list), at)),
      ),
    ),
    ...(value.skipped ?? []).flatMap((one, at) =>
      findConditionProblems(one, appendPointer('/skipped', at)),
    ),
  ]
  return found.map((one) => ({ file, ...one }))
}

function findEntryProblems(entry: EntryRule, place: string): readonly FoundProblem[] {
  const rules = Object.entries(entry.members)
  return [
    ...findConditionProblems(entry, place),
    ...rules.flatMap(([name, rule]) => {
      const here = appendPointer(`${place}/members`, name)
      return [
        ...listSources(rule).flatMap(([source, below]) =>
          findSourceProblems(source, entry, `${here}${below}`),
        ),
        ...findMapProblems(rule, `${here}/map`),
        ...('gap' in rule ? [{ pointer: here, code: 'gap_open', detail: rule.gap } as const] : []),
      ]
    }),
    ...findUnreadParts(entry, place),
  ]
}

const findConditionProblems = (entry: EntryPattern, place: string): readonly FoundProblem[] =>
  (entry.where ?? []).flatMap((one, at) => {
    const here = appendPointer(`${place}/where`, at)
    const tests = TESTS.filter((test) => one[test] !== undefined)
    return [
      ...findSourceProblems(one, entry, here),
      ...(tests.length === 1
        ? []
        : [{ pointer: here, code: 'test_not_single', detail: `it has ${tests.length}` } as const]),
    ]
  })
const TESTS = ['equals', 'one_of', 'present', 'type'] as const

/** The sources of a rule, each with its place below the rule. */
function listSources(rule: MemberRule): readonly (readonly [ValueSource, string])[] {
  if ('const' in rule || 'gap' in rule) return []
  if ('listed' in rule) return [[rule.name, '/name']]
  const types = 'default_by_type' in rule ? rule.default_by_type : undefined
  return [[rule, ''], ...(types === undefined ? [] : [[types.of, '/default_by_type/of'] as const])]
}

function findSourceProblems(
  source: ValueSource,
  entry: EntryPattern,
  place: string,
): readonly FoundProblem[] {
  if ('key' in source) {
    const wildcards = listWildcardDepths(entry.at).length
    const detail = `${entry.at} has ${wildcards}`
    return source.key > wildcards
      ? [{ pointer: `${place}/key`, code: 'wildcard_missing', detail }]
      : []
  }
  const levels = parsePointer(entry.at).length
  const { up = 0, select } = source
  return [
    ...(up > levels
      ? [
          {
            pointer: `${place}/up`,
            code: 'level_missing',
            detail: `${entry.at} has ${levels}`,
          } as const,
        ]
      : []),
    ...(select === undefined ? [] : findSourceProblems(select, entry, `${place}/select`)),
  ]
}

function findMapProblems(rule: MemberRule, place: string): readonly FoundProblem[] {
  const map = 'map' in rule ? (rule.map ?? []) : []
  const texts = map.map(({ was }) => canonicalizeValue(was))
  return texts.flatMap((text, at): readonly FoundProblem[] =>
    texts.indexOf(text) === at
      ? []
      : [{ pointer: appendPointer(place, at), code: 'value_repeated', detail: text }],
  )
}

/** A part that no member reads and no condition names would be lost. */
function findUnreadParts(entry: EntryRule, place: string): readonly FoundProblem[] {
  const reading = [...(entry.where ?? []).filter(namesValues), ...Object.values(entry.members)]
  const all = [...(entry.where ?? []), ...Object.values(entry.members)].flatMap(listSplits)
  const read = new Set(
    reading.flatMap(listSplits).map(({ text, split }) => `${text} ${split.part}`),
  )
  const texts = new Map(all.map((one) => [one.text, one]))
  return [...texts].flatMap(([text, { split }]) =>
    Array.from({ length: split.of }, (_, index) => index + 1)
      .filter((part) => !read.has(`${text} ${part}`))
      .map((part): FoundProblem => ({
        pointer: `${place}/members`,
        code: 'part_unread',
        detail: `part ${part} of ${split.of}`,
      })),
  )
}

/** The division of a rule, and a text that is equal for divisions of one value in the same way. */
function listSplits(
  rule: MemberRule | EntryCondition,
): readonly { readonly text: string; readonly split: SplitStep }[] {
  if (!('split' in rule) || rule.split === undefined) return []
  const { split } = rule
  const source = 'key' in rule ? { key: rule.key } : pickPlace(rule)
  return [{ text: canonicalizeValue({ source, by: split.by, of: split.of }), split }]
}
const pickPlace = (rule: MemberRule | EntryCondition): object =>
  'from' in rule ? { from: rule.from, up: rule.up, select: rule.select } : {}
