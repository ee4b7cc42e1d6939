import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { closeAfter, type KeepOpen, withAll } from '../../../concurrency/open-all.ts'
import type { AuditRecord } from '../../../core/audit/record.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import { formatRowLine } from '../../../core/row-format/row-line.ts'
import type { RowKey } from '../../../core/rows/rows.ts'
import { FfError } from '../../../errors.ts'
import { listOrEmpty } from '../../../files/read-or-null.ts'
import type { HttpClient } from '../../../ports/http.ts'
import type { ScratchDatabase } from '../../../ports/database.ts'
import { loadPersistence } from '../../migrate/load-persistence.ts'
import { LATE_AUDIT_SQL, withLateRecords } from '../faults/late-audit.ts'
import { withGeneratedStore } from './generated-store.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { importStore, withMigratedDatabase } from './scratch-database.ts'

type Store = Extract<TargetSpec, { kind: 'file' | 'postgres' }>
/** A scratch store with one flag, served by `ff serve` in a process of its own. */
export interface CrashTarget {
  readonly name: 'the file' | 'the database'
  readonly store: Store
  readonly server: string | null
  /**
   * Kills the service during writes, and resolves when every begun transaction has ended.
   *
   * @param at number of the kill: on a database every second one comes between a row and its audit record
   */
  readonly killDuringWrite: (kill: () => Promise<void>, at: number) => Promise<void>
  /** Selects the records of the trail that count as written; the control plants its fault there. */
  readonly selectWritten: (records: readonly AuditRecord[]) => readonly AuditRecord[]
}

/**
 * Lends a file store and a migrated database, both scratch, with the same flag and no override; removes them
 * afterwards. The tuple is file, then database. Starts no service.
 *
 * @param late plants the fault: on the database, triggers write each record with the next change; on the file,
 *   `selectWritten` leaves out the first and the last record and repeats the second
 * @throws FfError `production_refused`, `row_refused`, or the errors of creating, migrating and importing
 */
export const withCrashTargets = <T>(
  context: ProbeContext,
  late: boolean,
  use: (targets: readonly [CrashTarget, CrashTarget]) => Promise<T>,
): Promise<T> =>
  withGeneratedStore(context, { tenants: [], revision: 1 }, (store) =>
    withMigratedDatabase(context, async (scratch, inputs) => {
      await importStore(context, inputs, { source: store, database: scratch.target })
      if (late) await scratch.run(LATE_AUDIT_SQL)
      return use([openFileTarget(store as Store, late), openDatabaseTarget(scratch)])
    }),
  )

const openFileTarget = (store: Store, late: boolean): CrashTarget => ({
  name: 'the file',
  store,
  server: null,
  killDuringWrite: (kill) => kill(),
  selectWritten: (records) => (late ? withLateRecords(records) : records),
})

const openDatabaseTarget = (scratch: ScratchDatabase): CrashTarget => ({
  name: 'the database',
  store: scratch.target as Store,
  server: scratch.server,
  killDuringWrite: async (kill, at) => {
    await (at % 2 === 0 ? killBeforeRecord(scratch, kill) : kill())
    await scratch.run(SETTLE)
  },
  selectWritten: (records) => records,
})

/** Seconds for which a lock blocks audit records; the kill comes in the middle. */
const HELD_S = 0.3
const HOLD = `BEGIN; LOCK TABLE ff.audit IN SHARE MODE; SELECT pg_sleep(${HELD_S}); COMMIT`
/** Waits for every transaction that has begun to write. */
const SETTLE = 'BEGIN; LOCK TABLE ff.audit_head IN ACCESS EXCLUSIVE MODE; COMMIT'

/** Kills the service while its writers have written rows and wait for the lock on the audit table. */
async function killBeforeRecord(
  scratch: ScratchDatabase,
  kill: () => Promise<void>,
): Promise<void> {
  const middle = new Promise((resolve) => setTimeout(resolve, (HELD_S * 1000) / 2))
  await Promise.all([scratch.run(HOLD), middle.then(kill)])
}

/** A running service. */
export interface RunningService {
  readonly client: HttpClient
  readonly kill: () => Promise<void>
}
/** Upper limit of the lifetime of a service, milliseconds. */
const LIFE_MS = 900_000
/** Makes the service connect with its own role, whatever the role of the URL. */
const SERVICE_ROLE_OPTION = 'options=-c%20role%3Dff_app'

/**
 * Lends `ff serve` on a target, as a child process on a loopback port with a new audit digest key, and a client of it;
 * kills it afterwards. It lives for fifteen minutes at most.
 *
 * @param keys settings of the key set that the service verifies tokens with
 * @throws FfError `command_unanswered` where the process ends before it listens
 */
