import { isDeepStrictEqual } from 'node:util'
import type { Files } from './folder.ts'
import type { Attack } from './kinds.ts'

/** Attacks that end 0, and why they may. Each row has to be met by one, or it goes. */
export interface Exemption {
  readonly file: RegExp
  readonly kind: RegExp
  /** The place or the source of the change; any where absent. */
  readonly what?: RegExp
  /** Whether the new content is such a one, null for a deleted file; any is where absent. */
  readonly holds?: (before: string, after: string | null) => boolean
  readonly reason: string
}

/** The value of a JSON text; another one for each text that is no JSON. */
function parse(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return Symbol()
  }
}
const isSameValue: Exemption['holds'] = (before, after) =>
  isDeepStrictEqual(parse(before), parse(after))

const getLinks = (text: string | null): readonly unknown[] =>
  (parse(text) as { readonly links?: readonly unknown[] }).links ?? []
/** Whether a chain of trust files is gone, or differs in its first link at most. */
const isSameAfterFirst: Exemption['holds'] = (before, after) =>
  after === null || isDeepStrictEqual(getLinks(before).slice(1), getLinks(after).slice(1))

const HOUR =
  'a log and its head of the last hour may be put back, unless FF_EVIDENCE_HEAD, set outside the repository, names a later record'

export const EXEMPTIONS: readonly Exemption[] = [
  {
    file: /evidence\.ndjson$/,
    kind: /^space added$/,
    what: /^at the end$/,
    reason:
      'what follows the last line feed is an append that was not finished; it is never read, and the signed head names the last record',
  },
  {
    file: /^checklists\/trust-chain\.json$/,
    kind: /./,
    holds: isSameAfterFirst,
    reason:
      'the pin is of exactly trust.json, and the person who sets it vouches; the chain only shows which earlier pin is outdated, and no signature covers its first version',
  },
  {
    file: /^ff\.config\.json$/,
    kind: /./,
    holds: isSameValue,
    reason:
      'people write the file; evidence and signatures name the digest of the settings, which follows from their values',
  },
  {
    file: /^\.ff\/evidence\/|^the whole folder$/,
    kind: /^as it was(, with another file)?$/,
    what: /^half an hour ago/,
    reason: HOUR,
  },
  {
    file: /^\.ff\/evidence\/\w+\/head\.json$/,
    kind: /^as it was, under FF_EVIDENCE_HEAD(, with another file)?$/,
    what: /^half an hour ago(, \.ff\/evidence\/\w+\/head\.json)?$/,
    reason: 'FF_EVIDENCE_HEAD names a record, which the logs still hold; only heads are older',
  },
  {
    file: /^\.ff\/evidence\/scratch\/evidence\.ndjson$/,
    kind: /^put back after an item failed again, with another file$/,
    what: /scratch\/head\.json$/,
    reason: HOUR,
  },
  {
    file: /^the whole folder$/,
    kind: /^put back after (an item failed again|a signer withdrew|the statement was revoked and before the pin was set)$/,
    reason: HOUR,
  },
  {
    file: /^the whole folder$/,
    kind: /^of another cutover$/,
    reason: 'it is the GO of that cutover, which every report names in its first lines',
  },
  {
    file: /^decision\.json$/,
    kind: /^as it was$/,
    what: /^half an hour ago/,
    reason:
      'a decision holds what was known when it was made; it ends with the hour of its heads and records',
  },
]

/** The row that an attack on these files falls under; null where it must not end 0. */
export const findExemption = (
  { file, kind, what, changes }: Attack,
  files: Files,
): Exemption | null => {
  const [before, after] = [String(files.get(file)), changes.get(file)]
  return (
    EXEMPTIONS.find(
      (one) =>
        one.file.test(file) &&
        one.kind.test(kind) &&
        (one.what?.test(what) ?? true) &&
        (one.holds?.(before, after == null ? null : String(after)) ?? true),
    ) ?? null
  )
}
