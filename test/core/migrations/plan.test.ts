import { describe, expect, test } from 'vitest'
import {
  type AppliedMigration,
  findHistoryFault,
  type Migration,
  type MigrationPlan,
  planDown,
  planUp,
} from '../../../src/core/migrations/plan.ts'

const migration = (version: number): Migration => ({
  version,
  name: `000${version}_step`,
  checksum: `sum-${version}`,
  up: 'up',
  down: 'down',
})
const AVAILABLE = [1, 2, 3].map(migration)
const applied = (...versions: readonly number[]): readonly AppliedMigration[] =>
  versions.map((version) => {
    const { name, checksum } = migration(version)
    return { version, name, checksum, applied_at: '2026-01-15T09:00:00.000Z' }
  })
const versions = (plan: MigrationPlan): readonly number[] | string =>
  plan.ok ? plan.steps.map(({ version }) => version) : `${plan.refusal.code} ${plan.refusal.name}`

describe('planUp', () => {
  test.each([
    ['an empty database to the newest version', [], null, [1, 2, 3]],
    ['an empty database to an earlier version', [], 2, [1, 2]],
    ['one step behind', [1, 2], null, [3]],
    ['at the newest version', [1, 2, 3], null, []],
    ['beyond the requested version', [1, 2, 3], 1, []],
    ['a ledger in another order', [2, 1], null, [3]],
    ['to a version that does not exist', [], 9, 'migration_unknown 9'],
    ['to version 0', [], 0, 'migration_unknown 0'],
  ] as const)('%s', (_situation, done, to, steps) => {
    expect(versions(planUp(applied(...done), AVAILABLE, to))).toEqual(steps)
  })
})

describe('planDown', () => {
  test.each([
    ['one step', [1, 2, 3], null, [3]],
    ['newest first, to a version that stays', [1, 2, 3], 1, [3, 2]],
    ['all', [1, 2, 3], 0, [3, 2, 1]],
    ['all of one', [1], 0, [1]],
    ['an empty database', [], null, []],
    ['to the present version', [1, 2], 2, []],
    ['to a higher version', [1, 2], 3, []],
    ['to a version that does not exist', [1, 2], 9, 'migration_unknown 9'],
  ] as const)('%s', (_situation, done, to, steps) => {
    expect(versions(planDown(applied(...done), AVAILABLE, to))).toEqual(steps)
  })
})

describe('another history', () => {
  const edited = applied(1, 2).map((one) => (one.version === 2 ? { ...one, checksum: 'x' } : one))
  const renamed = applied(1, 2).map((one) => (one.version === 1 ? { ...one, name: '0001_x' } : one))
  test.each([
    ['none', applied(1, 2), null],
    [
      'a file changed after it was applied',
      edited,
      { code: 'migration_edited', name: '0002_step' },
    ],
    ['another file of the same number', renamed, { code: 'migration_unknown', name: '0001_x' }],
    [
      'a database ahead of the files',
      applied(1, 2, 3, 4),
      { code: 'migration_unknown', name: '0004_step' },
    ],
    ['a missing file', applied(1, 3), { code: 'migration_unknown', name: '0003_step' }],
  ])('%s', (_situation, ledger, fault) => {
    expect(findHistoryFault(ledger, AVAILABLE)).toEqual(fault)
    if (fault === null) return
    expect(planUp(ledger, AVAILABLE, 9)).toEqual({ ok: false, refusal: fault })
    expect(planDown(ledger, AVAILABLE, 0)).toEqual({ ok: false, refusal: fault })
  })
})
