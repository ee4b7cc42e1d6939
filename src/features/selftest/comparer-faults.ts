import { isJsonArray, isJsonNumber, isJsonObject, type JsonNode } from '../../core/json/read.ts'
import type { JsonComparer } from '../../core/parity/compare.ts'
import { type PlantedFault, inComparer, type FaultRow } from './fault.ts'

type Change = (compare: JsonComparer) => JsonComparer

/** Applies one change to both sides before the comparison, which then misses each difference that the change hides. */
const changeNodes =
  (change: (node: JsonNode) => JsonNode): Change =>
  (compare) =>
  (left, right) =>
    compare(mapNodes(left, change), mapNodes(right, change))

function mapNodes(node: JsonNode, change: (node: JsonNode) => JsonNode): JsonNode {
  if (typeof node !== 'object' || node === null || isJsonNumber(node)) return change(node)
  if (isJsonArray(node)) return change(node.map((one) => mapNodes(one, change)))
  return change({
    members: node.members.map(([name, value]) => [name, mapNodes(value, change)] as const),
  })
}
const changeStrings = (change: (text: string) => string): Change =>
  changeNodes((node) => (typeof node === 'string' ? change(node) : node))
const changeNumbers = (change: (lexeme: string) => string): Change =>
  changeNodes((node) => (isLexeme(node) ? { lexeme: change(node.lexeme) } : node))
/** Drops the differences in one field; `*` stands for any entry of a list. */
const ignoreField =
  (field: string): Change =>
  (compare) =>
  (left, right) => {
    const { differences, fields } = compare(left, right)
    const pattern = field.split('/')
    const isIgnored = (tokens: readonly string[]): boolean =>
      pattern.every((token, at) => token === '*' || token === tokens[at])
    return {
      fields,
      differences: differences.filter(({ pointer }) => !isIgnored(pointer.split('/'))),
    }
  }
const isLexeme = (node: JsonNode): node is { readonly lexeme: string } =>
  typeof node === 'object' && node !== null && isJsonNumber(node)
const isEmpty = (node: JsonNode): boolean =>
  typeof node === 'object' &&
  node !== null &&
  ((isJsonArray(node) && node.length === 0) ||
    (!isJsonNumber(node) && !isJsonArray(node) && isJsonObject(node) && node.members.length === 0))

const COMPARERS: readonly FaultRow<Change>[] = [
  [
    'numbers-as-doubles',
    'JSON.parse before comparing',
    changeNumbers((lexeme) => String(Number(lexeme))),
  ],
  [
    'numbers-rounded',
    'a tolerance for floats',
    changeNumbers((lexeme) => Number(lexeme).toFixed(6)),
  ],
  [
    'zero-without-sign',
    '-0 is written as 0',
    changeNumbers((lexeme) => (Number(lexeme) === 0 ? '0' : lexeme)),
  ],
  [
    'types-loose',
    '== where === was meant',
    changeNodes((node) =>
      isLexeme(node) ? node.lexeme : node === true ? '1' : node === false ? '0' : node,
    ),
  ],
  ['null-as-false', 'truthiness', changeNodes((node) => (node === null ? false : node))],
  [
    'empty-as-null',
    'coalesce before comparing',
    changeNodes((node) => (node === '' ? null : node)),
  ],
  ['normalised', 'NFC before comparing', changeStrings((text) => text.normalize('NFC'))],
  ['trimmed', 'trim before comparing', changeStrings((text) => text.trim())],
  ['case-folded', 'lower case before comparing', changeStrings((text) => text.toLowerCase())],
  [
    'surrogates-replaced',
    'through UTF-8 before comparing',
    changeStrings((text) => Buffer.from(text, 'utf8').toString('utf8')),
  ],
  [
    'order-ignored',
    'lists as sets',
    changeNodes((node) =>
      typeof node === 'object' && node !== null && !isJsonNumber(node) && isJsonArray(node)
        ? node.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
        : node,
    ),
  ],
  [
    'duplicates-lost',
    'members as a map',
    changeNodes((node) =>
      typeof node === 'object' && node !== null && !isJsonNumber(node) && !isJsonArray(node)
        ? { members: [...new Map(node.members)] }
        : node,
    ),
  ],
  [
    'nulls-dropped',
    'null counts as absent',
    changeNodes((node) =>
      typeof node === 'object' && node !== null && !isJsonNumber(node) && !isJsonArray(node)
        ? { members: node.members.filter(([, value]) => value !== null) }
        : node,
    ),
  ],
  ['empties-alike', '[] counts as {}', changeNodes((node) => (isEmpty(node) ? [] : node))],
  [
    'separators-joined',
    'lists compared as joined texts',
    changeNodes((node) =>
      typeof node === 'object' && node !== null && !isJsonNumber(node) && isJsonArray(node)
        ? [node.map((one) => JSON.stringify(one).replaceAll('"', '')).join(',')]
        : node,
    ),
  ],
  [
    'left-members-only',
    'a member that only the right side has is not compared',
    (compare) => (left, right) => {
      const { differences, fields } = compare(left, right)
      return { fields, differences: differences.filter((one) => one.left !== undefined) }
    },
  ],
  [
    'shallow',
    'nested members are not compared',
    (compare) => (left, right) => {
      const { differences, fields } = compare(left, right)
      return {
        fields,
        differences: differences.filter(({ pointer }) => pointer.split('/').length <= 3),
      }
    },
  ],
  ...['/flag_key', '/meta/tenant_id', '/meta/ttl_state', '/reason_chain/*/rule'].map(
    (field): FaultRow<Change> => [
      `ignores${field.replaceAll(/[/*]+/g, '-')}`,
      `a list of fields to compare without ${field}`,
      ignoreField(field),
    ],
  ),
  ['blind', 'everything is equal', () => () => ({ differences: [], fields: 1 })],
  [
    'suspicious',
    'nothing is equal',
    (compare) => (left, right) => ({
      ...compare(left, right),
      differences: [{ pointer: '', left, right }],
    }),
  ],
  ['idle', 'nothing is compared', () => () => ({ differences: [], fields: 0 })],
]

/**
 * Faults of the comparer of a proof, with ids `comparer.NAME`; the pairs with a known answer (proof `comparer`) have
 * to catch each.
 */
export const COMPARER_FAULTS: readonly PlantedFault[] = COMPARERS.map(([name, models, change]) => ({
  id: `comparer.${name}`,
  models,
  proof: 'comparer',
  plant: inComparer(change),
}))
