import { isJsonArray, isJsonNumber, isJsonObject, type JsonNode } from '../json/read.ts'
import { createRootEntry, findFirstEntry, listChildren, type MappingEntry } from './entries.ts'
import {
  findMember,
  gap,
  type Guess,
  guess,
  listValues,
  sample,
  suggestHistory,
  suggestKey,
  suggestText,
} from './suggest-members.ts'

interface GuessedRule {
  readonly at: string
  readonly where?: readonly Guess[]
  readonly note: string
  readonly members: Readonly<Record<string, Guess>>
}
/** A mapping by contracts/schemas/incumbent-mapping.schema.json to begin with; `ff import` refuses one with gaps. */
export interface SuggestedMapping {
  readonly kind: 'incumbent_mapping'
  readonly schemaVersion: 1
  readonly title: string
  readonly flags: readonly GuessedRule[]
  readonly tenant_overrides: readonly GuessedRule[]
  readonly user_overrides: readonly GuessedRule[]
  readonly ignored: readonly string[]
}

/**
 * Suggests a mapping for a flat map of flags, lists, overrides nested by tenant or user, and lists of overrides with a
 * scope. Null where no flags are found. Each guess has a note and what the file does not tell is a gap; places that it
 * does not understand are left out, so that a check refuses them.
 */
export function suggestMapping(root: JsonNode): SuggestedMapping | null {
  const file = createRootEntry(root)
  const parts = [...listChildren(file)].filter(isContainer)
  const overrides = parts.flatMap(suggestOverrides)
  const taken = new Set(overrides.map(({ part }) => part))
  const named = parts.find((one) => !taken.has(one.at) && FLAGS.test(String(one.name)))
  // Without a place of that name, the file itself is the map of flags.
  const place = named ?? (taken.size === 0 && isContainer(file) ? file : undefined)
  if (place === undefined || findFirstEntry(place, '/*') === undefined) return null
  const of = (scope: Scope): readonly GuessedRule[] =>
    overrides.filter((one) => one.scope === scope).map(({ rule }) => rule)
  return {
    kind: 'incumbent_mapping',
    schemaVersion: 1,
    title: 'Suggested: check each note and fill each gap',
    flags: [suggestFlags(place)],
    tenant_overrides: of('tenant'),
    user_overrides: of('user'),
    ignored: [],
  }
}

type Scope = 'tenant' | 'user'
const FLAGS = /^(feature_?)?(flags|features|toggles|switches)$/i
const isContainer = ({ node }: MappingEntry): boolean =>
  typeof node === 'object' && node !== null && !isJsonNumber(node)

function suggestFlags(place: MappingEntry): GuessedRule {
  const entries = sample(place, '/*')
  const key = findMember(entries, ['key', 'flag_key', 'flag', 'name', 'id'])
  const value = findMember(entries, [
    'value',
    'default',
    'default_value',
    'defaultValue',
    'on',
    'enabled',
    'active',
  ])
  const from = { from: value ?? '' }
  const names = isJsonArray(place.node) ? [] : entries.map(({ name }) => name as string)
  return {
    at: `${place.at}/*`,
    note: `guess: each ${isJsonArray(place.node) ? 'element' : 'member'} of ${place.at === '' ? 'the file' : place.at} is a flag`,
    members: {
      flag_key:
        names.length === 0 && key !== undefined
          ? suggestKey({ from: key }, listValues(entries, key))
          : suggestKey({ key: 1 }, names),
      value_type: guess({ ...from, as: 'type' }, 'the type of the default value'),
      default_value: guess(from, 'this is the value without an override'),
      safe_value: guess(
        {
          from: '/safe_value',
          default_by_type: { of: from, boolean: false, string: '', number: 0, object: {} },
        },
        'the value of a killed flag is empty',
      ),
      sensitive: gap('Does the change of such a flag need an approval? true or false'),
      required_auth: gap('Which callers may ask: none, any or verified?'),
      state: guess({ const: 'active' }, 'every flag is in use'),
      description: suggestText(
        entries,
        ['description', 'text'],
        guess({ const: '' }, 'the file has no description'),
      ),
      owner: suggestText(entries, ['owner', 'team'], gap('Which team owns the flags?')),
      ...suggestHistory(entries),
    },
  }
}

