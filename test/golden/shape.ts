import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../support/run-ff.ts'

/** Prose members, whose wording may change at any time, so a shape leaves them out. */
export const PROSE_MEMBERS: ReadonlySet<string> = new Set([
  'title',
  'message',
  'hint',
  'details',
  'detail',
  'description',
  'what',
  'why',
  'next',
  'needs',
])

interface Schema {
  readonly $ref?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly items?: Schema
  readonly prefixItems?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly allOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly then?: Schema
  readonly else?: Schema
  readonly $defs?: Readonly<Record<string, Schema>>
}
/** A schema, and the file that its references are relative to. */
interface Placed {
  readonly schema: Schema
  readonly file: string
}

const FOLDER = join(ROOT, 'contracts/schemas')
const files = new Map(
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.schema.json'))
    .map((name) => [name, JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Schema]),
)

/**
 * The shape of a document: the set of its JSON Pointers with the types found there and, where the schema has an enum,
 * the values found. An array index or a name that is not in the schema is `*`.
 *
 * @param schemaName the file's name without `.schema.json`; null for a document that has none: every name counts
 */
export function documentShape(
  document: unknown,
  schemaName: string | null,
): Record<string, string> {
  const found = new Map<string, Set<string>>()
  const note = (pointer: string, word: string): void =>
    void found.set(pointer, (found.get(pointer) ?? new Set()).add(word))
  walk(document, schemaName === null ? null : getRoot(schemaName), { note, pointer: '' })
  const entries = [...found].map(([pointer, words]) => [pointer, [...words].sort().join(' | ')])
  return Object.fromEntries(entries.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)))
}

function getRoot(schemaName: string): readonly Placed[] {
  const file = `${schemaName}.schema.json`
  const schema = files.get(file)
  if (schema === undefined) throw new Error(`there is no ${file}`)
  return withParts({ schema, file })
}

interface Walk {
  readonly note: (pointer: string, word: string) => void
  readonly pointer: string
}

/** The schemas of a place; null for a document without a schema. */
type Known = readonly Placed[] | null

function walk(value: unknown, schemas: Known, { note, pointer }: Walk): void {
  note(pointer, wordFor(value, schemas))
  const step = (token: string, child: unknown, pick: (schema: Schema) => Schema | undefined) =>
    walk(child, below(schemas, pick), { note, pointer: `${pointer}/${token}` })
  if (Array.isArray(value)) {
    for (const [at, child] of value.entries())
      step('*', child, ({ prefixItems, items }) => prefixItems?.[at] ?? items)
  } else if (isObject(value)) {
    for (const [name, child] of Object.entries(value)) {
      if (PROSE_MEMBERS.has(name)) continue
      if (below(schemas, ({ properties }) => properties?.[name])?.length !== 0)
        step(name, child, ({ properties }) => properties?.[name])
      else step('*', child, (schema) => schemaOrNone(schema.additionalProperties))
    }
  }
}

/** The type of a value, and the value itself where the schema has an enum. */
function wordFor(value: unknown, schemas: Known): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'object') return 'object'
  const isNamed = schemas?.some(
    ({ schema }) => schema.const === value || schema.enum?.includes(value) === true,
  )
  return isNamed === true ? `${typeof value} ${JSON.stringify(value)}` : typeof value
}

const below = (schemas: Known, pick: (schema: Schema) => Schema | undefined): Known =>
  schemas?.flatMap(({ schema, file }) => {
    const next = pick(schema)
    return next === undefined ? [] : withParts({ schema: next, file })
  }) ?? null

/** A schema with all its subschemas by reference, allOf, anyOf and oneOf. */
function withParts({ schema, file }: Placed): readonly Placed[] {
  const { $ref, allOf = [], anyOf = [], oneOf = [] } = schema
  const parts = [...allOf, ...anyOf, ...oneOf, schema.then, schema.else]
  return [
    { schema, file },
    ...($ref === undefined ? [] : withParts(resolve($ref, file))),
    ...parts.flatMap((part) => (part === undefined ? [] : withParts({ schema: part, file }))),
  ]
}

function resolve(ref: string, from: string): Placed {
  const [name = '', path = ''] = ref.split('#')
  const file = name === '' ? from : name
  const found = path
    .split('/')
    .slice(1)
    .reduce<unknown>((held, token) => (isObject(held) ? held[token] : undefined), files.get(file))
  if (!isObject(found)) throw new Error(`${from} refers to ${ref}, which is not there`)
  return { schema: found as Schema, file }
}

const schemaOrNone = (schema: Schema | boolean | undefined): Schema | undefined =>
  typeof schema === 'boolean' ? undefined : schema
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
