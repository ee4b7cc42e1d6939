import { isJsonObject, type JsonNode, parseLosslessJson } from '../json/read.ts'
import type { Instant } from '../rows/instant.ts'
import { decodeUtf8OrNull } from '../text/utf8.ts'
import { checkNodeShape } from './read-document.ts'
import { type SignoffFault, makeFault, refuseStep, type SignatureStep } from './refusals.ts'
import type {
  SignatureHeader,
  HeaderType,
  JwsSignature,
  SignatureMeaning,
  VerifiedSignature,
  Signer,
  SignoffDependencies,
  TrustFile,
} from './types.ts'

/**
 * The meaning of each kind of signature, and whether its key must still be valid now. An approval of a trust file
 * and a withdrawal stay valid after the key ends; a sign-off or a waiver approval ends with the key.
 */
export const SIGNATURE_KINDS: Readonly<
  Record<HeaderType, { readonly meaning: SignatureMeaning; readonly live: boolean }>
> = {
  'ff-signoff+jws': { meaning: 'approves-decision', live: true },
  'ff-trust+jws': { meaning: 'approves-trust', live: false },
  'ff-waiver+jws': { meaning: 'approves-waiver', live: true },
  'ff-withdrawal+jws': { meaning: 'withdraws-approval', live: false },
}

export interface SignatureContext {
  /** Base64url, as signed. */
  readonly payload: string
  readonly typ: HeaderType
  readonly trust: TrustFile
  readonly now: Instant
}

/**
 * Verifies one signature but not its payload: header, key, signature, and the signer's claims against the trust file,
 * in this order. Returns the signer's claims, or the first fault, such as `key_unknown`, `signature_invalid`,
 * `key_revoked` or `key_outside_window`. Does not check that the trust file itself is trusted.
 */
export function verifySignature(
  signature: JwsSignature,
  context: SignatureContext,
  tools: SignoffDependencies,
): SignatureStep<VerifiedSignature> {
  const read = readHeader(signature.protected, context.typ, tools)
  if (!read.ok) return read
  const { kid, ff } = read.value
  const signer = context.trust.signers.find((one) => one.kid === kid)
  if (signer === undefined) return refuseStep('key_unknown', `${ff.person}, ${kid}`)
  const broken = findBytesFault(signature, context.payload, { signer, tools })
  const claim = broken ?? findSignerFault({ header: read.value, signer, context })
  if (claim !== null) return { ok: false, fault: claim }
  const { role, person, signed_at, attests } = ff
  return { ok: true, value: { role, person, kid, signed_at: signed_at as Instant, attests } }
}

/** Header members that could supply a key (RFC 7515, 4.1). */
const KEY_MEMBERS = ['jwk', 'jku', 'x5u', 'x5c', 'x5t', 'x5t#S256']

type Members = ReadonlyMap<string, JsonNode>
/** In order of precedence. */
const HEADER_CHECKS: readonly ((members: Members, typ: HeaderType) => SignoffFault | null)[] = [
  (members) => findAlgFault(members.get('alg')),
  (members) => {
    const found = KEY_MEMBERS.find((name) => members.has(name))
    return found === undefined ? null : makeFault('header_key_embedded', found)
  },
  (members, typ) =>
    members.get('typ') === typ ? null : makeFault('typ_wrong', JSON.stringify(members.get('typ'))),
]

function findAlgFault(alg: JsonNode | undefined): SignoffFault | null {
  if (alg === 'Ed25519') return null
  const text = typeof alg === 'string' ? alg : ''
  if (/^none$/i.test(text)) return makeFault('alg_none', text)
  return makeFault(/^HS/i.test(text) ? 'alg_symmetric' : 'alg_not_allowed', text)
}

