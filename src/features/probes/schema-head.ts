import { findDrift, buildCatalogue } from '../../core/migrations/catalogue.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { requireDatabase, fromValue, defineProbe, type WithResource } from './framework/probe.ts'
import { withMigratedDatabase } from './testbed/scratch-database.ts'

/** The planted faults: a column that was added by hand, and a last migration that goes by another name. */
const SPOILED = `ALTER TABLE ff.flag_registry ADD COLUMN added_by_hand text;
  UPDATE ff.migration_ledger SET name = 'x' || name
    WHERE version = (SELECT max(version) FROM ff.migration_ledger)`
const spoiled: WithResource<TargetSpec> = (context, use) =>
  withMigratedDatabase(context, async (scratch) => {
    await scratch.run(SPOILED)
    return use(scratch.target)
  })

/**
 * B1: whether the last migration of the database that is cut over is the last of this version, its migrations that
 * are unknown or have another checksum, those not applied, and its drift from the contract, missing roles included.
 * Also reads the attempt that the phase record holds, which the gate compares with the plan's. Changes nothing. In
 * the control a scratch database has one column more, and a last migration of another name. Inconclusive
 * (`target_missing`) without a database.
 */
export const schemaHead = defineProbe<
  TargetSpec,
  'head_matches' | 'checksum_differences' | 'unapplied' | 'drift'
>({
  version: 1,
  site: 'database',
  isolation: 'parallel',
  sound: fromValue(requireDatabase),
  faulty: {
    head_matches: spoiled,
    checksum_differences: spoiled,
    unapplied: spoiled,
    drift: spoiled,
  },
  measure: async (database, { root, adapters }) => {
    const inputs = await loadPersistence(root)
    const { contract, migrations } = inputs
    const needs = { ...inputs, locked: false }
    return adapters.withMigrationSession(database, needs, async (session) => {
      const applied = await session.applied()
      const { found, roles } = await session.catalogue()
      const known = new Map(migrations.map(({ name, checksum }) => [name, checksum]))
      const changedMigrations = applied.filter(({ name, checksum }) => known.get(name) !== checksum)
      const names = new Set(applied.map(({ name }) => name))
      const unapplied = migrations.filter(({ name }) => !names.has(name))
      const expected = buildCatalogue(contract, roles)
      const drifts = findDrift(expected, found)
      const missingRoles = Object.keys(contract.roles).filter((role) => !roles.has(role))
      const head = applied.at(-1)?.name ?? 'none'
      const examples = [
        ...drifts.map((one) => `${one.object}: found ${one.found ?? 'nothing'}`),
        ...missingRoles.map((role) => `the role ${role} is missing`),
        ...changedMigrations.map(({ name }) => `${name} was applied with another checksum`),
      ]
      return {
        measured: {
          head_matches: head === migrations.at(-1)?.name,
          checksum_differences: changedMigrations.length,
          unapplied: unapplied.length,
          drift: drifts.length + missingRoles.length,
        },
        met: { head, objects: found.size, attempt: await session.attempt() },
        sample_size: expected.size,
        example: examples[0] ?? null,
      }
    })
  },
})
