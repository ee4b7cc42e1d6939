import type { Waiver } from '../gate/types.ts'
import type { Instant } from '../rows/instant.ts'
import { canonicalText } from './read-document.ts'
import { type Fault, fault, type Step } from './refusals.ts'
import { checkSignature } from './signature.ts'
import type { VerifiedSignature, SignoffTools, TrustFile, WaiverEntry, Waivers } from './types.ts'

/** What the approvers of a waiver sign: its RFC 8785 form without the approvals. */
export const waiverText = (entry: WaiverEntry): string =>
  canonicalText(Object.fromEntries(Object.entries(entry).filter(([name]) => name !== 'approvals')))

export interface ApprovalBench {
  /** Null where nobody's signature counts: then no approval does. */
  readonly trust: TrustFile | null
  readonly now: Instant
}

/** The waivers with the approvals whose signatures hold, and what is wrong with those that do not. */
export function verifyWaivers(
  { waivers }: Waivers,
  bench: ApprovalBench,
  tools: SignoffTools,
): { readonly waivers: readonly Waiver[]; readonly faults: readonly (Fault & { id: string })[] } {
  const read = waivers.map((entry) => ({ entry, checked: checkApprovals(entry, bench, tools) }))
  return {
    waivers: read.map(({ entry, checked }) => ({
      ...entry,
      requested_at: entry.requested_at as Instant,
      expires_at: entry.expires_at as Instant,
      approvals: checked.flatMap((one) => (one.ok ? [one.value] : [])),
    })),
    faults: read.flatMap(({ entry: { id }, checked }) =>
      checked.flatMap((one) => (one.ok ? [] : [{ id, ...one.fault }])),
    ),
  }
}

function checkApprovals(
  entry: WaiverEntry,
  { trust, now }: ApprovalBench,
  tools: SignoffTools,
): readonly Step<Pick<VerifiedSignature, 'person' | 'role'>>[] {
  if (trust === null) return []
  const payload = tools.encode(waiverText(entry))
  return entry.approvals.map((approval) => {
    const [header = '', carried = '', signature = '', ...rest] = approval.jws.split('.')
    if (carried !== payload || rest.length > 0)
      return {
        ok: false,
        fault: fault('waiver_altered', `${approval.person} signed something else`),
      }
    const checked = checkSignature(
      { protected: header, signature },
      { payload, typ: 'ff-waiver+jws', trust, now },
      tools,
    )
    if (!checked.ok) return checked
    const { person, role, kid } = checked.value
    return person === approval.person && role === approval.role && kid === approval.kid
      ? { ok: true, value: { person, role } }
      : { ok: false, fault: fault('person_not_of_signer', `${approval.person} is ${person}`) }
  })
}