function readHeader(
  encoded: string,
  typ: HeaderType,
  tools: SignoffDependencies,
): SignatureStep<SignatureHeader> {
  const bytes = tools.decode(encoded)
  const text = bytes === null ? null : decodeUtf8OrNull(bytes)
  const json = text === null ? null : parseLosslessJson(text)
  if (json === null || !json.ok) return refuseStep('header_malformed', 'not JSON')
  const { node } = json
  if (node === null || typeof node !== 'object' || !isJsonObject(node))
    return refuseStep('header_malformed', 'not an object')
  const members = new Map(node.members)
  for (const check of HEADER_CHECKS) {
    const found = check(members, typ)
    if (found !== null) return { ok: false, fault: found }
  }
  const shaped = checkNodeShape('signoff_header', node, tools.shape)
  if (!shaped.ok) return refuseStep('header_malformed', shaped.detail)
  const { meaning } = shaped.value.ff
  return meaning === SIGNATURE_KINDS[typ].meaning ? shaped : refuseStep('meaning_wrong', meaning)
}

const ED25519_BYTES = 64
function findBytesFault(
  { protected: header, signature }: JwsSignature,
  payload: string,
  { signer, tools }: { readonly signer: Signer; readonly tools: SignoffDependencies },
): SignoffFault | null {
  const signerText = `${signer.person}, ${signer.kid}`
  if (tools.decode(signature)?.length !== ED25519_BYTES)
    return makeFault('signature_malformed', signerText)
  return tools.holds(signer.jwk, `${header}.${payload}`, signature)
    ? null
    : makeFault('signature_invalid', signerText)
}

interface Claim {
  readonly header: SignatureHeader
  readonly signer: Signer
  readonly context: SignatureContext
}
/** The signer's claims against the trust file, in order of precedence. */
const CLAIM_CHECKS: readonly ((claim: Claim) => SignoffFault | null)[] = [
  ({ header: { ff }, signer }) =>
    ff.role === signer.role
      ? null
      : makeFault('role_not_of_signer', `${ff.person} signed as ${ff.role}, but is ${signer.role}`),
  ({ header: { ff }, signer }) =>
    ff.person === signer.person && ff.name === signer.name
      ? null
      : makeFault('person_not_of_signer', `${ff.person} signed with the key of ${signer.person}`),
  ({ signer, context }) => {
    const revoked = context.trust.revoked.keys.find(({ kid }) => kid === signer.kid)
    return revoked === undefined
      ? null
      : makeFault('key_revoked', `${signer.person}, ${signer.kid}`)
  },
  ({ header: { ff }, context }) =>
    ff.signed_at > context.now
      ? makeFault(
          'signed_in_future',
          `${ff.person}: signed at ${ff.signed_at}, now is ${context.now}`,
        )
      : null,
  ({ header: { ff }, signer, context }) => {
    const times = SIGNATURE_KINDS[context.typ].live ? [ff.signed_at, context.now] : [ff.signed_at]
    return times.every((time) => signer.from <= time && time < signer.until)
      ? null
      : makeFault('key_outside_window', `${signer.person}: ${signer.from} to ${signer.until}`)
  },
]

function findSignerFault(claim: Claim): SignoffFault | null {
  for (const check of CLAIM_CHECKS) {
    const found = check(claim)
    if (found !== null) return found
  }
  return null
}

/** The first fault among: two signatures by one key, two by one person, a missing role. Null where there is none. */
export function findCoverageFault(
  signed: readonly VerifiedSignature[],
  required: TrustFile['required_roles'],
): SignoffFault | null {
  const key = findRepeated(signed.map(({ kid }) => kid))
  if (key !== null) return makeFault('key_repeated', key)
  const person = findRepeated(signed.map((one) => one.person))
  if (person !== null) return makeFault('person_repeated', person)
  const missing = required.filter((role) => !signed.some((one) => one.role === role))
  return missing.length === 0 ? null : makeFault('role_missing', missing.join(', '))
}

const findRepeated = (names: readonly string[]): string | null =>
  names.find((name, at) => names.indexOf(name) !== at) ?? null
