import type { AuditChainHead } from '../../core/audit/record.ts'
import type { MirrorPublication } from '../../core/cutover/instance.ts'
import type { PhaseRecord } from '../../core/cutover/record.ts'
import type { Migration } from '../../core/migrations/plan.ts'
import { FfError } from '../../errors.ts'
import type {
  CopiedChange,
  CutoverDatabase,
  DatabaseLook,
  DatabaseRenewal,
  RegisteredInstance,
  SharedTurn,
  ShareLimits,
  SideContent,
  StepSaid,
  SwitchSession,
} from '../../ports/cutover.ts'
import type { AuditOptions } from '../../ports/store.ts'
import { tryAdvisoryLock } from './advisory-lock.ts'
import { parseAuditHead, preparedStatement } from './append-audit.ts'
import { lockHead } from './apply-write.ts'
import type { Client } from './client.ts'
import type { ClientPool } from './client-pool.ts'
import { commit } from './commit.ts'
import {
  beginTransaction,
  type DatabaseConfig,
  openPool,
  openSession,
  requireSupportedVersion,
  type Session,
  type SupportedVersions,
} from './connect.ts'
import { requireWritable } from './connection-url.ts'
import { appendChanges, readChanges, requireImage } from './copied-changes.ts'
import { readContent } from './cutover-content.ts'
import { fillDatabase } from './cutover-fill.ts'
import { buildCutoverStatements, type CutoverStatements } from './cutover-statements.ts'
import { decideStep, openSwitchSession } from './cutover-switch.ts'
import { shareTurn } from './cutover-turn.ts'
import { requireKnownMigrations } from './known-migrations.ts'
import { SCHEMA } from './migration-session.ts'
import { mapPgErrors } from './pg-error.ts'
import { LOCK_RECORD, replaceRecord, SHARE_RECORD } from './phase-record.ts'
import { readPlace, refuseOtherPlace } from './place.ts'
import { buildStatements, type Statements } from './statements.ts'
import { lockSwitchLocally } from './switch-lock.ts'

/** Renewals, looks and the mirror; never behind a write that waits for the switch lock. */
const CONNECTIONS = 4
/** Writes, each of which keeps one while it holds the switch lock. */
const TURNS = 8
/** Of the one command that may move the cutover. */
const COORDINATOR = 'ff cutover'
/** Milliseconds that the closing of a database waits for writes under way there. */
const CLOSE_MS = 5_000

/** Options to open the side of a database in a cutover. */
export interface CutoverDatabaseOptions {
  readonly versions: SupportedVersions
  readonly migrations: readonly Migration[]
  /** FF_ENV, which the database has to be made for. */
  readonly environment: string
  /** Absent where no turn writes. */
  readonly tools?: AuditOptions
}

/**
 * Opens the schema `ff` as a side of a cutover; connects at the first call. Each new connection is checked: server version,
 * migrations and place.
 */
export function openCutoverSchema(
  given: DatabaseConfig,
  options: CutoverDatabaseOptions,
): CutoverDatabase {
  const database = { ...given, config: requireWritable(given.config) }
  const check = async (client: Client): Promise<void> => {
    await requireSupportedVersion(client, options.versions)
    await requireKnownMigrations(client, SCHEMA, options.migrations)
    const place = await readPlace(client, SCHEMA)
    if (place !== null) refuseOtherPlace(place, options.environment, database.name)
  }
  return new PostgresCutover(database, check, options.tools ?? null)
}

class PostgresCutover implements CutoverDatabase {
  readonly statements: Statements = buildStatements(SCHEMA)
  readonly cutover: CutoverStatements = buildCutoverStatements(SCHEMA)
  private readonly database: DatabaseConfig
  private readonly control: ClientPool
  private readonly turns: ClientPool
  private readonly tools: AuditOptions | null
  /** Of contents that were not read to their end. */
  private readonly readers = new Set<Client>()
  private coordinator: Session | null = null

  constructor(
    database: DatabaseConfig,
    check: (client: Client) => Promise<void>,
    tools: AuditOptions | null,
  ) {
    this.database = database
    this.control = openPool(database, CONNECTIONS, check)
    this.turns = openPool(database, TURNS, check)
    this.tools = tools
  }

  renew(instance: Omit<RegisteredInstance, 'place'>): Promise<DatabaseRenewal> {
    const { id, counter, epoch, facts } = instance
    const { host, pid, code, schema_head, configuration } = facts
    return this.transaction(SHARE_RECORD, async (client) => {
      const values = [id, counter, epoch, host, pid, code, schema_head, configuration]
      const [, renewal] = await Promise.all([
        client.query(preparedStatement('ff_register', this.cutover.register, values)),
        readJson<DatabaseRenewal>(client, ['ff_renewal', this.cutover.renewal]),
      ])
      return renewal
    })
  }

  look(seq: number): Promise<DatabaseLook> {
    return this.read((client) =>
      readJson<DatabaseLook>(client, ['ff_look', this.cutover.look], [seq]),
    )
  }

  async forget(id: string): Promise<void> {
    await this.read((client) => client.query(this.cutover.forget, [id]))
  }

  writeRecord(record: PhaseRecord, over: number): Promise<boolean> {
    return this.replace({ record, over })
  }

  leaveMirror(record: PhaseRecord, over: number): Promise<boolean> {
    return this.replace({ record, over, leaves: true })
  }

