import { closeAfter } from '../../../concurrency/open-all.ts'
import type { AdminLimits } from '../../../core/admin/contract.ts'
import type { Approval } from '../../../core/evaluate/approvals.ts'
import { evaluate } from '../../../core/evaluate/evaluate.ts'
import type { ApprovalQuery, Decision, EvaluationInput } from '../../../core/evaluate/types.ts'
import type { CanonicalJson } from '../../../core/json/canonical.ts'
import { type Instant, instantFromMs } from '../../../core/rows/instant.ts'
import type { AdminServer, ApprovalService, CheckApproval } from '../../../ports/admin.ts'
import { decideWithApproval } from '../../evaluation/answer-question.ts'
import type { ProbeContext } from '../framework/probe.ts'

const DAY_MS = 86_400_000
const PRINCIPAL = {
  mode: 'verified',
  source: 'jwt',
  tenant_id: 'T-probe',
  user_id: 'U-probe',
  scopes: [],
  warnings: [],
  key_set_stale: false,
} as const
const FLAG_KEY = 'ff.probe'
const CREATED_AT = '2026-01-01T00:00:00.000Z' as Instant

/** References of approvals that differ in nothing else; queries for two of them share no call. */
const formatRef = (at: number): string => `APP-${at}-probe`
/** The query for the approval number `at`, with the flag, tenant and user for which `buildApproval` makes it. */
export const buildApprovalQuery = (at: number): ApprovalQuery => ({
  approval_ref: formatRef(at),
  flag_key: FLAG_KEY,
  tenant_id: PRINCIPAL.tenant_id,
  user_id: PRINCIPAL.user_id,
})
/** The approval number `at`, not revoked, valid from a day before to 30 days after `context.now`. */
export const buildApproval = (at: number, { now }: ProbeContext): Approval => ({
  approval_ref: formatRef(at),
  flag_key: FLAG_KEY,
  tenant_id: PRINCIPAL.tenant_id,
  user_id: PRINCIPAL.user_id,
  not_before: instantFromMs(now().getTime() - DAY_MS),
  expires_at: instantFromMs(now().getTime() + 30 * DAY_MS),
  revoked: false,
})

/** An Admin on loopback, and clients of it. */
export interface TestAdmin {
  readonly server: AdminServer
  /** Opens a client. @param change another URL or token than the server's own */
  readonly open: (change?: {
    readonly url?: URL
    readonly token?: string | null
  }) => Promise<ApprovalService>
}

/**
 * Lends an Admin on loopback that holds these approvals and answers honestly at first, and a function that opens
 * clients of it with `limits`. Closes the server and all clients afterwards.
 */
export function withAdmin<T>(
  { adapters }: ProbeContext,
  { approvals, limits }: { readonly approvals: readonly Approval[]; readonly limits: AdminLimits },
  use: (admin: TestAdmin) => Promise<T>,
): Promise<T> {
  return closeAfter(async (keep) => {
    const server = await keep(adapters.openAdminServer(approvals))
    return use({
      server,
      open: ({ url = server.url, token = server.token } = {}) => {
        const credential = { token, client: null, ca: null }
        return keep(adapters.openApprovals({ kind: 'admin', url, credential, limits }))
      },
    })
  })
}

/**
 * Decides a sensitive boolean flag for a verified caller that names the approval number `at`, through `check`, in this
 * process. Allows where the approval is valid; a failed check gives a denial, not an error.
 */
export const decideSensitiveFlag = (
  check: CheckApproval,
  at: number,
  context: ProbeContext,
): Promise<Decision> => decideWithApproval(evaluate, check, toEvaluationInput(at, context))

const toEvaluationInput = (at: number, { now }: ProbeContext): EvaluationInput => ({
  request: { flag_key: FLAG_KEY, approval_ref: formatRef(at), request_id: `probe-${at}` },
  principal: PRINCIPAL,
  rows: { flag: { row: SENSITIVE }, tenant: null, user: null },
  now: now().toISOString() as Instant,
  backing_state: 'file',
})
const SENSITIVE = {
  flag_key: FLAG_KEY,
  value_type: 'boolean',
  default_value: 'true' as CanonicalJson,
  safe_value: 'false' as CanonicalJson,
  sensitive: true,
  required_auth: 'verified',
  state: 'active',
  description: 'made by a probe',
  owner: 'ff',
  revision: 1,
  created_at: CREATED_AT,
  updated_at: CREATED_AT,
} as const

/** Whether a decision is a denial with reason `admin_unreachable`, in which every failure of Admin has to end. */
export const isFailSafe = ({ decision, reason }: Decision): boolean =>
  decision === 'deny' && reason === 'admin_unreachable'
