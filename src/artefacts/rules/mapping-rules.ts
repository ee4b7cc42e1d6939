import { canonicalizeValue } from '../../core/json/plain.ts'
import { appendPointer, parsePointer } from '../../core/json/pointer.ts'
import { WILDCARD } from '../../core/import-mapping/entries.ts'
import type { EntryRule, MemberRule } from '../../core/import-mapping/types.ts'
import type { LoadedArtefact } from '../load.ts'
import type { ArtefactProblem } from '../problem.ts'

const LISTS = ['flags', 'tenant_overrides', 'user_overrides'] as const
type FoundProblem = Omit<ArtefactProblem, 'file'>

/**
 * Finds keys that refer to a wildcard which the pointer lacks (`wildcard_missing`), and values that stand twice in a
 * map (`value_repeated`, compared in RFC 8785 form). Empty where there are none.
 */
export function findMappingProblems({
  file,
  value,
}: LoadedArtefact<'incumbent_mapping'>): readonly ArtefactProblem[] {
  const found = LISTS.flatMap((list) =>
    value[list].flatMap((entry, at) =>
      entryProblems(entry, appendPointer(appendPointer('', list), at)),
    ),
  )
  return found.map((one) => ({ file, ...one }))
}

function entryProblems({ at, members }: EntryRule, place: string): readonly FoundProblem[] {
  const wildcards = parsePointer(at).filter((token) => token === WILDCARD).length
  return Object.entries(members).flatMap(([name, rule]) => {
    const here = appendPointer(`${place}/members`, name)
    const beyond = 'key' in rule && rule.key > wildcards
    const detail = `${at} has ${wildcards}`
    return [
      ...(beyond ? [{ pointer: `${here}/key`, code: 'wildcard_missing', detail } as const] : []),
      ...tableProblems(rule, `${here}/map`),
    ]
  })
}

function tableProblems(rule: MemberRule, place: string): readonly FoundProblem[] {
  const texts = 'const' in rule ? [] : (rule.map ?? []).map(({ was }) => canonicalizeValue(was))
  return texts.flatMap((text, at): readonly FoundProblem[] =>
    texts.indexOf(text) === at
      ? []
      : [{ pointer: appendPointer(place, at), code: 'value_repeated', detail: text }],
  )
}
