import { closeAfter } from '../../../concurrency/open-all.ts'
import { computeTtlState } from '../../../core/evaluate/ttl-state.ts'
import type { ApprovalQuery } from '../../../core/evaluate/types.ts'
import type { Measurement } from '../../../core/gate/judge-measurement.ts'
import type { Instant } from '../../../core/rows/instant.ts'
import { FfError } from '../../../errors.ts'
import type { AdminPlan } from '../../../ports/admin.ts'
import type { ProbeContext } from '../framework/probe.ts'
import type { StagingCaller, StagingNeeds } from '../framework/staging-target.ts'
import type { ServiceInstance } from './cached-services.ts'
import { SENSITIVE_PROBE_FLAG } from './called-events.ts'
import { withCalledInstances } from './called-instances.ts'
import type { TestAdmin } from './test-admin.ts'

/** Opens clients of an Admin. */
export type AdminClients = Pick<TestAdmin, 'open'>

const FOREIGN = [{ flag_key: 'ff.other' }, { tenant_id: 'T-other' }, { user_id: 'U-other' }]
/** Queries for another flag, tenant or user than an approval has that Admin did not answer with `unknown`. */
export async function findForeignApprovals(
  { open }: AdminClients,
  own: ApprovalQuery,
): Promise<readonly string[]> {
  const check = (await open()).begin()
  const answers = await Promise.all(FOREIGN.map((change) => check({ ...own, ...change })))
  return answers.flatMap(({ status }, at) =>
    status === 'unknown' ? [] : [`${JSON.stringify(FOREIGN[at])}: ${status}`],
  )
}

/** How many calls without a token or with an unknown token Admin answered. */
export async function countAnonymousAnswers(
  { open }: AdminClients,
  own: ApprovalQuery,
): Promise<number> {
  const answers = await Promise.all(
    [null, 'an-unknown-token'].map(async (token) => (await open({ token })).begin()(own)),
  )
  return answers.filter(({ status }) => status !== 'unreachable').length
}

/** What the Admin of staging and its instances answered about one approval. */
export interface AskedStaging {
  /** Answers that were not due for its own flag, tenant and user. */
  readonly differences: readonly string[]
  /** Answers that were not `unknown` for others. */
  readonly known: readonly string[]
  readonly anonymous: number
  /** Answers and decisions. */
  readonly asked: number
  readonly met: Measurement['met']
}

/** Calls of `askStaging` to Admin: the approval twice, three foreign ones, and two without a known credential. */
const CALLS = 2 + FOREIGN.length + 2

/**
 * Asks the Admin of staging, and each instance, about the approval of FF_STAGING_APPROVAL.
 *
 * @throws FfError `target_missing` without FF_ADMIN_URL or FF_STAGING_APPROVAL, and where Admin knows no such valid approval
 *   or an instance no such sensitive flag; as `withCalledInstances`
 */
export async function askStaging(
  context: ProbeContext,
  needs: StagingNeeds,
): Promise<AskedStaging> {
  const { admin = null, approval = null } = context.targets.staging ?? {}
  if (admin === null) throw makeMissingError('FF_ADMIN_URL is not set')
  if (approval === null) throw makeMissingError('FF_STAGING_APPROVAL is not set')
  const wanted = { count: needs.instances, decorate: (own: typeof context.adapters) => own, needs }
  return withCalledInstances(context, wanted, ({ instances, callers }) =>
    closeAfter(async (keep) => {
      const [caller, ...others] = callers as readonly [StagingCaller, ...StagingCaller[]]
      const clients: AdminClients = {
        open: (change) => keep(context.adapters.openApprovals(withToken(admin, change?.token))),
      }
      const { tenant_id, user_id } = caller
      const own = { approval_ref: approval, flag_key: SENSITIVE_PROBE_FLAG, tenant_id, user_id }
      const answer = await (await clients.open()).begin()(own)
      const differences: string[] = []
      if (answer.status === 'unreachable')
        differences.push('Admin gave no answer of the contract about the approval')
      else requireValid(computeTtlState(answer, context.now().toISOString() as Instant), 'Admin')
      const known = [...(await findForeignApprovals(clients, own))]
      for (const instance of instances) {
        const granted = await decide(instance, caller, approval)
        if (granted === 'admin_unreachable') differences.push(`instance ${instance.at}: ${granted}`)
        else requireValid(granted, `instance ${instance.at}`)
        for (const other of others) {
          const state = await decide(instance, other, approval)
          if (state !== 'unknown')
            known.push(`instance ${instance.at}, user ${other.user_id}: ${state}`)
        }
      }
      const anonymous = await countAnonymousAnswers(clients, own)
      // An Admin that has gone away meanwhile has refused nothing.
      if ((await (await clients.open()).begin()(own)).status === 'unreachable')
        differences.push('Admin gave no answer of the contract after the anonymous calls')
      return {
        differences,
        known,
        anonymous,
        asked: CALLS + instances.length * callers.length,
        met: { staging: `the Admin of FF_ADMIN_URL, and ${instances.length} instances` },
      }
    }),
  )
}

/** With its own credential, or as a caller that has none but this token. */
const withToken = (admin: AdminPlan, token: string | null | undefined): AdminPlan =>
  token === undefined
    ? admin
    : { ...admin, credential: { ...admin.credential, token, client: null } }

const VALID: ReadonlySet<string> = new Set(['valid', 'expiring_soon'])
/** @throws FfError `target_missing` for another state */
function requireValid(state: string, by: string): void {
  if (!VALID.has(state)) throw makeMissingError(`by ${by} it is ${state}`)
}

/** The state of the approval by which an instance decided; the reason of a decision without one. */
async function decide(
  instance: ServiceInstance,
  { headers }: StagingCaller,
  approval_ref: string,
): Promise<string> {
  const body = JSON.stringify({ flag_key: SENSITIVE_PROBE_FLAG, approval_ref })
  const asked = { method: 'POST', path: '/v1/flags/evaluate', headers, body } as const
  const response = await instance.send(asked)
  if (response?.status !== 200) return `no decision: status ${response?.status ?? 'none'}`
  const { reason, meta } = JSON.parse(response.text) as {
    readonly reason: string
    readonly meta?: { readonly ttl_state?: string | null }
  }
  return meta?.ttl_state ?? reason
}

const makeMissingError = (why: string): FfError =>
  new FfError(
    'target_missing',
    `The probe needs an approval that the Admin of staging holds, and ${why}.`,
    {
      hint: 'Have one made in Admin for the flag ff.probe.sensitive, which ff probe run H1 sets, and the tenant and user of the first token; set FF_ADMIN_URL and FF_STAGING_APPROVAL.',
    },
  )
