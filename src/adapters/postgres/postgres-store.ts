import type pg from 'pg'
import type { AuditChainHead } from '../../core/audit/record.ts'
import { type ExistingRows, planWrite } from '../../core/rows/plan-write.ts'
import { findRequestProblems, type WriteRequest } from '../../core/rows/write-request.ts'
import {
  type AnyRow,
  type RowsByTable,
  type RowsOfFlag,
  serializeRow,
  TABLE_NAMES,
} from '../../core/rows/rows.ts'
import { makeProblem } from '../../core/problem.ts'
import type {
  AuditOptions,
  BulkQuery,
  FlagEntry,
  RefusalResult,
  RefusedWrite,
  RowQuery,
  ScratchStore,
  ServiceStore,
  WriteResult,
} from '../../ports/store.ts'
import { sealChange, sealRefusal } from '../store-files/seal-audit.ts'
import { appendAudit, parseAuditHead, preparedStatement } from './append-audit.ts'
import { mapPgErrors } from './pg-error.ts'
import type { ReadPipe } from './read-pipe.ts'
import { type RowOfTexts, RowReader, toRowSet } from './row-reader.ts'
import { buildStatements, type Statements } from './statements.ts'

/** Flags and overrides in one schema of a PostgreSQL database. Any number of processes may have it open. */
export class PostgresStore implements ScratchStore, ServiceStore {
  readonly kind = 'db'
  private readonly pool: pg.Pool
  private readonly name: string
  private readonly tools: AuditOptions
  private readonly statements: Statements
  private readonly durable: boolean
  private readonly readers: ReadPipe | undefined
  private readonly reader: RowReader

  constructor(
    pool: pg.Pool,
    schema: string,
    options: {
      readonly name: string
      readonly tools: AuditOptions
      /** Whether a commit waits for the disk; default true. False for a scratch store. */
      readonly durable?: boolean
      /** Connections for evaluation reads; default the pool. */
      readonly readers?: ReadPipe
    },
  ) {
    this.pool = pool
    this.name = options.name
    this.tools = options.tools
    this.durable = options.durable ?? true
    this.statements = buildStatements(schema)
    const { readers } = options
    this.readers = readers
    this.reader = new RowReader(
      (query) => (readers === undefined ? pool.query<string[]>(query) : readers.query(query)),
      schema,
      options.name,
    )
  }

  read(query: RowQuery): Promise<RowsOfFlag> {
    return this.reader.read(query)
  }

  write(request: WriteRequest): Promise<WriteResult> {
    return mapPgErrors(this.name, () => this.transaction((client) => this.apply(client, request)))
  }

  readMany(query: BulkQuery): Promise<readonly RowsOfFlag[]> {
    return this.reader.readMany(query)
  }

  page(query: Parameters<ServiceStore['page']>[0]): Promise<readonly FlagEntry[]> {
    return this.reader.page(query)
  }

  async refuse(refused: RefusedWrite): Promise<RefusalResult> {
    const problems = findRequestProblems(refused.request)
    if (problems.length > 0) return { ok: false, problems }
    return mapPgErrors(this.name, () =>
      this.transaction(async (client) => {
        const head = parseAuditHead(
          await client.query(preparedStatement('ff_lock_head', this.statements.lockHead)),
        )
        const record = sealRefusal(this.tools, refused, head)
        await appendAudit(client, this.statements, record)
        return { ok: true, head: { seq: record.seq, hash: record.hash } }
      }),
    )
  }

  auditHead(): Promise<AuditChainHead> {
    return mapPgErrors(this.name, async () =>
      parseAuditHead(await this.pool.query(this.statements.head)),
    )
  }

