import { afterEach } from 'vitest'
import { openApprovals } from '../../../src/adapters/admin/index.ts'
import { TestAdminServer } from '../../../src/adapters/admin/test-admin-server.ts'
import { ADMIN_LIMITS, type AdminLimits } from '../../../src/core/admin/contract.ts'
import type { CheckAnswer } from '../../../src/core/admin/messages.ts'
import type { Approval } from '../../../src/core/evaluate/approvals.ts'
import type { ApprovalAnswer, ApprovalQuery } from '../../../src/core/evaluate/types.ts'
import { instantFromMs } from '../../../src/core/rows/instant.ts'
import type { AdminCredential, ApprovalService } from '../../../src/ports/admin.ts'
import { DAY, FLAG, REF, TENANT, USER } from '../../core/builders.ts'

export const QUESTION: ApprovalQuery = {
  approval_ref: REF,
  flag_key: FLAG,
  tenant_id: TENANT,
  user_id: USER,
}
/** References of the server's approvals, all for the same flag, tenant and user. */
export const formatRef = (at: number): string => `APP-${at}-x`
export const asked = (at: number): ApprovalQuery => ({ ...QUESTION, approval_ref: formatRef(at) })
export const approval = (change: Partial<Approval> = {}): Approval => ({
  approval_ref: REF,
  flag_key: FLAG,
  tenant_id: TENANT,
  user_id: USER,
  not_before: instantFromMs(Date.now() - DAY),
  expires_at: instantFromMs(Date.now() + 30 * DAY),
  revoked: false,
  ...change,
})
const toAnswer = ({ not_before, expires_at, revoked }: Approval): CheckAnswer => ({
  status: 'known',
  revoked,
  not_before,
  expires_at,
  stated: 'valid',
})
const HERS = approval()
/** The answer to `QUESTION`. */
export const ANSWER = toAnswer(HERS)
const HELD: readonly Approval[] = [
  HERS,
  ...Array.from({ length: 200 }, (_, at) => approval({ approval_ref: formatRef(at) })),
]
export const UNREACHABLE: ApprovalAnswer = { status: 'unreachable' }

const closers: (() => unknown)[] = []
/** Closes a resource after the test, in reverse order. */
export const closing = <T extends { close(): unknown }>(opened: T): T => {
  closers.push(() => opened.close())
  return opened
}
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

export const startAdmin = async (): Promise<TestAdminServer> =>
  closing(await TestAdminServer.start(HELD))
interface ClientChange {
  readonly url?: URL
  readonly credential?: Partial<AdminCredential>
  readonly limits?: Partial<AdminLimits>
}
export const getClient = async (
  admin: TestAdminServer,
  change: ClientChange = {},
): Promise<ApprovalService> =>
  closing(
    await openApprovals({
      kind: 'admin',
      url: change.url ?? admin.url,
      credential: { token: admin.token, client: null, ca: null, ...change.credential },
      limits: { ...ADMIN_LIMITS, ...change.limits },
    }),
  )

export async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const began = performance.now()
  const result = await work()
  return { ms: performance.now() - began, result }
}
/** Resolves once the condition is true; fails the test after one second. */
export async function soon(holds: () => boolean): Promise<void> {
  const until = performance.now() + 1_000
  while (!holds()) {
    if (performance.now() > until)
      throw new Error('the condition did not become true within one second')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
