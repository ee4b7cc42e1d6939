import type { SchemaContract } from '../../core/migrations/catalogue.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { requireDatabase, fromValue, defineProbe, type WithResource } from './framework/probe.ts'
import { withMigratedDatabase } from './testbed/scratch-database.ts'

/** The planted faults: a foreign key that is not validated, one that deletes too much, and a dropped index. */
const SPOILED = `ALTER TABLE ff.tenant_override DROP CONSTRAINT tenant_override_flag_fkey,
    ADD CONSTRAINT tenant_override_flag_fkey FOREIGN KEY (flag_key)
    REFERENCES ff.flag_registry (flag_key) ON UPDATE CASCADE ON DELETE RESTRICT NOT VALID;
  ALTER TABLE ff.user_override DROP CONSTRAINT user_override_flag_fkey,
    ADD CONSTRAINT user_override_flag_fkey FOREIGN KEY (flag_key)
    REFERENCES ff.flag_registry (flag_key) ON UPDATE CASCADE ON DELETE CASCADE;
  DROP INDEX ff.tenant_override_flag_idx`
/** The build of this index fails, since each migration has the value 1, and leaves the index invalid. */
const FAILING = 'CREATE UNIQUE INDEX CONCURRENTLY not_unique ON ff.migration_ledger ((1))'
const spoiled: WithResource<TargetSpec> = (context, use) =>
  withMigratedDatabase(context, async (scratch) => {
    await scratch.run(SPOILED)
    await scratch.run(FAILING).catch(() => undefined) // What it leaves is measured.
    return use(scratch.target)
  })

/**
 * B2: on the database that is cut over, constraints that are not validated, unusable indexes, foreign keys that
 * differ from the contract, and hot queries whose plan scans a table. Changes nothing. The control has one of each
 * in a scratch database. Inconclusive (`target_missing`) without a database.
 */
export const schemaConstraints = defineProbe<
  TargetSpec,
  'constraints_invalid' | 'indexes_invalid' | 'rules_differing' | 'hot_queries_without_index'
>({
  version: 1,
  site: 'database',
  isolation: 'parallel',
  sound: fromValue(requireDatabase),
  faulty: {
    constraints_invalid: spoiled,
    indexes_invalid: spoiled,
    rules_differing: spoiled,
    hot_queries_without_index: spoiled,
  },
  measure: async (database, { root, adapters }) => {
    const { contract, versions } = await loadPersistence(root)
    const facts = await adapters.inspectSchema(database, versions)
    const { constraints, indexes, queries } = facts
    const rules = findRuleFaults(contract, facts.foreign_keys)
    const scanning = queries.filter(({ scans }) => scans.length > 0)
    const examples = [
      ...constraints.invalid.map((name) => `the constraint ${name} is not validated`),
      ...indexes.unusable.map((name) => `the index ${name} is not usable`),
      ...rules.map((name) => `the foreign key ${name} differs from the contract`),
      ...scanning.map(({ name, scans }) => `the query ${name} scans all of ${scans.join(', ')}`),
    ]
    return {
      measured: {
        constraints_invalid: constraints.invalid.length,
        indexes_invalid: indexes.unusable.length,
        rules_differing: rules.length,
        hot_queries_without_index: scanning.length,
      },
      met: {
        server: facts.server,
        constraints: constraints.seen,
        indexes: indexes.seen,
        queries: queries.length,
      },
      sample_size: constraints.seen + indexes.seen + queries.length,
      example: examples[0] ?? null,
    }
  },
})

/** Foreign keys that differ from the contract, their actions on update and delete included. */
function findRuleFaults(
  { tables }: SchemaContract,
  found: ReadonlyMap<string, string>,
): readonly string[] {
  const wanted = new Map(
    Object.entries(tables).flatMap(([table, { constraints }]) =>
      Object.entries(constraints)
        .filter(([, text]) => text.startsWith('FOREIGN KEY'))
        .map(([name, text]): [string, string] => [`${table}.${name}`, text]),
    ),
  )
  const names = [...new Set([...wanted.keys(), ...found.keys()])]
  return names.filter((name) => wanted.get(name) !== found.get(name))
}