interface FoundOverrides {
  readonly scope: Scope
  readonly rule: GuessedRule
  /** The place that holds the overrides. */
  readonly part: string
}
const IDS: Readonly<Record<Scope, readonly string[]>> = {
  tenant: ['tenant_id', 'tenantId', 'tenant', 'org_id', 'organization_id', 'account_id'],
  user: ['user_id', 'userId', 'user', 'who'],
}

function suggestOverrides(part: MappingEntry): readonly FoundOverrides[] {
  const entries = sample(part, '/*')
  const scopes = [...new Set(listValues(entries, '/scope'))].filter(
    (one) => typeof one === 'string',
  )
  if (scopes.length > 0) {
    const id = findMember(entries, ['id', 'scope_id', 'target', 'value_of'])
    return (['tenant', 'user'] as const).flatMap((scope) => {
      const word = scopes.find((one) => one.toLowerCase().replace(/s$/, '') === scope)
      if (word === undefined || id === undefined) return []
      const where = [{ from: '/scope', equals: word }]
      return [{ scope, part: part.at, rule: suggestListed(part, { scope, id, where }) }]
    })
  }
  return (['tenant', 'user'] as const).flatMap((scope) => {
    const id = findMember(entries, IDS[scope])
    if (id !== undefined)
      return [{ scope, part: part.at, rule: suggestListed(part, { scope, id }) }]
    const isNested = String(part.name).toLowerCase().includes(scope) && isObject(part)
    return isNested ? [{ scope, part: part.at, rule: suggestNested(part, scope) }] : []
  })
}
const isObject = ({ node }: MappingEntry): boolean =>
  typeof node === 'object' && node !== null && isJsonObject(node)

/** Overrides as elements of a list, each with its id and its flag. */
function suggestListed(
  part: MappingEntry,
  {
    scope,
    id,
    where,
  }: { readonly scope: Scope; readonly id: string; readonly where?: readonly Guess[] },
): GuessedRule {
  const entries = sample(part, '/*')
  const key = findMember(entries, [
    'flag_key',
    'flagKey',
    'flag',
    'feature',
    'switch',
    'key',
    'name',
  ])
  const ids = listValues(entries, id)
  const text = ids.some((one) => typeof one !== 'string') ? { as: 'text' } : {}
  return {
    at: `${part.at}/*`,
    ...(where === undefined ? {} : { where }),
    note: `guess: ${part.at} lists overrides of a ${scope}`,
    members: {
      [`${scope}_id`]: guess({ from: id, ...text }, `the id of the ${scope}`),
      flag_key:
        key === undefined
          ? gap('Which member names the flag?')
          : suggestKey({ from: key }, listValues(entries, key)),
      ...suggestOverride(entries),
    },
  }
}

/** Overrides as members of an object for each tenant or user. */
function suggestNested(part: MappingEntry, scope: Scope): GuessedRule {
  const entries = sample(part, '/*/*')
  return {
    at: `${part.at}/*/*`,
    note: `guess: ${part.at} holds the overrides of each ${scope} by flag`,
    members: {
      [`${scope}_id`]: guess({ key: 1 }, `the id of the ${scope}`),
      flag_key: suggestKey(
        { key: 2 },
        entries.map(({ name }) => name as string),
      ),
      ...suggestOverride(entries),
    },
  }
}

function suggestOverride(entries: readonly MappingEntry[]): Readonly<Record<string, Guess>> {
  const value = findMember(entries, ['value', 'set', 'on', 'enabled', 'v'])
  const by = suggestText(
    entries,
    ['created_by', 'createdBy', 'by', 'author'],
    gap('Who made the overrides?'),
  )
  return {
    value: guess({ from: value ?? '' }, 'the value of the override'),
    created_by: by,
    updated_by: by,
    ...suggestHistory(entries),
  }
}
