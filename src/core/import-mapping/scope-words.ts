import { isJsonNumber, isJsonObject, type JsonNode } from '../json/read.ts'
import type { TableName } from '../rows/rows.ts'
import type { TableRule } from './conditions.ts'
import { namesValues } from './conditions.ts'
import { listChildren, type MappingEntry } from './entries.ts'
import { readSource } from './source.ts'

const TENANT = ['tenant', 'org', 'organisation', 'organization', 'account', 'customer', 'company']
const USER = ['user', 'person', 'member', 'individual']
const OTHER = [
  'global',
  'environment',
  'env',
  'group',
  'segment',
  'role',
  'region',
  'country',
  'device',
  'session',
]

/** What a member that tells the scope of an override says where it fits the table. */
const OWN: Readonly<Partial<Record<TableName, readonly string[]>>> = {
  tenant_override: TENANT,
  user_override: USER,
}
const SCOPES: ReadonlySet<string> = new Set([...TENANT, ...USER, ...OTHER])
/** Members that tell a scope, whatever they say; and those that may tell something else. */
const SURELY =
  /^(scope|scope_?type|(target|subject|entity|owner|audience|override)_?(type|kind|scope))$/i
const PERHAPS = /^(kind|type|level|target|subject|entity|audience|dimension|context|applies_?to)$/i

/**
 * The members of an override's entry that tell another scope than its table, and that no condition of the rule names:
 * such an entry would become a wrong row. Empty for a flag.
 */
export function findContradictions(
  { table, rule }: TableRule,
  entry: MappingEntry,
): readonly MappingEntry[] {
  const own = OWN[table]
  if (own === undefined || !isObject(entry.node)) return []
  const named = (rule.where ?? [])
    .filter(namesValues)
    .map((one) => readSource(one, entry, rule.at).at)
  return [...listChildren(entry)].filter(({ name, node, at }) => {
    const word = toWord(node)
    if (word === null || own.includes(word) || named.includes(at)) return false
    return SURELY.test(String(name)) || (PERHAPS.test(String(name)) && SCOPES.has(word))
  })
}

const isObject = (node: JsonNode): boolean =>
  typeof node === 'object' && node !== null && isJsonObject(node)

/** A scalar in lower case without the plural; null for any other value. */
function toWord(node: JsonNode): string | null {
  if (typeof node === 'string') return node.toLowerCase().replace(/s$/, '')
  return typeof node === 'object' && node !== null && isJsonNumber(node) ? node.lexeme : null
}
