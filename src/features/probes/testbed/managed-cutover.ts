import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { closeAfter, type KeepOpen } from '../../../concurrency/open-all.ts'
import { isJsonNumber, parseLosslessJson } from '../../../core/json/read.ts'
import { getMember } from '../../../core/row-format/row-line.ts'
import type { CutoverPhase } from '../../../core/cutover/phases.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import { FfError } from '../../../errors.ts'
import type { ScratchDatabase } from '../../../ports/database.ts'
import { CUTOVER_CLOCK } from '../../cutover/lease-clock.ts'
import {
  coordinate,
  type Coordinated,
  type SidesRequest,
  withCutoverSides,
} from '../../cutover/open-sides.ts'
import { isUnreachable, readHeads } from '../../cutover/read-sides.ts'
import { advanceCutover, rollBackCutover, type StepTools } from '../../cutover/take-step.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { toOverridePath } from './audited-changes.ts'
import { type RunningService, startServiceProcess, toServiceUrl } from './crash-targets.ts'
import { withGeneratedStore } from './generated-store.ts'
import { type Issuer, openIssuer } from './issuer.ts'
import { SCRATCH_ENVIRONMENT, withMigratedDatabase } from './scratch-database.ts'

const LEASE_S = 2
/** Of each wait of a step. */
const BOUND_MS = 30_000

/**
 * A scratch file store and a scratch database, and two `ff serve` processes of one host that take part in the cutover
 * between them. Its record says that it is a copy, so that no step needs a GO.
 */
export class ManagedCutover {
  readonly folder: string
  readonly database: ScratchDatabase
  readonly services: readonly RunningService[]
  private readonly context: ProbeContext
  private readonly issuer: Issuer

  constructor(
    context: ProbeContext,
    parts: Pick<ManagedCutover, 'folder' | 'database' | 'services'> & { readonly issuer: Issuer },
  ) {
    this.context = context
    this.folder = parts.folder
    this.database = parts.database
    this.services = parts.services
    this.issuer = parts.issuer
  }

  get store(): TargetSpec {
    return { kind: 'file', folder: this.folder }
  }

  /** Takes the steps up to a phase. @throws FfError as `advanceCutover` */
  async advanceTo(phase: CutoverPhase): Promise<void> {
    for (let at: CutoverPhase | null = null; at !== phase;)
      ({ phase: at } = await this.coordinate((tools) =>
        advanceCutover({
          ...tools,
          environment: SCRATCH_ENVIRONMENT,
          oneWriter: false,
          judge: () => Promise.resolve(null),
        }),
      ))
  }

  /** Goes back to a phase, through those between. @throws FfError as `rollBackCutover` */
  async rollBackTo(to: CutoverPhase): Promise<void> {
    await this.coordinate((tools) => rollBackCutover({ ...tools, to, raisesAttempt: true }))
  }

  /**
   * Sends a change of a tenant's override of the generated flag to one of the services, under its id as the key, and again
   * while the answer is 503, for at most 20 s.
   *
   * @throws FfError `proof_inconclusive` on another status
   */
  async change(change: TenantChange, at: number): Promise<AnsweredChange> {
    const { client } = this.services[at % this.services.length] as RunningService
    const { tenant, value, request_id } = change
    const start = performance.now()
    for (;;) {
      const { status, text } = await client.send({
        method: 'PUT',
        path: toOverridePath(tenant),
        body: JSON.stringify({ value }),
        headers: {
          ...this.issuer.toHeaders('writer'),
          'x-request-id': request_id,
          'idempotency-key': request_id,
        },
      })
      const tookMs = performance.now() - start
      const revision = readNumber(text, 'revision')
      if (status < 300 && revision !== null) return { ...change, revision, tookMs }
      if (status !== 503)
        throw new FfError(
          'proof_inconclusive',
          `A change of ${tenant} was answered with ${status}.`,
          {
            hint: `It said: ${text.slice(0, 300)}`,
          },
        )
      if (tookMs > CHANGE_MS) return { ...change, revision: null, tookMs }
      await CUTOVER_CLOCK.rest(RETRY_MS, this.context.signal)
      this.context.signal.throwIfAborted()
    }
  }

