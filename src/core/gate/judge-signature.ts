import type { SignoffRefusalCode } from '../signoff/refusals.ts'
import { parseDurationMs, addMs } from './duration.ts'
import type {
  ChecklistItem,
  ItemResult,
  ProbeCall,
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
  /** Ids of the items that a command of the team measures. */
  readonly commands: readonly string[]
  /** Ids of the items that were signed as a pass and failed since. */
  readonly failed: readonly string[]
  readonly now: Instant
}
/** A reason that the judgement of a signature item gives, besides those of the sign-off. */
export type SignatureCode =
  | 'signature_missing'
  | 'signature_old'
  | 'accepted_since_signing'
  | 'failed_since_signing'
  | 'attestation_missing'
type SignatureResult = Pick<ItemResult, 'state' | 'codes' | 'detail' | 'valid_until'>

/**
 * Judges the signature of one role: present, young enough, covering all accepted items, and attesting what it must.
 * The state is `pass`; `pending` (`signature_missing`, `attestation_missing`); `stale` (`signature_old`,
 * `accepted_since_signing`, `failed_since_signing`, a stale sign-off); `inconclusive` without a trust file; or
 * `fail` for a refused sign-off. While the sign-off is incomplete, a role that did sign passes. `valid_until` is set
 * only for a pass of a verified sign-off.
 */
export function judgeSignature(
  item: ChecklistItem,
  context: SignatureItemContext,
): SignatureResult {
  const { signoff } = context
  const role = item.attest_role
  if (role === null)
    return buildSignatureResult('pending', 'signature_missing', 'the item names no role')
  if (signoff.status === 'missing') return judgeMissing(signoff.roles, role)
  if (signoff.status !== 'verified')
    return buildSignatureResult(
      signoff.status === 'refused' ? 'fail' : signoff.status,
      signoff.code,
      signoff.detail,
    )
  return judgeRole(item, role, { ...context, signoff })
}

const buildSignatureResult = (
  state: SignatureResult['state'],
  code: SignatureCode | SignoffRefusalCode,
  detail: string,
): SignatureResult => ({
  state,
  codes: [code],
  detail,
  valid_until: null,
})

/** A role that did sign passes here: another role's signature is the one that is missing. */
const judgeMissing = (roles: readonly SignoffRole[], role: SignoffRole): SignatureResult =>
  roles.includes(role)
    ? buildSignatureResult('pending', 'signature_missing', role)
    : { state: 'pass', codes: [], detail: '', valid_until: null }

function judgeRole(
  item: ChecklistItem,
  role: SignoffRole,
  {
    signoff,
    others,
    commands,
    failed,
    now,
  }: SignatureItemContext & { readonly signoff: VerifiedSignoff },
): SignatureResult {
  const signature = signoff.signatures.find((one) => one.role === role)
  if (signature === undefined) return buildSignatureResult('pending', 'signature_missing', role)
  const until = addMs(signature.signed_at, parseDurationMs(item.max_age))
  if (now >= until || now >= signoff.valid_until)
    return buildSignatureResult('stale', 'signature_old', `signed at ${signature.signed_at}`)
  const added = listAcceptedSince(signoff, others)
  if (added.length > 0)
    return buildSignatureResult('stale', 'accepted_since_signing', added.join(', '))
  if (failed.length > 0)
    return buildSignatureResult('stale', 'failed_since_signing', failed.join(', '))
  const waivers = others.flatMap(({ waiver }) => waiver ?? [])
  const required = listNamedAttestations(item.probe, { waivers, commands })
  const unnamed = required.filter((one) => !signature.attests.includes(one))
  if (unnamed.length > 0)
    return buildSignatureResult('pending', 'attestation_missing', unnamed.join(', '))
  return {
    state: 'pass',
    codes: [],
    detail: '',
    valid_until: until < signoff.valid_until ? until : signoff.valid_until,
  }
}

/** Items that are accepted now but were not at signing time, or were for another reason. */
const listAcceptedSince = (
  { accepted }: VerifiedSignoff,
  others: readonly ItemResult[],
): readonly string[] =>
  others.flatMap(({ id, state }) => {
    const then = Object.hasOwn(accepted, id) ? accepted[id] : undefined
    if (state === 'pass') return then === undefined ? [id] : []
    return state === 'waived' && then !== 'waived' ? [id] : []
  })

/** What a word in the attestations of a signature item stands for. */
type AttestedLists = Readonly<Record<'waivers' | 'commands', readonly string[]>>
/**
 * The ids that a signature item requires its signer to attest: what `attests` of its probe names, with the words
 * `waivers` and `commands` replaced by the ids that they stand for. Empty without `attests`.
 */
export const listNamedAttestations = (
  { params }: ProbeCall,
  lists: AttestedLists,
): readonly string[] => {
  const words = new Map<unknown, readonly string[]>(Object.entries(lists))
  const named: readonly unknown[] = [params['attests'] ?? []].flat()
  return named.flatMap((one) => words.get(one) ?? [String(one)])
}

/** Whether a signature of the item's role attests the item's id; false without a verified sign-off. */
export function isAttested({ id, attest_role }: ChecklistItem, signoff: SignoffOutcome): boolean {
  if (signoff.status !== 'verified') return false
  return signoff.signatures.some(
    ({ role, attests }) => role === attest_role && attests.includes(id),
  )
}
