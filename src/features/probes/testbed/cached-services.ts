import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { closeAfter, type KeepOpen } from '../../../concurrency/open-all.ts'
import { type Exposition, parseExposition } from '../../../core/alerts/exposition.ts'
import { isStale } from '../../../core/parity/envelope.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import { DEFAULT_SETTINGS, type SettingValues } from '../../../core/settings/settings.ts'
import { FfError } from '../../../errors.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { ScratchDatabase } from '../../../ports/database.ts'
import type { HttpClient, HttpResponse } from '../../../ports/http.ts'
import type { ScratchRedis } from '../../../ports/redis.ts'
import { METRICS_ROUTE } from '../../serve/health.ts'
import { startService } from '../../serve/serve.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { toOverridePath } from './audited-changes.ts'
import { ChangeLedger, type LedgerAnswer } from './change-ledger.ts'
import { GENERATED_FLAG, withGeneratedStore } from './generated-store.ts'
import { type Issuer, openIssuer } from './issuer.ts'
import { importStore, withMigratedDatabase } from './scratch-database.ts'

/** Changes the adapters that an instance starts with; `end` stops the instance. The controls plant their faults here. */
export type DecorateInstance = (
  adapters: Adapters,
  instance: { readonly at: number; readonly end: () => void },
) => Adapters

/** Instances of the service on one scratch database, with one Redis of their own as cache. */
export interface CachedServices {
  readonly redis: ScratchRedis
  readonly database: ScratchDatabase
  readonly issuer: Issuer
  readonly instances: readonly CachedService[]
  /** The changes that the instances were asked for. */
  readonly ledger: ChangeLedger
}

/**
 * Starts so many instances of the service in this process, with production settings and one flag, `GENERATED_FLAG`, of
 * type number; lends them, and removes all afterwards.
 *
 * @throws FfError `command_unanswered` where no Redis starts, and the errors of the scratch database
 */
export const withCachedServices = <T>(
  context: ProbeContext,
  { count, decorate }: { readonly count: number; readonly decorate: DecorateInstance },
  use: (services: CachedServices) => Promise<T>,
): Promise<T> =>
  withGeneratedStore(context, { tenants: [], revision: 1 }, (source) =>
    withMigratedDatabase(context, async (database, inputs) => {
      await importStore(context, inputs, { source, database: database.target })
      return context.adapters.withScratchFolder((folder) =>
        closeAfter(async (keep) => {
          const redis = await keep(context.adapters.openScratchRedis(context.signal))
          const issuer = await keep(openIssuer(context), ({ server }) => server.close())
          const files = await writeKeys(folder)
          const settings = { ...buildSettings(database.target, issuer), ...files }
          const ledger = new ChangeLedger()
          const all: CachedService[] = []
          for (let at = 0; at < count; at += 1) {
            const needs = { at, decorate, ledger, issuer }
            const started = { ...settings, FF_REDIS_URL: redis.url }
            all.push(await startInstance(context, { settings: started, keep, ...needs }))
          }
          return use({ redis, database, issuer, instances: all, ledger })
        }),
      )
    }),
  )

const ANY_PORT = { host: '127.0.0.1', port: 0 }
const SERVICE_ROLE_OPTION = 'options=-c%20role%3Dff_app'

async function writeKeys(
  folder: string,
): Promise<Pick<SettingValues, 'FF_CACHE_KEY_FILE' | 'FF_AUDIT_DIGEST_KEY_FILE'>> {
  const [cache = '', digest = ''] = ['cache.key', 'digest.key'].map((name) => join(folder, name))
  for (const path of [cache, digest]) await writeFile(path, randomBytes(32), { mode: 0o600 })
  return { FF_CACHE_KEY_FILE: cache, FF_AUDIT_DIGEST_KEY_FILE: digest }
}

const buildSettings = (target: TargetSpec, { keys }: Issuer): SettingValues => ({
  ...DEFAULT_SETTINGS,
  FF_BACKING: 'db',
  FF_DATABASE_URL: asServiceRole(target),
  FF_JWKS_URL: new URL(keys['FF_JWKS_URL'] ?? ''),
  FF_JWT_ISSUER: keys['FF_JWT_ISSUER'] ?? null,
  FF_JWT_AUDIENCE: keys['FF_JWT_AUDIENCE'] ?? null,
  FF_LISTEN: ANY_PORT,
  FF_ADMIN_LISTEN: ANY_PORT,
  FF_DRAIN_DELAY: 0,
})

function asServiceRole(target: TargetSpec): TargetSpec {
  if (target.kind !== 'postgres') return target
  const joint = target.url.includes('?') ? '&' : '?'
  return { ...target, url: `${target.url}${joint}${SERVICE_ROLE_OPTION}` }
}

interface InstanceNeeds {
  readonly settings: SettingValues
  readonly keep: KeepOpen
  readonly at: number
  readonly decorate: DecorateInstance
  readonly ledger: ChangeLedger
  readonly issuer: Issuer
}

