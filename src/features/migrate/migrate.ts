import { findDrift, buildCatalogue } from '../../core/migrations/catalogue.ts'
import {
  findHistoryFault,
  type Migration,
  type MigrationPlan,
  type MigrationRefusal,
  planDown,
  planUp,
} from '../../core/migrations/plan.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { FfError } from '../../errors.ts'
import type { MigrationSession } from '../../ports/migrations.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { loadPersistence, type DdlContract } from './load-persistence.ts'

/** Input of each `ff migrate` command that opens a database. */
export interface MigrateRequest {
  readonly root: string
  readonly database: TargetSpec
  readonly adapters: Adapters
  /** Checked between two steps; a step that has begun is completed. */
  readonly signal: AbortSignal
}
/** Input of `ff migrate up` and `ff migrate down`. */
export interface StepRequest extends MigrateRequest {
  /** The target version; null for the newest (up) or one step back (down). */
  readonly to: number | null
  readonly dryRun: boolean
  /** FF_ENV of the process, which the database has to be made for. */
  readonly environment: string
  /** Whether `up` gives the database a new place, as a copy needs. */
  readonly adopt: boolean
}

/**
 * `ff migrate up`: claims the place of the database, applies the pending migrations up to `to`, then grants the
 * roles. Returns one item for each applied migration, or `head` if none is pending, and in `sql` the statements for
 * a role admin if roles are missing. A dry run only lists the steps and their SQL. An aborted run stops between two
 * steps and returns those it did.
 *
 * @throws FfError `migration_edited`, `migration_unknown`, `migration_locked`, `place_refused` or
 *   `artefact_invalid`; also errors of the database
 */
export async function migrateUp(request: StepRequest): Promise<CheckReport> {
  return withSession(request, !request.dryRun, async (session, { migrations }) => {
    const steps = requireSteps(planUp(await session.applied(), migrations, request.to))
    if (request.dryRun) return dryRun('migrate_up', steps, 'up')
    const sql = await session.prepare()
    await session.claimPlace(request)
    const done = await applyAll(session, steps, { direction: 'up', signal: request.signal })
    await session.grant()
    const items =
      done.length === 0
        ? [passResult('head', 'no migration is pending')]
        : done.map(({ name }) => passResult(name, 'applied'))
    const place = passResult('place', 'new; plan and evidence have to name it (ff plan check)')
    return buildCheckReport('migrate_up', [...items, ...(request.adopt ? [place] : [])], {
      sql:
        sql.length === 0
          ? []
          : ['-- Run as a role with CREATEROLE; then run ff migrate up again.', ...sql],
    })
  })
}

/**
 * `ff migrate down`: reverts migrations, newest first, down to `to` or one step. Returns one item for each reverted
 * migration, or `base` if there is none. A dry run only lists the steps and their SQL. An aborted run stops between
 * two steps and returns those it did.
 *
 * @throws FfError `migration_edited`, `migration_unknown`, `migration_locked`, `place_refused` or
 *   `artefact_invalid`; also errors of the database, such as `rows_would_be_lost`
 */
export async function migrateDown(request: StepRequest): Promise<CheckReport> {
  return withSession(request, !request.dryRun, async (session, { migrations }) => {
    const steps = requireSteps(planDown(await session.applied(), migrations, request.to))
    if (request.dryRun) return dryRun('migrate_down', steps, 'down')
    await session.requirePlace(request.environment)
    const done = await applyAll(session, steps, { direction: 'down', signal: request.signal })
    const items =
      done.length === 0
        ? [passResult('base', 'no migration to revert')]
        : done.map(({ name }) => passResult(name, 'reverted'))
    return buildCheckReport('migrate_down', items)
  })
}

/**
 * `ff migrate status`: one item for each migration of the package, applied with its time, or pending; exits 21 if one
 * is pending. Changes nothing.
 *
 * @throws FfError `migration_edited`, `migration_unknown` or `artefact_invalid`; also errors of the database
 */
