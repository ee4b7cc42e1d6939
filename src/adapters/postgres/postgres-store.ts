import type { AuditPage, AuditQuery } from '../../core/audit/audit-page.ts'
import type { AuditChainHead } from '../../core/audit/record.ts'
import type { WriteRequest } from '../../core/rows/write-request.ts'
import {
  type AnyRow,
  type RowsByTable,
  type RowsOfFlag,
  serializeRow,
  TABLE_NAMES,
} from '../../core/rows/rows.ts'
import type { FfError } from '../../errors.ts'
import type {
  Announcement,
  AnnouncementResult,
  AuditOptions,
  BulkQuery,
  FeedReader,
  FlagEntry,
  KeyedRow,
  OverrideQuery,
  RefusalResult,
  RefusedWrite,
  RevisionReader,
  RowQuery,
  ScratchStore,
  ServiceStore,
  SinkBacklog,
  SnapshotReader,
  WriteResult,
} from '../../ports/store.ts'
import { appendAnnouncement } from './announce.ts'
import { parseAuditHead, preparedStatement } from './append-audit.ts'
import { appendRefusal, applyWrite, type WriteTools } from './apply-write.ts'
import type { Client } from './client.ts'
import type { ClientPool } from './client-pool.ts'
import { beginTransaction } from './connect.ts'
import { mapPgErrors, readOnlyError } from './pg-error.ts'
import { type PhaseRow, refusePlainWrite } from './phase-record.ts'
import { type ReadPipe, sendRead } from './read-pipe.ts'
import { RowReader } from './row-reader.ts'
import { buildStatements, type Statements } from './statements.ts'

/** read_only_sql_transaction. */
const READ_ONLY = '25006'

/** Flags and overrides in one schema of a PostgreSQL database. Any number of processes may have it open. */
export class PostgresStore implements ScratchStore, ServiceStore, WriteTools {
  readonly kind = 'db'
  private readonly pool: ClientPool
  private readonly name: string
  readonly tools: AuditOptions
  readonly statements: Statements
  private readonly durable: boolean
  private readonly readers: ReadPipe | undefined
  private readonly reader: RowReader
  private readonly refusal: () => FfError | null

  constructor(
    pool: ClientPool,
    schema: string,
    options: {
      readonly name: string
      readonly tools: AuditOptions
      /** Whether a commit waits for the disk; default true. False for a scratch store. */
      readonly durable?: boolean
      /** Connections for evaluation reads; default the pool. */
      readonly readers?: ReadPipe
      /** Why no call may be answered now; default never. */
      readonly refusal?: () => FfError | null
    },
  ) {
    this.pool = pool
    this.name = options.name
    this.tools = options.tools
    this.durable = options.durable ?? true
    this.statements = buildStatements(schema)
    const { readers } = options
    this.readers = readers
    this.refusal = options.refusal ?? (() => null)
    this.reader = new RowReader(
      async (query) => {
        this.throwIfRefused()
        return readers === undefined
          ? pool.with((client) => sendRead(client, query))
          : readers.query(query)
      },
      schema,
      options.name,
    )
  }

  /**
   * The rows of one flag in one snapshot: null for a missing row or an id of null, `broken` for an invalid one.
   *
   * @throws FfError of `mapPgError`
   */
  read(query: RowQuery): Promise<RowsOfFlag> {
    return this.reader.read(query)
  }

  /** The rows and the feed, for a copy in memory. */
  get feed(): FeedReader {
    return this.reader
  }

  /** The rows with the number of the last change in their snapshot, for a cache. */
  get snapshots(): SnapshotReader {
    return this.reader
  }

  /**
   * Applies one change with its audit record, its row in the feed and its image in the change log in one transaction,
   * after waiting for the row lock on the audit head.
   * Returns the new row and head, or the problems of a refused request, of which nothing is written;
   * `revision_conflict` also if another session changed the row meanwhile.
   *
   * @throws FfError `lock_timeout`, `disk_full`, `phase_refused` during a cutover, or another of `mapPgError`
   */
  write(request: WriteRequest): Promise<WriteResult> {
    return mapPgErrors(this.name, () =>
      this.transaction((client) => applyWrite(client, this, { request, name: null })),
    )
  }

  /** As `read`, for several flags in the order of `flag_keys`, in one snapshot. */
  readMany(query: BulkQuery): Promise<readonly RowsOfFlag[]> {
    return this.reader.readMany(query)
  }

  /**
   * Lists at most `limit` flags with a key after `after` (null: from the first), in byte order; invalid rows included.
   *
   * @throws FfError of `mapPgError`
   */
  page(query: Parameters<ServiceStore['page']>[0]): Promise<readonly FlagEntry[]> {
    return this.reader.page(query)
  }

  /** Lists live overrides, invalid ones included. @throws FfError of `mapPgError` */
  overrides(query: OverrideQuery): Promise<readonly KeyedRow[]> {
    return this.reader.overrides(query)
  }

