import { findEarliest } from '../gate/duration.ts'
import type { Waiver } from '../gate/types.ts'
import type { Instant } from '../rows/instant.ts'
import { canonicalizeObject } from './read-document.ts'
import { type SignoffFault, makeFault, type SignatureStep } from './refusals.ts'
import { verifySignature } from './signature.ts'
import type {
  VerifiedSignature,
  SignoffDependencies,
  TrustFile,
  WaiverEntry,
  Waivers,
} from './types.ts'

/**
 * The text that approvers of a waiver sign: its RFC 8785 form without the approvals.
 *
 * @throws Error where it is not I-JSON, which is a bug
 */
export const formatWaiver = (entry: WaiverEntry): string =>
  canonicalizeObject(
    Object.fromEntries(Object.entries(entry).filter(([name]) => name !== 'approvals')),
  )

export interface WaiverApprovalContext {
  /** Null where the trust file is not trusted: no approval counts then. */
  readonly trust: TrustFile | null
  readonly now: Instant
}

/**
 * Verifies the approvals of every waiver. Returns all waivers with only their verified approvals, and the fault of
 * every other approval with its waiver's id: `waiver_altered`, `person_not_of_signer`, or that of `verifySignature`.
 * Without a trusted trust file both are empty of approvals: none counts, and none is a fault. `until` is when the first
 * key of a verified approval ends, after which the approval is a fault; null without one.
 */
export function verifyWaivers(
  { waivers }: Waivers,
  context: WaiverApprovalContext,
  tools: SignoffDependencies,
): {
  readonly waivers: readonly Waiver[]
  readonly faults: readonly (SignoffFault & { id: string })[]
  readonly until: Instant | null
} {
  const read = waivers.map((entry) => ({ entry, checked: checkApprovals(entry, context, tools) }))
  const approvals = read.flatMap(({ checked }) =>
    checked.flatMap((one) => (one.ok ? [one.value] : [])),
  )
  const kids = new Set(approvals.map(({ kid }) => kid))
  const signers = context.trust?.signers.filter(({ kid }) => kids.has(kid)) ?? []
  return {
    waivers: read.map(({ entry, checked }) => ({
      ...entry,
      requested_at: entry.requested_at as Instant,
      expires_at: entry.expires_at as Instant,
      approvals: checked.flatMap((one) => (one.ok ? [toApproval(one.value)] : [])),
    })),
    faults: read.flatMap(({ entry: { id }, checked }) =>
      checked.flatMap((one) => (one.ok ? [] : [{ id, ...one.fault }])),
    ),
    until: findEarliest(signers.map(({ until }) => until as Instant)),
  }
}

type Approval = Pick<VerifiedSignature, 'person' | 'role' | 'kid'>
const toApproval = ({ person, role }: Approval): Waiver['approvals'][number] => ({ person, role })

function checkApprovals(
  entry: WaiverEntry,
  { trust, now }: WaiverApprovalContext,
  tools: SignoffDependencies,
): readonly SignatureStep<Approval>[] {
  if (trust === null) return []
  const payload = tools.encode(formatWaiver(entry))
  return entry.approvals.map((approval) => {
    const [header = '', carried = '', signature = '', ...rest] = approval.jws.split('.')
    if (carried !== payload || rest.length > 0)
      return {
        ok: false,
        fault: makeFault('waiver_altered', `${approval.person} signed another text`),
      }
    const checked = verifySignature(
      { protected: header, signature },
      { payload, typ: 'ff-waiver+jws', trust, now },
      tools,
    )
    if (!checked.ok) return checked
    const { person, role, kid } = checked.value
    return person === approval.person && role === approval.role && kid === approval.kid
      ? { ok: true, value: { person, role, kid } }
      : {
          ok: false,
          fault: makeFault('person_not_of_signer', `${approval.person}: the key is of ${person}`),
        }
  })
}
