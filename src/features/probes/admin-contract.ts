import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { readTextFile } from '../../artefacts/read-text.ts'
import { validateSchema } from '../../artefacts/schemas.ts'
import {
  ADMIN_CONTRACT_SHA256,
  ADMIN_LIMITS,
  formatAdminContract,
} from '../../core/admin/contract.ts'
import type { Approval } from '../../core/evaluate/approvals.ts'
import type { ApprovalTtlState } from '../../core/evaluate/types.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { instantFromMs } from '../../core/rows/instant.ts'
import type { AdminExchange } from '../../ports/admin.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import {
  buildApproval,
  buildApprovalQuery,
  decideSensitiveFlag,
  type TestAdmin,
  withAdmin,
} from './testbed/test-admin.ts'
import { askStaging, countAnonymousAnswers, findForeignApprovals } from './testbed/asked-admin.ts'
import { SENSITIVE_PROBE_FLAG } from './testbed/called-events.ts'
import type { StagingNeeds } from './framework/staging-target.ts'
import { wrapApprovals } from './faults/wrapped-approvals.ts'
import { defineProbe, fromValue, inContext, type ProbeContext } from './framework/probe.ts'

const sound = fromValue(() => ADMIN_CONTRACT_SHA256)
/** The planted fault: every client calls with the token that Admin knows, as if Admin answered every caller. */
const anonymous = inContext(sound, ({ adapters }) => {
  let known: string | null = null
  return {
    adapters: {
      ...adapters,
      openAdminServer: async (approvals) => {
        const server = await adapters.openAdminServer(approvals)
        known = server.token
        return server
      },
      openApprovals: (opening) =>
        adapters.openApprovals(
          opening.kind === 'admin'
            ? { ...opening, credential: { ...opening.credential, token: known } }
            : opening,
        ),
    },
  }
})
/** The planted fault: an Admin that looks at the reference of an approval alone. */
const foreign = inContext(
  sound,
  wrapApprovals((check) => ({ approval_ref }) => {
    const { flag_key, tenant_id, user_id } = buildApprovalQuery(0)
    return check({ approval_ref, flag_key, tenant_id, user_id })
  }),
)

const NEEDS: StagingNeeds = {
  instances: 2,
  callers: 2,
  scopes: [],
  changes: `FF_ADMIN_URL with its credential: the Admin of the instances; FF_STAGING_APPROVAL: a valid approval there of the flag ${SENSITIVE_PROBE_FLAG}, which H1 sets, for tenant and user of the first token. It asks Admin about it, also without a credential, and changes nothing`,
}

/**
 * F1: the messages between the Admin client and an Admin on loopback, by their schemas and the pinned digest of the
 * contract; also counts calls without a known token that it answered, and approvals that it reported for another flag,
 * tenant or user. The controls pin another digest, answer every caller, and look at the reference alone.
 *
 * Where instances of staging are named, the Admin of FF_ADMIN_URL is asked too, as by the instances: about an approval that
 * exists, about it for another flag, tenant or user, and without a known credential. An answer out of the contract is seen
 * as none, and counts as a difference, as an Admin that is away does. The instances decide by the same approval, for its
 * caller and for the others, so that it is their Admin. Approvals in other states are those of loopback alone. A sample is
 * a decision or an answer of staging.
 *
 * Inconclusive (`target_missing`) where staging has no such approval.
 */
export const adminContract = defineProbe<
  string,
  'contract_differences' | 'anonymous_answered' | 'foreign_approvals_known'