  /** Lists audit records, newest first. @throws FfError as `RowReader.audit` */
  audit(query: AuditQuery): Promise<AuditPage> {
    return this.reader.audit(query)
  }

  /** What is not delivered of the audit trail. @throws FfError as `RowReader.sinkBacklog` */
  sinkBacklog(): Promise<SinkBacklog> {
    return this.reader.sinkBacklog()
  }

  /**
   * Appends the audit record of a refused write. Returns the new head, or the problems of a request that fits no
   * record.
   *
   * @throws FfError as `write`
   */
  refuse(refused: RefusedWrite): Promise<RefusalResult> {
    return mapPgErrors(this.name, () =>
      this.transaction((client) => appendRefusal(client, this, refused)),
    )
  }

  /** Appends the record of an announcement and its row in the feed in one transaction. @throws FfError as `write` */
  announce(announcement: Announcement): Promise<AnnouncementResult> {
    return mapPgErrors(this.name, () =>
      this.transaction((client) => appendAnnouncement(client, this, announcement)),
    )
  }

  /**
   * The row as it was at one of its revisions; null where the change log has none, or none any more.
   *
   * @throws FfError of `mapPgError`
   */
  revision(
    query: Parameters<RevisionReader['revision']>[0],
  ): ReturnType<RevisionReader['revision']> {
    return this.reader.revision(query)
  }

  /**
   * @throws FfError `target_read_only` where a transaction may not write, `phase_refused` during a cutover, or
   * another of `mapPgError`
   */
  async requireWritable(): Promise<void> {
    await mapPgErrors(this.name, () =>
      this.pool.with(async (client) => {
        const text = `SELECT current_setting('transaction_read_only')`
        const { rows } = await sendRead(client, { text, rowMode: 'array' })
        if (rows[0]?.[0] !== 'off') throw readOnlyError()
        await this.requirePlainPhase(client)
      }),
    )
  }

  /** The number and hash of the last audit record. @throws FfError of `mapPgError`; Error if the table is empty */
  async auditHead(): Promise<AuditChainHead> {
    this.throwIfRefused()
    return mapPgErrors(this.name, () =>
      this.pool.with(async (client) => {
        const text = this.statements.head
        const { rows } = await sendRead(client, { text, rowMode: 'array' })
        return parseAuditHead({ rows: rows.map(([seq = '', hash = '']) => ({ seq, hash })) })
      }),
    )
  }

  /**
   * Replaces all rows of the three tables in one transaction; writes no audit record.
   *
   * @throws FfError `row_refused` if the database rejects a row, or another of `mapPgError`
   */
  load(state: RowsByTable): Promise<void> {
    const { clear, insert } = this.statements
    const filled = TABLE_NAMES.filter((table) => state[table].length > 0)
    const texts = filled.map((table) =>
      state[table].map((row: AnyRow) => serializeRow(row)).join(','),
    )
    return mapPgErrors(this.name, () =>
      this.pool.with(async (client) => {
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
      }),
    )
  }

  /** Closes the connections of writers and readers. */
  async close(): Promise<void> {
    await Promise.all([this.pool.end(), this.readers?.end()])
  }

  /** Commits if the result of `work` is ok; otherwise rolls back, without waiting for the rollback. */
  private async transaction<T extends { readonly ok: boolean }>(
    work: (client: Client) => Promise<T>,
  ): Promise<T> {
    this.throwIfRefused()
    const client = await this.pool.take()
    const giveBack = (): void => this.pool.release(client)
    // A connection with an open transaction is closed, which ends it, and never returned to the pool.
    const close = (): void => this.pool.discard(client)
    try {
      const begun = this.begin(client)
      const working = work(client)
      // `work` has sent the lock on the audit head, so that the phase is read once that is held.
      const plain = this.requirePlainPhase(client)
      plain.catch(() => undefined) // After a failure of `work` it fails too.
      const [result] = await Promise.all([working, begun])
      await plain
      if (result.ok) await client.query('COMMIT').then(giveBack)
      else void client.query('ROLLBACK').then(giveBack, close)
      return result
    } catch (error) {
      close()
      // After a failover the server that a connection leads to may be a standby: the next ones look for the primary.
      if (error instanceof Error && 'code' in error && error.code === READ_ONLY)
        this.pool.discardIdle()
      throw error
    }
  }

  private async requirePlainPhase(client: Client): Promise<void> {
    const query = preparedStatement('ff_phase', this.statements.phase)
    refusePlainWrite((await client.query<PhaseRow>(query)).rows, this.name)
  }

  private throwIfRefused(): void {
    const refusal = this.refusal()
    if (refusal !== null) throw refusal
  }

  private begin(client: Client): Promise<unknown> {
    // Explicit, because the database may have another default: after waiting for the lock, a writer must see new commits.
    const more = this.durable ? '' : '; SET LOCAL synchronous_commit = off'
    return beginTransaction(client, 'ISOLATION LEVEL READ COMMITTED', more)
  }
}
