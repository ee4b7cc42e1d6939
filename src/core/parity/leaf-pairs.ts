import { appendPointer } from '../json/pointer.ts'
import type { JsonNode } from '../json/read.ts'
import type { FieldRule } from './field-rules.ts'
import type { JsonComparer } from './compare.ts'
import { judgeVector } from './judge-vector.ts'
import type { SideAnswer } from './judge.ts'
import { serializeNode } from './node-text.ts'

/** The part of a JSON Schema (2020-12) that `buildLeafPairs` reads. */
export interface LeafSchema {
  readonly $ref?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, LeafSchema>>
  readonly items?: LeafSchema
  readonly oneOf?: readonly LeafSchema[]
  readonly $defs?: Readonly<Record<string, LeafSchema>>
}
/** Two whole envelopes, as JSON texts, that differ in one leaf alone. */
export interface LeafPair {
  /** The leaf; `*` stands for any entry of a list. */
  readonly field: string
  /** The leaf in these two envelopes. */
  readonly pointer: string
  readonly left: string
  readonly right: string
}

/** A value with every place at which it can differ from itself in one leaf. */
interface Variants {
  readonly base: JsonNode
  readonly changes: readonly Change[]
}
interface Change {
  readonly path: readonly (string | number)[]
  readonly left: JsonNode
  readonly right: JsonNode
}

/**
 * Builds a pair of whole envelopes for each leaf of the decision schema, and one for each type that a leaf may have.
 * The reason chain holds one entry of each rule, with all its details. One more pair differs in `/unnamed`, a field that
 * the schema lacks: no rule names it, so it has to match.
 *
 * @param schemas the schemas by the name that a `$ref` gives them
 * @throws Error for a `$ref` without a schema
 */
export function buildLeafPairs(
  schemas: Readonly<Record<string, LeafSchema>>,
  root = 'decision.schema.json',
): readonly LeafPair[] {
  const decision = resolve({ $ref: root }, schemas)
  const properties = { ...decision.properties, unnamed: { type: 'integer' } }
  const { changes } = expand({ properties }, schemas)
  return changes.map(({ path, left, right }) => ({
    field: path.reduce<string>(
      (at, one) => appendPointer(at, typeof one === 'number' ? '*' : one),
      '',
    ),
    pointer: path.reduce<string>((at, one) => appendPointer(at, one), ''),
    left: serializeNode(left),
    right: serializeNode(right),
  }))
}

type Schemas = Readonly<Record<string, LeafSchema>>

function expand(schema: LeafSchema, schemas: Schemas): Variants {
  const { properties, items, oneOf, ...leaf } = resolve(schema, schemas)
  if (oneOf?.[0] !== undefined) return expand(oneOf[0], schemas)
  if (items !== undefined) return expandList(items, schemas)
  if (properties !== undefined) return expandObject(properties, schemas)
  return expandLeaf(leaf)
}

function expandObject(
  properties: Readonly<Record<string, LeafSchema>>,
  schemas: Schemas,
): Variants {
  const members = Object.entries(properties).map(
    ([name, one]) => [name, expand(one, schemas)] as const,
  )
  const withMember = (name: string, value: JsonNode): JsonNode => ({
    members: members.map(([own, { base }]) => [own, own === name ? value : base]),
  })
  return {
    base: { members: members.map(([name, { base }]) => [name, base]) },
    changes: members.flatMap(([name, { changes }]) =>
      changes.map(({ path, left, right }) => ({
        path: [name, ...path],
        left: withMember(name, left),
        right: withMember(name, right),
      })),
    ),
  }
}

/** A list with one entry for each alternative of its items. */
function expandList(items: LeafSchema, schemas: Schemas): Variants {
  const { oneOf, ...only } = resolve(items, schemas)
  const entries = (oneOf ?? [only]).map((one) => expand(one, schemas))
  const base = entries.map((entry) => entry.base)
  return {
    base,
    changes: entries.flatMap(({ changes }, at) =>
      changes.map(({ path, left, right }) => ({
        path: [at, ...path],
        left: base.with(at, left),
        right: base.with(at, right),
      })),
    ),
  }
}

const number = (lexeme: string): JsonNode => ({ lexeme })
const object = (lexeme: string): JsonNode => ({ members: [['a', number(lexeme)]] })
/** Two values of each JSON type; null differs from a text. */
const SAMPLES: Readonly<Record<string, readonly [JsonNode, JsonNode]>> = {
  boolean: [true, false],
  string: ['a', 'b'],
  number: [number('1'), number('2')],
  integer: [number('1'), number('2')],
  object: [object('1'), object('2')],
  null: [null, 'a'],
}

function expandLeaf({ const: only, enum: several = [only], type = [] }: LeafSchema): Variants {
  const [first, second] = several.filter((one) => one !== undefined).map(toNode)
  const pairs =
    first === undefined
      ? [type].flat().map((name) => SAMPLES[name] as readonly [JsonNode, JsonNode])
      : [[first, second ?? change(first)] as const]
  const [[base]] = pairs as [readonly [JsonNode, JsonNode]]
  return { base, changes: pairs.map(([left, right]) => ({ path: [], left, right })) }
}
const toNode = (value: unknown): JsonNode =>
  typeof value === 'number' ? number(String(value)) : (value as string | boolean)
const change = (node: JsonNode): JsonNode =>
  typeof node === 'string' ? `${node}-` : typeof node === 'boolean' ? !node : number('99')

function resolve(schema: LeafSchema, schemas: Schemas): LeafSchema {
  if (schema.$ref === undefined) return schema
  const [file, pointer] = schema.$ref.split('#/$defs/') as [string, string?]
  const found = pointer === undefined ? schemas[file] : schemas[file]?.$defs?.[pointer]
  if (found === undefined) throw new Error(`there is no schema ${schema.$ref}`)
  return resolve(found, schemas)
}

/**
 * Judges each pair by the rules of a run, as the answers of two sides. A field that a rule names as other than
 * MUST_MATCH has to be counted as allowed or as expected, and every other difference has to be a divergence.
 *
 * @returns the fields whose pair was judged otherwise, each once; empty for a sound judge
 */
export function findUnseenFields(
  pairs: readonly LeafPair[],
  { rules, compare }: { readonly rules: readonly FieldRule[]; readonly compare: JsonComparer },
): readonly string[] {
  const exempt = new Map(
    rules.filter(({ rule }) => rule !== 'MUST_MATCH').map(({ pointer, rule }) => [pointer, rule]),
  )
  const unseen = pairs.filter(({ field, pointer, left, right }) => {
    const rule = exempt.get(field)
    const [ours, theirs] = [decided(left), decided(right)]
    const { divergences, fields } = judgeVector(
      null,
      {
        baseline: { kind: 'file', answer: ours, again: ours },
        candidate: { kind: rule === 'MUST_DIFFER' ? 'db' : 'file', answer: theirs, again: theirs },
      },
      { rules, compare },
    )
    if (rule !== undefined) return divergences.length > 0 || fields.allowed + fields.expected !== 1
    return divergences.length !== 1 || divergences[0]?.pointer.startsWith(pointer) !== true
  })
  return [...new Set(unseen.map(({ field }) => field))]
}
const decided = (text: string): SideAnswer => ({ status: 'decided', text })