export async function migrateStatus(request: MigrateRequest): Promise<CheckReport> {
  return withSession(request, false, async (session, { migrations }) => {
    const applied = await session.applied()
    throwIfRefused(findHistoryFault(applied, migrations))
    const when = new Map(applied.map(({ version, applied_at }) => [version, applied_at]))
    const items = migrations.map(({ version, name }): CheckResult => {
      const at = when.get(version)
      return at === undefined
        ? {
            id: name,
            title: 'pending',
            state: 'pending',
            findings: [{ code: 'migration_pending', pointer: null, detail: '' }],
            next: 'Run `ff migrate up`.',
          }
        : passResult(name, `applied ${at}Z`)
    })
    return buildCheckReport('migrate_status', items)
  })
}

/**
 * `ff migrate verify`: compares the live catalogue and roles with the contract. Returns the one item `catalogue` if
 * both agree; else a failed item for each missing role and each object that differs, and exits 20. Changes nothing.
 *
 * @throws FfError `migration_edited`, `migration_unknown` or `artefact_invalid`; also errors of the database
 */
export async function migrateVerify(request: MigrateRequest): Promise<CheckReport> {
  return withSession(request, false, async (session, { contract, migrations }) => {
    throwIfRefused(findHistoryFault(await session.applied(), migrations))
    const { found, roles } = await session.catalogue()
    const expected = buildCatalogue(contract, roles)
    const drifts = findDrift(expected, found).map(
      ({ object, code, expected: want, found: have }): CheckResult => ({
        id: object,
        title: `${have ?? 'nothing'} instead of ${want ?? 'nothing'}`,
        state: 'fail',
        findings: [{ code, pointer: null, detail: `${want ?? 'nothing'} is in the contract` }],
        next: 'Restore it with a migration, or change the contract with a migration.',
      }),
    )
    const absent = Object.keys(contract.roles).filter((role) => !roles.has(role))
    const missing = absent.map((role): CheckResult => ({
      id: `role ${role}`,
      title: 'the role and its grants are missing',
      state: 'fail',
      findings: [{ code: 'role_missing', pointer: null, detail: role }],
      next: `Run CREATE ROLE ${role} NOLOGIN as a role with CREATEROLE, then run \`ff migrate up\`.`,
    }))
    const whole = passResult('catalogue', `${expected.size} objects as in the contract`)
    return buildCheckReport(
      'migrate_verify',
      drifts.length + missing.length === 0 ? [whole] : [...missing, ...drifts],
    )
  })
}

async function withSession<T>(
  { root, database, adapters }: MigrateRequest,
  locked: boolean,
  use: (session: MigrationSession, inputs: DdlContract) => Promise<T>,
): Promise<T> {
  const inputs = await loadPersistence(root)
  return adapters.withMigrationSession(database, { ...inputs, locked }, (session) =>
    use(session, inputs),
  )
}

async function applyAll(
  session: MigrationSession,
  steps: readonly Migration[],
  { direction, signal }: { readonly direction: 'up' | 'down'; readonly signal: AbortSignal },
): Promise<readonly Migration[]> {
  const done: Migration[] = []
  for (const step of steps) {
    if (signal.aborted) break
    await session.apply(step, direction)
    done.push(step)
  }
  return done
}

function requireSteps(plan: MigrationPlan): readonly Migration[] {
  if (plan.ok) return plan.steps
  return throwIfRefused(plan.refusal)
}

function throwIfRefused(refusal: MigrationRefusal): never
function throwIfRefused(refusal: MigrationRefusal | null): void
function throwIfRefused(refusal: MigrationRefusal | null): void {
  if (refusal === null) return
  const { code, name } = refusal
  const texts = {
    migration_edited: [
      `The migration ${name} changed after it was applied.`,
      'Restore the file as it was applied, and put the change into a new migration: ff migrate new NAME.',
    ],
    migration_unknown: [
      `This version of ff has no migration ${name}.`,
      'Use the version of ff that migrated the database, or name a version that ff migrate status lists.',
    ],
  }[code] as [string, string]
  throw new FfError(code, texts[0], { hint: texts[1] })
}

function dryRun(
  kind: 'migrate_up' | 'migrate_down',
  steps: readonly Migration[],
  direction: 'up' | 'down',
): CheckReport {
  const items = steps.map(({ name }) => passResult(name, 'would run; nothing was changed'))
  const sql = steps.flatMap((step) => [`-- ${step.name}, ${direction}`, step[direction].trim()])
  return buildCheckReport(
    kind,
    items.length === 0 ? [passResult('plan', 'no migration to run')] : items,
    { sql },
  )
}