export const withRunningService = <T>(
  context: ProbeContext,
  {
    crashTarget,
    keys,
  }: { readonly crashTarget: CrashTarget; readonly keys: Readonly<Record<string, string>> },
  use: (running: RunningService) => Promise<T>,
): Promise<T> =>
  context.adapters.withScratchFolder((cwd) =>
    closeAfter(async (keep) => {
      const env = { ...keys, ...getSettings(crashTarget.store) }
      return use(await startServiceProcess(context, { cwd, env, name: crashTarget.name }, keep))
    }),
  )

/**
 * Starts `ff serve` as a child process on a loopback port, with the audit digest key of a folder, which it makes where there
 * is none, and a client of it; it is killed where `keep` ends. It lives for fifteen minutes at most.
 *
 * @throws FfError `command_unanswered` where the process ends before it listens
 */
export async function startServiceProcess(
  { adapters, signal }: ProbeContext,
  {
    cwd,
    env,
    name,
  }: {
    readonly cwd: string
    readonly env: Readonly<Record<string, string>>
    readonly name: string
  },
  keep: KeepOpen,
): Promise<RunningService> {
  const digestKey = join(cwd, 'digest.key')
  if (!(await listOrEmpty(cwd)).includes('digest.key'))
    await writeFile(digestKey, randomBytes(32), { mode: 0o600 })
  const settings = { ...env, FF_LISTEN: '127.0.0.1:0', FF_AUDIT_DIGEST_KEY_FILE: digestKey }
  const limits = { cwd, env: settings, signal, timeoutMs: LIFE_MS }
  const program = await keep(adapters.startFf(['serve'], limits), (one) => one.kill())
  const started = await program.says(/Listening on (\S+)/)
  if (!started.ok)
    throw new FfError('command_unanswered', `ff serve did not start on ${name}.`, {
      hint: `It said: ${started.last_line.slice(0, 300)}`,
    })
  const client = await keep(adapters.openClient(started.text))
  return { client, kill: () => program.kill() }
}

function getSettings(store: Store): Readonly<Record<string, string>> {
  if (store.kind === 'file') return { FF_BACKING: 'file', FF_STORE_DIR: store.folder ?? '' }
  return { FF_BACKING: 'db', FF_DATABASE_URL: toServiceUrl(store.url) }
}

/** The URL with which a service connects in its own role. */
export const toServiceUrl = (url: string): string =>
  `${url}${url.includes('?') ? '&' : '?'}${SERVICE_ROLE_OPTION}`

/**
 * Reads the whole trail of a target, oldest first: the records that `selectWritten` counts as written, without
 * `audit.boundary` records and without places that hold no readable record (null).
 *
 * @throws the errors of opening and reading the trail
 */
export async function readAuditRecords(
  { adapters, root }: ProbeContext,
  { store, selectWritten }: Pick<CrashTarget, 'store' | 'selectWritten'>,
): Promise<readonly AuditRecord[]> {
  const needs = await loadPersistence(root)
  return withAll([() => adapters.openTrail(store, needs)], (trail) =>
    trail.read(0, async (reading) => {
      const records: AuditRecord[] = []
      for await (const record of reading.records) if (record !== null) records.push(record)
      return selectWritten(records).filter(({ action }) => action !== 'audit.boundary')
    }),
  )
}

/**
 * Row lines of these tenant overrides: `stored` as the store holds them, `recorded` as the last audit record of each
 * says. A set lacks a key whose row does not exist there: none stored, no record, or a last record that deletes.
 * @throws the errors of opening and reading rows and trail
 */
export async function readStoredLines(
  context: ProbeContext,
  crashTarget: CrashTarget,
  keys: readonly RowKey[],
): Promise<{ readonly stored: ReadonlySet<string>; readonly recorded: ReadonlySet<string> }> {
  const inputs = await loadPersistence(context.root)
  return withAll([() => context.adapters.openRows(crashTarget.store, inputs)], async (rows) => {
    const stored = new Set(await rows.lookup('tenant_override', keys))
    const records = await readAuditRecords(context, crashTarget)
    const last = new Map(records.map(({ target, after }) => [target, after]))
    const recorded = keys.flatMap(({ scope_id, flag_key }) => {
      const after = last.get(`tenant/${scope_id}/${flag_key}`)
      return after == null ? [] : [formatRowLine('tenant_override', after)]
    })
    return { stored, recorded: new Set(recorded) }
  })
}
