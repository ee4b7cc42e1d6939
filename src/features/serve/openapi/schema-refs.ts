/** A JSON object under construction. */
export interface Json {
  readonly [member: string]: unknown
}

const FILE = /^([a-z-]+)\.schema\.json(#.*)?$/
const COMPONENTS = '#/components/schemas/'

/** A `$ref` to the component of a schema, by the name of its file without `.schema.json`. */
export const makeSchemaRef = (name: string): Json => ({ $ref: `${COMPONENTS}${name}` })

/**
 * A copy of a schema as an OpenAPI component: without its own `$schema` and `$id`, and a `$ref` to another schema
 * file becomes a `$ref` to its component. Other references stay.
 */
export function rewriteRefs(schema: Json): Json {
  const { $schema: _, $id: __, ...kept } = schema
  return rewriteValue(kept) as Json
}

function rewriteValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewriteValue)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      name === '$ref' ? String(member).replace(FILE, toComponentRef) : rewriteValue(member),
    ]),
  )
}
const toComponentRef = (_: string, name: string, within = ''): string =>
  `${COMPONENTS}${name}${within.replace(/^#/, '')}`

/**
 * The names of the schema files, without `.schema.json`, that a value refers to by `$ref` at any depth, in order of
 * appearance, with repeats; references within the file are left out.
 */
export function listReferences(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(listReferences)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) => {
    const file = name === '$ref' ? FILE.exec(String(member))?.[1] : undefined
    return file === undefined ? listReferences(member) : [file]
  })
}
