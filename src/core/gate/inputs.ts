import { canonicalizeValue } from '../json/plain.ts'
import { FLOOR_RULES } from './floor-rules.ts'
import type { ChecklistItem, EvidenceRecord, InputDigests } from './types.ts'

/** What the inputs of records are judged by. */
export interface InputTerms {
  /** The paths that an item depends on, by its id: `inputs` of the gate contract. */
  readonly floor: Readonly<Record<string, readonly string[] | undefined>>
  /** The digests of every file that is there now. */
  readonly present: InputDigests
}

/** The words of an item's team command and of its control; empty for an item with a probe. */
export const listCommandWords = ({
  probe: { name, params },
}: Pick<ChecklistItem, 'probe'>): readonly string[] =>
  name === 'command' ? [params['argv'], params['control_argv']].flat().map(String) : []

/**
 * The digests of an item's input files, by path: those that the floor lists for it and the words of its command,
 * without any that is not present.
 */
export const selectInputs = (item: ChecklistItem, terms: InputTerms): InputDigests =>
  Object.fromEntries(
    listPaths(item, terms).flatMap((path) =>
      Object.hasOwn(terms.present, path) ? [[path, terms.present[path] as string]] : [],
    ),
  )

/**
 * Compares the input files that a record names with those of today. Returns paths: `changed` for those with another
 * digest now or gone, `missing` for those that the floor or the item's command requires and the record does not
 * name.
 */
export function compareInputs(
  item: ChecklistItem,
  { inputs = {} }: Pick<EvidenceRecord, 'inputs'>,
  terms: InputTerms,
): { readonly changed: readonly string[]; readonly missing: readonly string[] } {
  const words = listCommandWords(item).filter((word) => Object.hasOwn(terms.present, word))
  const required = new Set([...(terms.floor[item.id] ?? []), ...words])
  return {
    changed: Object.keys(inputs).filter((path) => inputs[path] !== terms.present[path]),
    missing: [...required].filter((path) => !Object.hasOwn(inputs, path)),
  }
}

const listPaths = (item: ChecklistItem, { floor }: InputTerms): readonly string[] => [
  ...(floor[item.id] ?? []),
  ...listCommandWords(item),
]

/** The members that only people read: title, why, owner, remediation and docs. */
const TEXTS: ReadonlySet<string> = new Set(
  Object.entries(FLOOR_RULES.item).flatMap(([name, rule]) => (rule === 'text' ? [name] : [])),
)

/**
 * The digest by which a record names its item, as `sha256` returns it: over the RFC 8785 form without the members
 * that only people read (title, why, owner, remediation, docs).
 */
export const digestItem = (item: ChecklistItem, sha256: (text: string) => string): string =>
  sha256(
    canonicalizeValue(
      Object.fromEntries(Object.entries(item).filter(([name]) => !TEXTS.has(name))),
    ),
  )