async function startInstance(
  { root, adapters, now }: ProbeContext,
  { settings, keep, at, decorate, ledger, issuer }: InstanceNeeds,
): Promise<CachedService> {
  let end = (): void => undefined
  const service = await keep(
    startService({
      root,
      settings,
      now,
      adapters: decorate(adapters, { at, end: () => end() }),
      log: await adapters.openServiceLog((bytes) => bytes.length),
      version: null,
    }),
    (one) => one.close({ hurry: true }),
  )
  end = () => void service.close({ hurry: true })
  const client = await keep(adapters.openClient(service.origin))
  const admin = await keep(adapters.openClient(service.admin_origin ?? service.origin))
  return new CachedService(at, { client, admin, ledger, issuer })
}

/** The outcome of an evaluation. */
export type Asked =
  | { readonly ok: true; readonly answer: LedgerAnswer }
  | {
      readonly ok: false
      /** A decision by the last known rows, marked as such. */
      readonly isStale: boolean
      readonly why: string
    }

interface ServiceTools {
  readonly client: HttpClient
  readonly admin: HttpClient
  readonly ledger: ChangeLedger
  readonly issuer: Issuer
}

/** One instance of the service, which has the flag `GENERATED_FLAG`. */
export class ServiceInstance {
  /** Number of the instance, from 0. */
  readonly at: number
  private readonly clients: Pick<ServiceTools, 'client' | 'admin'>

  constructor(at: number, clients: Pick<ServiceTools, 'client' | 'admin'>) {
    this.at = at
    this.clients = clients
  }

  /** Of its service. */
  get client(): HttpClient {
    return this.clients.client
  }

  /**
   * Evaluates the flag for a caller, or for the tenant and user of `whom`; `why` says what was answered in place of a
   * decision of the store.
   */
  async evaluate(
    headers: Readonly<Record<string, string>>,
    whom: { readonly tenant_id?: string; readonly user_id?: string } = {},
  ): Promise<Asked> {
    const asked_ms = performance.now()
    const response = await this.send({
      method: 'POST',
      path: '/v1/flags/evaluate',
      headers,
      body: JSON.stringify({ flag_key: GENERATED_FLAG, ...whom }),
    })
    const value = response?.status === 200 ? readValue(response.text) : null
    const text = response?.text ?? 'no response'
    if (value === null)
      return {
        ok: false,
        isStale: response?.status === 200 && isStale(text),
        why: text.slice(0, 300),
      }
    return { ok: true, answer: { value, by: this.at, asked_ms, answered_ms: performance.now() } }
  }

  /** Sends a request; null where the instance gives no response. */
  async send(request: Parameters<HttpClient['send']>[0]): Promise<HttpResponse | null> {
    return sendOrNull(this.clients.client, request)
  }

  /** Reads and parses its metrics; null where the instance gives no response. */
  async scrape(): Promise<Exposition | null> {
    const { method, path } = METRICS_ROUTE
    const read = await sendOrNull(this.clients.admin, { method, path })
    return read === null ? null : parseExposition(read.text)
  }

  async isAlive(): Promise<boolean> {
    return (await sendOrNull(this.clients.admin, { method: 'GET', path: '/livez' })) !== null
  }

  /**
   * The sum of the series of a metric that have these labels; 0 where there is none. NaN where the instance gives no
   * metrics: neither more nor the same as anything.
   */
  async count(metric: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const parsed = await this.scrape()
    if (parsed?.ok !== true) return Number.NaN
    const wanted = Object.entries(labels)
    return parsed.samples
      .filter(({ name }) => name === metric)
      .filter((one) => wanted.every(([label, value]) => one.labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0)
  }
}

/** An instance of this process, whose callers get a token for each set of claims. */
export class CachedService extends ServiceInstance {
  private readonly tools: ServiceTools
  private readonly callers = new Map<string, Readonly<Record<string, string>>>()

  constructor(at: number, tools: ServiceTools) {
    super(at, tools)
    this.tools = tools
  }

  /** As `evaluate`, for a user of a tenant. */
  ask(tenant: string, user = 'U-probe'): Promise<Asked> {
    return this.evaluate(this.toHeaders({ tid: tenant, sub: user }))
  }

  /** Sets the value of a tenant and notes it in the ledger. @returns whether it was acknowledged */
  async put(tenant: string, value: number): Promise<boolean> {
    const sent_ms = performance.now()
    const response = await this.send({
      method: 'PUT',
      path: toOverridePath(encodeURIComponent(tenant)),
      headers: this.toHeaders({ scope: 'ff:override:write ff:tenant:any' }),
      body: JSON.stringify({ value }),
    })
    const ok = response !== null && response.status >= 200 && response.status < 300
    const acknowledged_ms = ok ? performance.now() : Infinity
    this.tools.ledger.note(tenant, { value, by: this.at, sent_ms, acknowledged_ms })
    return ok
  }

  /** The headers of a caller with these claims. */
  toHeaders(claims: object): Readonly<Record<string, string>> {
    const name = JSON.stringify(claims)
    const held = this.callers.get(name) ?? this.tools.issuer.toCaller(claims)
    this.callers.set(name, held)
    return held
  }
}

async function sendOrNull(
  client: HttpClient,
  request: Parameters<HttpClient['send']>[0],
): Promise<HttpResponse | null> {
  try {
    return await client.send(request)
  } catch (error) {
    if (error instanceof FfError) return null
    throw error
  }
}

/** The number that a decision has as its value; null for another value, and for a decision by the last known rows. */
function readValue(text: string): number | null {
  const { value } = JSON.parse(text) as Readonly<Record<string, unknown>>
  return typeof value === 'number' && !isStale(text) ? value : null
}