  load(state: RowsByTable): Promise<void> {
    const { clear, insert } = this.statements
    const filled = TABLE_NAMES.filter((table) => state[table].length > 0)
    const texts = filled.map((table) =>
      state[table].map((row: AnyRow) => serializeRow(row)).join(','),
    )
    return mapPgErrors(this.name, async () => {
      const client = await this.pool.connect()
      try {
        // Pipelined: the server runs them in order, and after a failure it turns the COMMIT into a ROLLBACK.
        await Promise.all([
          this.begin(client),
          client.query(clear),
          ...filled.map((table, at) =>
            client.query(
              preparedStatement(`ff_insert_${table}`, insert[table], [`[${texts[at] ?? ''}]`]),
            ),
          ),
          client.query('COMMIT'),
        ])
        client.release()
      } catch (error) {
        client.release(true)
        throw error
      }
    })
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.end(), this.readers?.end()])
  }

  private async apply(client: pg.PoolClient, request: WriteRequest): Promise<WriteResult> {
    const problems = findRequestProblems(request)
    if (problems.length > 0) return { ok: false, problems }
    const { lockHead, upsert } = this.statements
    // Every writer takes this row lock first, so the chain has one order and two writers cannot deadlock. The
    // pipelined read runs once the lock is held, with a snapshot that includes every earlier commit.
    const [locked, standing] = await Promise.all([
      client.query(preparedStatement('ff_lock_head', lockHead)),
      this.readExisting(client, request),
    ])
    const head = parseAuditHead(locked)
    const plan = planWrite(request, standing)
    if (!plan.ok) return plan
    const { change } = plan
    const planned = [`[${serializeRow(change.after)}]`, change.before?.revision ?? 0]
    const record = sealChange(this.tools, { request, change, standing }, head)
    const [{ rowCount }] = await Promise.all([
      client.query(preparedStatement(`ff_upsert_${request.table}`, upsert[request.table], planned)),
      appendAudit(client, this.statements, record),
    ])
    // An SQL statement from outside changed the row without the lock, so the plan is stale: roll back row and record.
    if (rowCount !== 1) return { ok: false, problems: [makeProblem('revision_conflict', '')] }
    return { ok: true, row: change.after, head: { seq: record.seq, hash: record.hash } }
  }

  private async readExisting(
    client: pg.PoolClient,
    { table, key }: WriteRequest,
  ): Promise<ExistingRows> {
    const tenant = table === 'tenant_override' ? key.scope_id : null
    const user = table === 'user_override' ? key.scope_id : null
    const { rows } = await client.query<string[]>({
      ...preparedStatement('ff_standing', this.statements.standing, [key.flag_key, tenant, user]),
      rowMode: 'array',
    })
    const [hasOverrides, ...texts] = rows[0] as RowOfTexts
    const set = toRowSet(texts)
    const row = { flag_registry: set.flag, tenant_override: set.tenant, user_override: set.user }[
      table
    ]
    return { flag: set.flag, row, has_overrides: hasOverrides === 'true' }
  }

  /** Commits if the result of `work` is ok; otherwise rolls back, without waiting for the rollback. */
  private async transaction<T extends { readonly ok: boolean }>(
    work: (client: pg.PoolClient) => Promise<T>,
  ): Promise<T> {
    const client = await this.pool.connect()
    const giveBack = (): void => client.release()
    // A connection with an open transaction is closed, which ends it, and never returned to the pool.
    const close = (): void => client.release(true)
    try {
      const begun = this.begin(client)
      const [result] = await Promise.all([work(client), begun])
      if (result.ok) await client.query('COMMIT').then(giveBack)
      else void client.query('ROLLBACK').then(giveBack, close)
      return result
    } catch (error) {
      close()
      throw error
    }
  }

  private begin(client: pg.PoolClient): Promise<unknown> {
    // Explicit, because the database may have another default: after waiting for the lock, a writer must see new commits.
    const begin = 'BEGIN ISOLATION LEVEL READ COMMITTED'
    return client.query(this.durable ? begin : `${begin}; SET LOCAL synchronous_commit = off`)
  }
}
