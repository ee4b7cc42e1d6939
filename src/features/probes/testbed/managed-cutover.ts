import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { closeAfter, type KeepOpen } from '../../../concurrency/open-all.ts'
import { isJsonNumber, parseLosslessJson } from '../../../core/json/read.ts'
import { getMember } from '../../../core/row-format/row-line.ts'
import type { CutoverPhase } from '../../../core/cutover/phases.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import type { CutoverStep } from '../../../core/report/cutover-documents.ts'
import { FfError } from '../../../errors.ts'
import type { ScratchDatabase } from '../../../ports/database.ts'
import type { HttpClient } from '../../../ports/http.ts'
import { CUTOVER_CLOCK } from '../../cutover/lease-clock.ts'
import {
  coordinate,
  type Coordinated,
  type SidesRequest,
  withCutoverSides,
  type DatabaseRequest,
  type FileRequest,
} from '../../cutover/open-sides.ts'
import { isUnreachable, readHeads } from '../../cutover/read-sides.ts'
import { rollBackInTurns } from '../../cutover/roll-back.ts'
import { advanceCutover, type StepTools } from '../../cutover/take-step.ts'
import type { ProbeContext, WithResource } from '../framework/probe.ts'
import { toOverridePath } from './audited-changes.ts'
import { type RunningService, startServiceProcess, toServiceUrl } from './crash-targets.ts'
import type { DrillCaller } from './drill-load.ts'
import { buildFlagBody } from './endpoints.ts'
import { GENERATED_FLAG, withGeneratedStore } from './generated-store.ts'
import { type Issuer, openIssuer } from './issuer.ts'
import { SCRATCH_ENVIRONMENT, withMigratedDatabase } from './scratch-database.ts'

