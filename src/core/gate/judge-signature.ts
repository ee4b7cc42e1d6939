import { parseDurationMs, addMs } from './duration.ts'
import type {
  ChecklistItem,
  ItemResult,
  SignoffRole,
  SignoffOutcome,
  VerifiedSignoff,
} from './types.ts'
import type { Instant } from '../rows/instant.ts'

/** The inputs of one signature item besides its evidence. */
export interface SignatureItemContext {
  readonly signoff: SignoffOutcome
  /** The other items in their present state. */
  readonly others: readonly ItemResult[]
  readonly now: Instant
}
type SignatureResult = Pick<ItemResult, 'state' | 'codes' | 'detail' | 'valid_until'>

/** Judges the signature of one role: present, young enough, covering all accepted items, and attesting what it must. */
export function judgeSignature(
  item: ChecklistItem,
  { signoff, others, now }: SignatureItemContext,
): SignatureResult {
  const role = item.attest_role
  if (role === null) return half('pending', 'signature_missing', 'the item names no role')
  if (signoff.status === 'missing') return missing(signoff.roles, role)
  if (signoff.status !== 'verified')
    return half(signoff.status === 'stale' ? 'stale' : 'fail', signoff.code, signoff.detail)
  return ofRole(item, role, { signoff, others, now })
}

const half = (state: SignatureResult['state'], code: string, detail: string): SignatureResult => ({
  state,
  codes: [code],
  detail,
  valid_until: null,
})

/** A role that did sign passes here: another role's signature is the one that is missing. */
const missing = (roles: readonly SignoffRole[], role: SignoffRole): SignatureResult =>
  roles.includes(role)
    ? half('pending', 'signature_missing', role)
    : { state: 'pass', codes: [], detail: '', valid_until: null }

function ofRole(
  item: ChecklistItem,
  role: SignoffRole,
  { signoff, others, now }: SignatureItemContext & { readonly signoff: VerifiedSignoff },
): SignatureResult {
  const signature = signoff.signatures.find((one) => one.role === role)
  if (signature === undefined) return half('pending', 'signature_missing', role)
  const until = addMs(signature.signed_at, parseDurationMs(item.max_age))
  if (now >= until || now >= signoff.valid_until)
    return half('stale', 'signature_old', `signed at ${signature.signed_at}`)
  const added = acceptedSince(signoff, others)
  if (added.length > 0) return half('stale', 'accepted_since_signing', added.join(', '))
  const unnamed = toName(item, others).filter((one) => !signature.attests.includes(one))
  if (unnamed.length > 0) return half('pending', 'attestation_missing', unnamed.join(', '))
  return {
    state: 'pass',
    codes: [],
    detail: '',
    valid_until: until < signoff.valid_until ? until : signoff.valid_until,
  }
}

/** Items that are accepted now but were not at signing time, or were for another reason. */
const acceptedSince = (
  { accepted }: VerifiedSignoff,
  others: readonly ItemResult[],
): readonly string[] =>
  others.flatMap(({ id, state }) => {
    const then = Object.hasOwn(accepted, id) ? accepted[id] : undefined
    if (state === 'pass') return then === undefined ? [id] : []
    return state === 'waived' && then !== 'waived' ? [id] : []
  })

/** The ids that the checklist requires the signer to attest; `waivers` stands for each waiver in use. */
function toName({ probe }: ChecklistItem, others: readonly ItemResult[]): readonly string[] {
  const asked: readonly unknown[] = [probe.params['attests'] ?? []].flat()
  return asked.flatMap((one) =>
    one === 'waivers' ? others.flatMap(({ waiver }) => waiver ?? []) : [String(one)],
  )
}

/** Whether the role of a measured item has attested it. */
export function isAttested({ id, attest_role }: ChecklistItem, signoff: SignoffOutcome): boolean {
  if (signoff.status !== 'verified') return false
  return signoff.signatures.some(
    ({ role, attests }) => role === attest_role && attests.includes(id),
  )
}
