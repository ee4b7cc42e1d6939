import type { PhaseRecord } from '../../core/cutover/record.ts'
import type { WriteRequest } from '../../core/rows/write-request.ts'
import { FfError } from '../../errors.ts'
import type { NamedResult, SharedTurn, ShareLimits, WriteName } from '../../ports/cutover.ts'
import type {
  Announcement,
  AnnouncementResult,
  AuditOptions,
  RefusalResult,
  RefusedWrite,
  WriteResult,
} from '../../ports/store.ts'
import { appendAnnouncement } from './announce.ts'
import { preparedStatement } from './append-audit.ts'
import { appendRefusal, applyWrite, lockHead, type WriteTools } from './apply-write.ts'
import type { Client } from './client.ts'
import type { ClientPool } from './client-pool.ts'
import { commit } from './commit.ts'
import { beginTransaction } from './connect.ts'
import { parseImage } from './copied-changes.ts'
import type { CutoverStatements } from './cutover-statements.ts'
import { mapPgErrors } from './pg-error.ts'
import { databaseLeftError } from './phase-record.ts'
import type { Statements } from './statements.ts'
import { shareSwitchLock } from './switch-lock.ts'

/** What a turn is begun with. */
export interface TurnContext {
  readonly pool: ClientPool
  /** Of the database, in messages. */
  readonly name: string
  readonly statements: Statements
  readonly cutover: CutoverStatements
  /** Null where no turn writes. */
  readonly tools: AuditOptions | null
}

/**
 * Begins a turn, as `CutoverDatabase.share`.
 *
 * @throws FfError `lock_timeout`, `phase_refused` without a phase record, `database_left`, or another of `mapPgError`
 */
export function shareTurn(context: TurnContext, limits: ShareLimits): Promise<SharedTurn> {
  const { pool, name } = context
  return mapPgErrors(name, async () => {
    const client = await pool.take()
    try {
      const place = await beginTurn(client, context, limits)
      if (place.record === null) throw noRecordError(name)
      if (place.record.closed) throw databaseLeftError(name)
      return new PostgresTurn(client, context, { ...place, record: place.record })
    } catch (error) {
      pool.discard(client)
      throw error
    }
  })
}

const noRecordError = (name: string): FfError =>
  new FfError('phase_refused', `The database ${name} has no phase record.`, {
    hint: 'Begin the cutover: `ff cutover plan`, then `ff cutover advance`.',
  })

interface TurnPlace {
  readonly server: string
  readonly record: PhaseRecord | null
}

/** One round trip: the server runs the statements in order, the last one once it holds the lock. */
async function beginTurn(
  client: Client,
  { cutover }: TurnContext,
  { boundMs, leaseMs }: ShareLimits,
): Promise<TurnPlace> {
  const lease = Math.ceil(leaseMs)
  // The wait for the lock is bounded by itself.
  const statement = Math.ceil(boundMs) + STATEMENT_MS
  const begun = beginTransaction(
    client,
    'ISOLATION LEVEL READ COMMITTED',
    `; SET LOCAL idle_in_transaction_session_timeout = ${lease}; SET LOCAL statement_timeout = ${statement}`,
  )
  const locked = shareSwitchLock(client, boundMs)
  const query = preparedStatement('ff_cutover_place', cutover.place)
  const found = client.query<{ server: string; record: string | null }>(query)
  found.catch(() => undefined) // Fails where the lock was not taken, which is reported below.
  await Promise.all([begun, locked])
  const { server = '', record = null } = (await found).rows[0] ?? {}
  return { server, record: record === null ? null : (JSON.parse(record) as PhaseRecord) }
}
const STATEMENT_MS = 1_000

type Ended<T> = { readonly result: T; readonly commits: boolean }

class PostgresTurn implements SharedTurn {
  readonly epoch: number
  readonly server: string
  private readonly client: Client
  private readonly context: TurnContext
  private readonly phase: string

  constructor(
    client: Client,
    context: TurnContext,
    { server, record }: TurnPlace & { readonly record: PhaseRecord },
  ) {
    this.client = client
    this.context = context
    this.server = server
    this.epoch = record.epoch
    this.phase = record.phase
  }

  write(request: WriteRequest, name: WriteName): Promise<NamedResult<WriteResult>> {
    return this.end(async (client) => {
      // Once the head is locked no other change of this name is under way.
      const [, earlier] = await Promise.all([
        lockHead(client, this.context.statements),
        this.findNamed(client, name),
      ])
      if (earlier !== null) return { result: earlier, commits: false }
      const result = await applyWrite(client, this.getTools(), { request, name })
      const commits = result.ok && result.unchanged !== true
      return { result: { result, digest: name.request_digest }, commits }
    })
  }

  refuse(refused: RefusedWrite): Promise<RefusalResult> {
    return this.end(async (client) => {
      const result = await appendRefusal(client, this.getTools(), refused)
      return { result, commits: result.ok }
    })
  }

  announce(request: Announcement): Promise<AnnouncementResult> {
    return this.end(async (client) => {
      const result = await appendAnnouncement(client, this.getTools(), request)
      return { result, commits: result.ok }
    })
  }

  free(): Promise<void> {
    return this.end(() => Promise.resolve({ result: undefined, commits: false }))
  }

  private async findNamed(
    client: Client,
    { op_id }: WriteName,
  ): Promise<NamedResult<WriteResult> | null> {
    const { rows } = await client.query<NamedRow>(
      preparedStatement('ff_named', this.context.cutover.named, [op_id]),
    )
    const [found] = rows
    if (found === undefined) return null
    const { seq, hash, target, image, request_digest: digest } = found
    const { row } = parseImage(target, image)
    return { result: { ok: true, row, head: { seq: Number(seq), hash } }, digest }
  }

  /** Audit records of a turn name the phase that was read under its lock. */
  private getTools(): WriteTools {
    const { statements, tools } = this.context
    if (tools === null) throw new Error('the database was opened without the means to write')
    return { statements, tools: { ...tools, phase: this.phase } }
  }

  /** Runs the one piece of work of a turn and ends its transaction, whatever happens: that frees the lock. */
  private end<T>(work: (client: Client) => Promise<Ended<T>>): Promise<T> {
    const { client, context } = this
    return mapPgErrors(context.name, async () => {
      try {
        const { result, commits } = await work(client)
        await (commits ? commit(client, context.name) : client.query('ROLLBACK'))
        context.pool.release(client)
        return result
      } catch (error) {
        context.pool.discard(client)
        throw error
      }
    })
  }
}

interface NamedRow {
  readonly seq: string
  readonly hash: string
  readonly target: string
  readonly image: string
  readonly request_digest: string | null
}
