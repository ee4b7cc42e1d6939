import { join } from 'node:path'
import { buildLeafPairs, type LeafPair, type LeafSchema } from '../core/parity/leaf-pairs.ts'
import type { LoadResult } from './load.ts'
import { readTextFile } from './read-text.ts'

/** The decision schema and the schemas that it refers to, by the name that a `$ref` gives them. */
const SCHEMAS = ['decision.schema.json', 'common.schema.json'] as const

/**
 * Reads the schema of a decision from the package folder `root`, and builds a pair of envelopes for each of its leaves,
 * as `buildLeafPairs`. Returns the pairs, or the problem of each file that cannot be read.
 *
 * @throws SyntaxError for a schema that is not JSON, Error for a `$ref` without a schema
 */
export async function loadLeafPairs(root: string): Promise<LoadResult<readonly LeafPair[]>> {
  const texts = await Promise.all(
    SCHEMAS.map((name) => {
      const shown = `contracts/schemas/${name}`
      return readTextFile(join(root, shown), shown)
    }),
  )
  const problems = texts.flatMap((one) => (one.ok ? [] : [one.problem]))
  if (problems.length > 0) return { ok: false, problems }
  const schemas = texts.map((one, at) => [
    SCHEMAS[at],
    one.ok ? (JSON.parse(one.text) as LeafSchema) : {},
  ])
  return {
    ok: true,
    loaded: buildLeafPairs(Object.fromEntries(schemas) as Record<string, LeafSchema>),
  }
}