/** Settings of the services, in seconds. */
interface ManagedTimes {
  /** FF_CUTOVER_LEASE. */
  readonly lease: number
  /** FF_STORE_DEADLINE. */
  readonly deadline: number
}
/** A short lease: what waits for one waits for a part of a probe's time. */
const BRIEF: ManagedTimes = { lease: 2, deadline: 1 }
/** Under a load that shares the machine with the services: a slow answer says nothing of the cutover. */
export const LOADED: ManagedTimes = { lease: 5, deadline: 5 }
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
  private readonly leaseMs: number

  constructor(
    context: ProbeContext,
    parts: Pick<ManagedCutover, 'folder' | 'database' | 'services'> &
      Pick<Place, 'issuer' | 'times'>,
  ) {
    this.context = context
    this.folder = parts.folder
    this.database = parts.database
    this.services = parts.services
    this.issuer = parts.issuer
    this.leaseMs = parts.times.lease * 1_000
  }

  get store(): Extract<TargetSpec, { kind: 'file' }> {
    return { kind: 'file', folder: this.folder }
  }

  /** Takes one step forward. @throws FfError as `advanceCutover` */
  advance(): Promise<CutoverStep> {
    return this.coordinate((tools) =>
      advanceCutover({
        ...tools,
        environment: SCRATCH_ENVIRONMENT,
        oneWriter: false,
        judge: () => Promise.resolve(null),
      }),
    )
  }

  /** Takes the steps up to a phase, one at least. @throws FfError as `advanceCutover` */
  async advanceTo(phase: CutoverPhase): Promise<void> {
    for (let at: CutoverPhase | null = null; at !== phase;) ({ phase: at } = await this.advance())
  }

  /** Goes back to a phase, through those between. @throws FfError as `rollBackCutover` */
  rollBackTo(to: CutoverPhase): Promise<CutoverStep> {
    return rollBackInTurns(this.request, { to, toTools: (found) => this.toTools(found) })
  }

  /** Writes the generated flag, which a copied store lacks. @throws FfError `proof_inconclusive` */
  async putFlag(): Promise<void> {
    const [{ client }] = this.services as readonly [RunningService]
    const path = `/v1/flags/${GENERATED_FLAG}`
    const headers = this.issuer.toCaller({ scope: 'ff:registry:write' })
    const body = buildFlagBody({ value_type: 'number', default_value: 0, safe_value: 0 })
    const { status, text } = await client.send({ method: 'PUT', path, headers, body })
    if (status < 300) return
    throw new FfError(
      'proof_inconclusive',
      `The flag ${GENERATED_FLAG} was not written: ${status}.`,
      {
        hint: `It said: ${text.slice(0, 300)}`,
      },
    )
  }

  /** A caller for each tenant, who may change its override. */
  makeCallers(tenants: readonly string[]): readonly DrillCaller[] {
    return tenants.map((tenant_id) => ({
      tenant_id,
      headers: this.issuer.toCaller({
        tid: tenant_id,
        sub: `operator-of-${tenant_id}`,
        scope: 'ff:override:write',
      }),
    }))
  }

  /** As `sendTenantChange`, at one of the services. */
  async change(change: TenantChange, at: number): Promise<AnsweredChange> {
    const { client } = this.services[at % this.services.length] as RunningService
    const headers = this.issuer.toHeaders('writer')
    return sendTenantChange(client, change, { headers, signal: this.context.signal })
  }

  /** How many records the file has that the database lacks; null where the database does not answer. */
  countBehind(): Promise<number | null> {
    return countBehind(this.request)
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
    return coordinate(this.request, (found) => use(this.toTools(found)))
  }

  private toTools({ sides, writer }: Coordinated): StepTools {
    return {
      sides,
      writer,
      limits: { boundMs: BOUND_MS, leaseMs: this.leaseMs, drainMs: 0 },
      signal: this.context.signal,
      clock: CUTOVER_CLOCK,
      host: hostname(),
      observe: () => undefined,
    }
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

/**
 * Sends a change of a tenant's override of the generated flag under its id as the key, and again while the answer is 503, for
 * at most 20 s.
 *
 * @throws FfError `proof_inconclusive` on another status
 */
export async function sendTenantChange(
  client: HttpClient,
  change: TenantChange,
  {
    headers,
    signal,
  }: { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal },
): Promise<AnsweredChange> {
  const { tenant, value, request_id } = change
  const start = performance.now()
  for (;;) {
    const { status, text } = await client.send({
      method: 'PUT',
      path: toOverridePath(tenant),
      body: JSON.stringify({ value }),
      headers: { ...headers, 'x-request-id': request_id, 'idempotency-key': request_id },
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
    await CUTOVER_CLOCK.rest(RETRY_MS, signal)
    signal.throwIfAborted()
  }
}

/** How many records the file has that the database lacks; null where the database does not answer. */
export const countBehind = (request: FileRequest & DatabaseRequest): Promise<number | null> =>
  withCutoverSides(request, async (sides) => {
    try {
      const { fileHead, look } = await readHeads(sides, 'file')
      return fileHead.seq - look.head.seq
    } catch (error) {
      if (isUnreachable(error)) return null
      throw error
    }
  })

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
  { times = BRIEF, withStore = withEmptyStore }: Partial<ManagedOptions> = {},
): Promise<T> =>
  withStore(context, (store) =>
    withMigratedDatabase(context, (database) =>
      context.adapters.withScratchFolder((cwd) =>
        closeAfter(async (keep) => {
          const folder = store.kind === 'file' ? (store.folder ?? '') : ''
          await markScratch(context, folder)
          const issuer = await keep(openIssuer(context), ({ server }) => server.close())
          const place = { cwd, folder, database, issuer, times }
          const services = [
            await startInstance(context, place, keep),
            await startInstance(context, place, keep),
          ]
          return use(new ManagedCutover(context, { ...place, services }))
        }),
      ),
    ),
  )

interface ManagedOptions {
  readonly times: ManagedTimes
  /** Lends the folder that the cutover begins with; by default one with the generated flag alone. */
  readonly withStore: WithResource<TargetSpec>
}
const withEmptyStore: WithResource<TargetSpec> = (context, use) =>
  withGeneratedStore(context, { tenants: [], revision: 1 }, use)

/** Marks the phase record of a folder as that of a scratch copy. @throws FfError `proof_inconclusive` */
export async function markScratch({ adapters }: ProbeContext, folder: string): Promise<void> {
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
  readonly times: ManagedTimes
}
function startInstance(
  context: ProbeContext,
  { cwd, folder, database: { target }, issuer, times }: Place,
  keep: KeepOpen,
): Promise<RunningService> {
  const env = {
    ...issuer.keys,
    FF_BACKING: 'managed',
    FF_STORE_DIR: folder,
    FF_DATABASE_URL: toServiceUrl(target.kind === 'postgres' ? target.url : ''),
    FF_CUTOVER_LEASE: String(times.lease),
    FF_STORE_DEADLINE: String(times.deadline),
  }
  return startServiceProcess(context, { cwd, env, name: 'the cutover' }, keep)
}
