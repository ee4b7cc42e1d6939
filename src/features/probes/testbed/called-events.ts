import { randomInt, randomUUID } from 'node:crypto'
import { FfError } from '../../../errors.ts'
import type { StagingCaller } from '../framework/staging-target.ts'
import type { ServiceInstance } from './cached-services.ts'
import { sendChange } from './called-instances.ts'
import { buildFlagBody } from './endpoints.ts'
import { GENERATED_FLAG } from './generated-store.ts'

/** A sensitive flag, which a probe sets on staging; each decision about it asks Admin. */
export const SENSITIVE_PROBE_FLAG = 'ff.probe.sensitive'

/**
 * Sets `SENSITIVE_PROBE_FLAG`, which stays.
 *
 * @throws FfError `proof_inconclusive` where it is not acknowledged, such as without the scope
 */
export const putSensitiveFlag = (
  instance: ServiceInstance,
  { headers }: StagingCaller,
): Promise<void> =>
  sendChange(instance, {
    method: 'PUT',
    path: `/v1/flags/${SENSITIVE_PROBE_FLAG}`,
    headers,
    body: buildFlagBody({
      value_type: 'boolean',
      default_value: true,
      safe_value: false,
      sensitive: true,
    }),
  })

const MOST_VALUE = 2 ** 47

/** What a caller does at an instance so that its metrics move. */
export class CalledInstance {
  private readonly instance: ServiceInstance
  private readonly caller: StagingCaller

  constructor(instance: ServiceInstance, caller: StagingCaller) {
    this.instance = instance
    this.caller = caller
  }

  scrape(): ReturnType<ServiceInstance['scrape']> {
    return this.instance.scrape()
  }

  /** Evaluates `GENERATED_FLAG`. @throws FfError `proof_inconclusive` where it is not decided */
  async evaluate(): Promise<void> {
    const asked = await this.instance.evaluate(this.caller.headers)
    if (asked.ok) return
    throw new FfError('proof_inconclusive', `An instance gave no decision: ${asked.why}.`, {
      hint: 'Send the same evaluation to the service, and correct what it says.',
    })
  }

  /** Sets `GENERATED_FLAG` to a value that it did not have. @throws FfError `proof_inconclusive` */
  change(): Promise<void> {
    const value = randomInt(MOST_VALUE)
    return sendChange(this.instance, {
      method: 'PUT',
      path: `/v1/flags/${GENERATED_FLAG}`,
      headers: this.caller.headers,
      body: buildFlagBody({ value_type: 'number', default_value: value, safe_value: 0 }),
    })
  }

  /**
   * Asks for a decision about `SENSITIVE_PROBE_FLAG` under an approval that no other call names.
   *
   * @returns whether it was decided, also by a denial
   */
  async evaluateSensitive(): Promise<boolean> {
    const body = {
      flag_key: SENSITIVE_PROBE_FLAG,
      approval_ref: `APP-1-${randomUUID().replaceAll('-', '')}`,
    }
    return (await this.post(body, this.caller.headers))?.status === 200
  }

  /** Evaluates with a token whose signature is broken, which is refused. */
  async evaluateUnsigned(): Promise<void> {
    const { headers } = this.caller
    const [head = '', claims = '', signature = ''] = (headers['authorization'] ?? '').split('.')
    const broken = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    await this.post(
      { flag_key: GENERATED_FLAG },
      { authorization: [head, claims, broken].join('.') },
    )
  }

  /** Requests a path that has no route. */
  async requestUnknownPath(): Promise<void> {
    await this.instance.send({ method: 'GET', path: '/nothing' })
  }

  private post(
    body: object,
    headers: StagingCaller['headers'],
  ): ReturnType<ServiceInstance['send']> {
    const path = '/v1/flags/evaluate'
    return this.instance.send({ method: 'POST', path, headers, body: JSON.stringify(body) })
  }
}

const evaluated = (one: CalledInstance): Promise<void> => one.evaluate()
const changed = (one: CalledInstance): Promise<void> => one.change()
/**
 * The event of each metric that a request alone moves at an instance, by the metric; the age of the keys grows by itself.
 */
export const EVENTS_OF_REQUESTS: Readonly<
  Record<string, (instance: CalledInstance) => Promise<unknown>>
> = {
  ff_http_requests_total: evaluated,
  ff_http_request_duration_seconds: evaluated,
  ff_http_refusals_total: (one) => one.requestUnknownPath(),
  ff_decisions_total: evaluated,
  ff_changes_total: changed,
  ff_audit_head_seq: changed,
  ff_jwks_age_seconds: evaluated,
  ff_token_cache_hits_total: evaluated,
  ff_token_cache_misses_total: (one) => one.evaluateUnsigned(),
  ff_admin_calls_total: (one) => one.evaluateSensitive(),
}