  decideAlone(record: PhaseRecord, over: number, said: StepSaid): Promise<boolean> {
    const context = { database: this.database, schema: SCHEMA, cutover: this.cutover }
    return this.read((client) => decideStep(client, context, { record, over, said }))
  }

  async close(identity: string): Promise<boolean> {
    return this.transaction(null, async (client) => {
      // In the order of a switch, so that the two do not wait for each other.
      await lockSwitchLocally(client, CLOSE_MS)
      await client.query(LOCK_RECORD)
      return (await client.query(this.cutover.close, [identity])).rowCount === 1
    })
  }

  async head(): Promise<AuditChainHead> {
    return this.read(async (client) => parseAuditHead(await client.query(this.statements.head)))
  }

  hashAt(seq: number): Promise<string | null> {
    return this.read(async (client) => {
      const query = preparedStatement('ff_hash_at', this.cutover.hashAt, [seq])
      return (await client.query<{ hash: string | null }>(query)).rows[0]?.hash ?? null
    })
  }

  async changes(after: AuditChainHead, limit: number): Promise<readonly CopiedChange[]> {
    const changes = await this.read((client) => readChanges(client, this.cutover, { after, limit }))
    if (changes === null)
      throw new FfError(
        'chains_forked',
        `The database ${this.database.name} has no audit record ${after.seq} with the hash of the other side.`,
        { hint: 'Compare both sides: `ff cutover reconcile --dry-run`.' },
      )
    changes.forEach(requireImage)
    return changes
  }

  content(): Promise<SideContent> {
    return readContent(this.database, SCHEMA, this.readers)
  }

  append(after: AuditChainHead, changes: readonly CopiedChange[], epoch: number): Promise<boolean> {
    return this.transaction(SHARE_RECORD, async (client) => {
      const [head, { rows }] = await Promise.all([
        lockHead(client, this.statements),
        client.query<EpochRow>(EPOCH),
      ])
      const [record] = rows
      const isHere = head.seq === after.seq && head.hash === after.hash
      if (!isHere || record?.closed !== 'false' || Number(record.epoch) !== epoch) return false
      await appendChanges(client, this, { after, changes })
      return true
    })
  }

  fill(content: SideContent): Promise<void> {
    return fillDatabase(this.database, SCHEMA, content)
  }

  publish({ epoch, server, seq, counters }: MirrorPublication): Promise<boolean> {
    return this.read(async (client) => {
      const values = [epoch, server, seq, JSON.stringify(counters)]
      const query = preparedStatement('ff_publish', this.cutover.publish, values)
      return (await client.query(query)).rowCount === 1
    })
  }

  isMirrored({ seq, hash }: AuditChainHead): Promise<'mirrored' | 'waiting' | 'gone'> {
    return this.read(async (client) => {
      const query = preparedStatement('ff_mirrored', this.cutover.mirrored, [seq, hash])
      const { rows } = await client.query<{ found: 'mirrored' | 'waiting' | 'gone' }>(query)
      return rows[0]?.found ?? 'gone'
    })
  }

  async share(limits: ShareLimits): Promise<SharedTurn> {
    const { tools, turns: pool, statements, cutover } = this
    const { name } = this.database
    return shareTurn({ pool, name, statements, cutover, tools }, limits)
  }

  openSwitch(boundMs: number): Promise<SwitchSession> {
    const { database, cutover } = this
    return openSwitchSession({ database, schema: SCHEMA, cutover, boundMs })
  }

  coordinate(): Promise<boolean> {
    return mapPgErrors(this.database.name, async () => {
      this.coordinator ??= await openSession(this.database)
      return tryAdvisoryLock(this.coordinator.client, COORDINATOR)
    })
  }

  async end(): Promise<void> {
    const readers = [...this.readers].map((client) => client.end())
    await Promise.all([this.control.end(), this.turns.end(), this.coordinator?.end(), ...readers])
  }

  private replace(replacement: Parameters<typeof replaceRecord>[2]): Promise<boolean> {
    return this.transaction(LOCK_RECORD, (client) =>
      replaceRecord(client, this.cutover, replacement),
    )
  }

  /** Runs single statements, each of which is a transaction. */
  private read<T>(work: (client: Client) => Promise<T>): Promise<T> {
    return mapPgErrors(this.database.name, () => this.control.with(work))
  }

  /** Runs `work` in one transaction, after a first statement that takes its lock. */
  private transaction<T>(lock: string | null, work: (client: Client) => Promise<T>): Promise<T> {
    return this.read(async (client) => {
      const begun = beginTransaction(client, 'ISOLATION LEVEL READ COMMITTED')
      const locked = lock === null ? null : client.query(lock)
      const [result] = await Promise.all([work(client), begun, locked])
      await commit(client, this.database.name)
      return result
    })
  }
}

interface EpochRow {
  readonly epoch: string
  readonly closed: string
}
const EPOCH = `SELECT epoch::text, closed::text FROM ONLY "${SCHEMA}".phase`

async function readJson<T>(
  client: Client,
  [name, text]: readonly [string, string],
  values: readonly number[] = [],
): Promise<T> {
  const { rows } = await client.query<{ found: string }>(preparedStatement(name, text, values))
  return JSON.parse(rows[0]?.found ?? '') as T
}
