import type { AuditChainHead } from '../../core/audit/record.ts'
import type { PhaseRecord } from '../../core/cutover/record.ts'
import type { StepSaid, SwitchSession } from '../../ports/cutover.ts'
import { describeStep } from '../store-files/seal-audit.ts'
import { appendBoundary } from './boundary.ts'
import type { Client } from './client.ts'
import { commit } from './commit.ts'
import { beginTransaction, type DatabaseConfig, openSession, type Session } from './connect.ts'
import type { CutoverStatements } from './cutover-statements.ts'
import { mapPgErrors } from './pg-error.ts'
import { LOCK_RECORD, replaceRecord } from './phase-record.ts'
import { lockSwitch, unlockSwitch } from './switch-lock.ts'

/** Milliseconds that the client waits beyond what the server is allowed. */
const ANSWER_MS = 2_000

/** What a session of a switch is opened with. */
export interface SwitchContext {
  readonly database: DatabaseConfig
  readonly schema: string
  readonly cutover: CutoverStatements
  readonly boundMs: number
}

/**
 * Opens the session of a switch, as `CutoverDatabase.openSwitch`.
 *
 * @throws FfError `pooler_unsupported`, or another of `mapPgError`
 */
export function openSwitchSession(context: SwitchContext): Promise<SwitchSession> {
  const bound = Math.ceil(context.boundMs)
  return mapPgErrors(context.database.name, async () => {
    const session = await openSession(context.database, {
      statement_timeout: bound + ANSWER_MS,
      query_timeout: bound + 2 * ANSWER_MS,
      idle_in_transaction_session_timeout: bound,
    })
    try {
      await session.client.query(`SET idle_session_timeout = ${bound}`)
      return new PostgresSwitch(session, context)
    } catch (error) {
      await session.end()
      throw error
    }
  })
}

/**
 * Commits a phase record with its boundary record, where the record there has epoch `over`.
 *
 * @returns whether it did
 * @throws FfError `outcome_unknown`; the driver's error, unmapped
 */
export async function decideStep(
  client: Client,
  { database, schema, cutover }: Omit<SwitchContext, 'boundMs'>,
  { record, over, said }: DecidedStep,
): Promise<boolean> {
  const isStanding = `SELECT FROM ONLY "${schema}".phase WHERE epoch = $1`
  await beginTransaction(client, 'ISOLATION LEVEL READ COMMITTED')
  try {
    await client.query(LOCK_RECORD)
    const { rowCount } = await client.query(isStanding, [over])
    const decided = rowCount === 1 && (await replaceRecord(client, cutover, { record, over }))
    if (decided) await appendBoundary(client, schema, describeStep(record, said))
    await (decided ? commit(client, database.name) : client.query('ROLLBACK'))
    return decided
  } catch (error) {
    // A lost connection has ended the transaction; report the first error.
    await client.query('ROLLBACK').catch(() => undefined)
    throw error
  }
}
interface DecidedStep {
  readonly record: PhaseRecord
  readonly over: number
  readonly said: StepSaid
}

class PostgresSwitch implements SwitchSession {
  private readonly session: Session
  private readonly context: SwitchContext
  private held = false

  constructor(session: Session, context: SwitchContext) {
    this.session = session
    this.context = context
  }

  lockExclusive(): Promise<void> {
    return this.run(async () => {
      // The server counts how often a session has taken a lock.
      if (this.held) return
      await lockSwitch(this.session.client, this.context.boundMs)
      this.held = true
    })
  }

  check(): Promise<{ readonly head: AuditChainHead; readonly slotsFree: boolean }> {
    return this.run(async () => {
      const { rows } = await this.session.client.query<{ found: string }>(
        this.context.cutover.check,
      )
      return JSON.parse(rows[0]?.found ?? '') as { head: AuditChainHead; slotsFree: boolean }
    })
  }

  decide(record: PhaseRecord, over: number, said: StepSaid = {}): Promise<boolean> {
    return this.run(() => decideStep(this.session.client, this.context, { record, over, said }))
  }

  free(): Promise<void> {
    return this.run(async () => {
      if (!this.held) return
      await unlockSwitch(this.session.client)
      this.held = false
    })
  }

  async close(): Promise<void> {
    await this.session.end()
  }

  private run<T>(work: () => Promise<T>): Promise<T> {
    return mapPgErrors(this.context.database.name, work)
  }
}