  /** How many records the file has that the database lacks; null where the database does not answer. */
  async countBehind(): Promise<number | null> {
    return withCutoverSides(this.request, async (sides) => {
      try {
        const { fileHead, look } = await readHeads(sides, 'file')
        return fileHead.seq - look.head.seq
      } catch (error) {
        if (isUnreachable(error)) return null
        throw error
      }
    })
  }

  private get request(): SidesRequest {
    const { adapters, root } = this.context
    return {
      adapters,
      root,
      folder: this.folder,
      database: this.database.target,
      environment: SCRATCH_ENVIRONMENT,
      // A service holds the lock of the file, so that nothing is written with it.
      tools: { digestKey: randomBytes(32), phase: 'file' },
      failed: (): void => undefined,
    }
  }

  private coordinate<T>(use: (tools: StepTools) => Promise<T>): Promise<T> {
    const limits = { boundMs: BOUND_MS, leaseMs: LEASE_S * 1_000, drainMs: 0 }
    return coordinate(this.request, ({ sides, writer }: Coordinated) =>
      use({
        sides,
        writer,
        limits,
        signal: this.context.signal,
        clock: CUTOVER_CLOCK,
        host: hostname(),
        observe: () => undefined,
      }),
    )
  }
}

const CHANGE_MS = 20_000
const RETRY_MS = 250

export interface TenantChange {
  readonly tenant: string
  readonly value: number
  readonly request_id: string
}

/** A change as it was acknowledged. */
export interface AnsweredChange extends TenantChange {
  /** Null where it was not acknowledged in time; it may be in effect. */
  readonly revision: number | null
  readonly tookMs: number
}

/** A number of a JSON object; null for any other member. */
export function readNumber(text: string, name: string): number | null {
  const read = parseLosslessJson(text)
  const node = read.ok ? getMember(read.node, name) : undefined
  return typeof node === 'object' && node !== null && isJsonNumber(node)
    ? Number(node.lexeme)
    : null
}

/**
 * Lends a cutover in phase `file`, and removes its stores and processes afterwards.
 *
 * @throws FfError `production_refused`, `command_unanswered`, and the errors of creating and migrating
 */
export const withManagedCutover = <T>(
  context: ProbeContext,
  use: (cutover: ManagedCutover) => Promise<T>,
): Promise<T> =>
  withGeneratedStore(context, { tenants: [], revision: 1 }, (store) =>
    withMigratedDatabase(context, (database) =>
      context.adapters.withScratchFolder((cwd) =>
        closeAfter(async (keep) => {
          const folder = store.kind === 'file' ? (store.folder ?? '') : ''
          await markScratch(context, folder)
          const issuer = await keep(openIssuer(context), ({ server }) => server.close())
          const place = { cwd, folder, database, issuer }
          const services = [
            await startInstance(context, place, keep),
            await startInstance(context, place, keep),
          ]
          return use(new ManagedCutover(context, { folder, database, services, issuer }))
        }),
      ),
    ),
  )

async function markScratch({ adapters }: ProbeContext, folder: string): Promise<void> {
  const file = await adapters.openCutoverFile(folder)
  const { record } = await file.read()
  const { epoch } = record
  if (await file.writeRecord({ ...record, epoch: epoch + 1, scratch: true }, epoch)) return
  throw new FfError('proof_inconclusive', `The record of ${folder} was replaced meanwhile.`, {
    hint: 'Run the probe again.',
  })
}

interface Place {
  readonly cwd: string
  readonly folder: string
  readonly database: ScratchDatabase
  readonly issuer: Issuer
}
function startInstance(
  context: ProbeContext,
  { cwd, folder, database: { target }, issuer }: Place,
  keep: KeepOpen,
): Promise<RunningService> {
  const env = {
    ...issuer.keys,
    FF_BACKING: 'managed',
    FF_STORE_DIR: folder,
    FF_DATABASE_URL: toServiceUrl(target.kind === 'postgres' ? target.url : ''),
    FF_CUTOVER_LEASE: String(LEASE_S),
  }
  return startServiceProcess(context, { cwd, env, name: 'the cutover' }, keep)
}