>({
  version: 1,
  site: 'scratch',
  staging: NEEDS,
  isolation: 'parallel',
  sound,
  faulty: {
    contract_differences: fromValue(() => '0'.repeat(64)),
    anonymous_answered: anonymous,
    foreign_approvals_known: foreign,
  },
  measure: async (pin, context): Promise<Measurement> => {
    const pinned = (await computeContractDigest(context)) === pin
    const approvals = STATES.flatMap(
      ([, change], at) => change?.(buildApproval(at, context), context) ?? [],
    )
    const there =
      context.targets.staging === undefined ? NOT_ASKED : await askStaging(context, NEEDS)
    return withAdmin(context, { approvals, limits: ADMIN_LIMITS }, async (admin) => {
      const own = buildApprovalQuery(STATES.length - 1)
      const wrongStates = await findWrongStates(admin, context)
      const known = [...(await findForeignApprovals(admin, own)), ...there.known]
      const anonymous = (await countAnonymousAnswers(admin, own)) + there.anonymous
      const exchanges = admin.server.exchanges()
      // Under another contract no message is known to be right, so each counts as a difference.
      const broken = pinned
        ? exchanges.flatMap(findInvalidMessages)
        : exchanges.flatMap(getMessages)
      const differences = [...wrongStates, ...broken, ...there.differences]
      return {
        measured: {
          contract_differences: differences.length,
          anonymous_answered: anonymous,
          foreign_approvals_known: known.length,
        },
        met: {
          admin: 'one on loopback',
          requests: admin.server.requests(),
          messages: exchanges.length * 2,
          contract: pinned ? 'the pinned digest' : 'another digest than the pinned one',
          ...there.met,
        },
        sample_size: there.asked ?? exchanges.length * 2,
        example: [...known, ...differences][0] ?? null,
      }
    })
  },
})

const NOT_ASKED = { differences: [], known: [], anonymous: 0, asked: null, met: {} } as const

async function computeContractDigest({ root }: ProbeContext): Promise<string> {
  const [request, response, common] = await Promise.all([
    readSchema(root, MESSAGES.request),
    readSchema(root, MESSAGES.response),
    readSchema(root, 'common'),
  ])
  return createHash('sha256')
    .update(formatAdminContract({ request, response, common }))
    .digest('hex')
}

interface Schema {
  readonly $defs: Readonly<Record<string, object>>
}
/** @throws FfError `artefact_invalid` */
async function readSchema(root: string, name: string): Promise<Schema> {
  const shown = `contracts/schemas/${name}.schema.json`
  const read = await readTextFile(join(root, shown), shown)
  if (read.ok) return JSON.parse(read.text) as Schema
  throw toArtefactError([read.problem])
}

const HOUR_MS = 3_600_000
/** A time `count` hours from now; negative for the past. */
const hoursFromNow = (count: number, { now }: ProbeContext) =>
  instantFromMs(now().getTime() + count * HOUR_MS)
type ChangeApproval = (approval: Approval, context: ProbeContext) => Approval
/** Each state with the change that puts a valid approval into it; null where no approval exists. */
const STATES: readonly (readonly [ApprovalTtlState, ChangeApproval | null])[] = [
  ['unknown', null],
  ['revoked', (one) => ({ ...one, revoked: true })],
  ['not_yet_valid', (one, context) => ({ ...one, not_before: hoursFromNow(1, context) })],
  ['expired', (one, context) => ({ ...one, expires_at: hoursFromNow(-1, context) })],
  ['expiring_soon', (one, context) => ({ ...one, expires_at: hoursFromNow(1, context) })],
  ['valid', (one) => one],
]

/** Approvals that were reported in another state than expected. */
async function findWrongStates(
  { open }: TestAdmin,
  context: ProbeContext,
): Promise<readonly string[]> {
  const check = (await open()).begin()
  const decisions = await Promise.all(
    STATES.map((_, at) => decideSensitiveFlag(check, at, context)),
  )
  return decisions.flatMap(({ reason, meta }, at) => {
    const [state] = STATES[at] as (typeof STATES)[number]
    return meta.ttl_state === state ? [] : [`${state} came out as ${meta.ttl_state ?? reason}`]
  })
}

const MESSAGES = { request: 'admin-check-request', response: 'admin-check-response' } as const
const getMessages = (exchange: AdminExchange): readonly string[] => [
  exchange.request,
  exchange.response,
]
/** Messages of the exchange that break their schema. */
const findInvalidMessages = (exchange: AdminExchange): readonly string[] =>
  (['request', 'response'] as const)
    .filter((kind) => {
      const plain: unknown = JSON.parse(exchange[kind])
      return validateSchema(MESSAGES[kind], plain, '').length > 0
    })
    .map((kind) => exchange[kind])
