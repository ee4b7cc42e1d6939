import { isObject, type JsonNode, readJson } from '../json/read.ts'
import type { Instant } from '../rows/instant.ts'
import { decodeUtf8OrNull } from '../text/utf8.ts'
import { shapeNode } from './read-document.ts'
import { type Fault, fault, refuse, type Step } from './refusals.ts'
import type {
  Header,
  HeaderType,
  JwsSignature,
  Meaning,
  VerifiedSignature,
  Signer,
  SignoffTools,
  TrustFile,
} from './types.ts'

/**
 * What each kind of signature means, and whether its key has to be within its time still. A step of the trust
 * file was signed once and for all; a sign-off or a waiver ends with the key.
 */
export const SIGNATURE_KINDS: Readonly<
  Record<HeaderType, { readonly meaning: Meaning; readonly live: boolean }>
> = {
  'ff-signoff+jws': { meaning: 'approves-decision', live: true },
  'ff-trust+jws': { meaning: 'approves-trust', live: false },
  'ff-waiver+jws': { meaning: 'approves-waiver', live: true },
}

export interface SignatureBench {
  /** Base64url, as it is signed. */
  readonly payload: string
  readonly typ: HeaderType
  readonly trust: TrustFile
  readonly now: Instant
}

/** Verifies one signature and nothing of what it signs: header, key, signature, and then who claims what. */
export function checkSignature(
  signature: JwsSignature,
  bench: SignatureBench,
  tools: SignoffTools,
): Step<VerifiedSignature> {
  const read = readHeader(signature.protected, bench.typ, tools)
  if (!read.ok) return read
  const { kid, ff } = read.value
  const signer = bench.trust.signers.find((one) => one.kid === kid)
  if (signer === undefined) return refuse('key_unknown', `${ff.person}, ${kid}`)
  const broken = bytesFault(signature, bench.payload, { signer, tools })
  const claim = broken ?? claimFault({ header: read.value, signer, bench })
  if (claim !== null) return { ok: false, fault: claim }
  const { role, person, signed_at, attests } = ff
  return { ok: true, value: { role, person, kid, signed_at: signed_at as Instant, attests } }
}

/** Members by which a header could bring a key of its own (RFC 7515, 4.1). */
const KEY_MEMBERS = ['jwk', 'jku', 'x5u', 'x5c', 'x5t', 'x5t#S256']

type Members = ReadonlyMap<string, JsonNode>
/** In order; the first that says something decides. */
const HEADER_CHECKS: readonly ((members: Members, typ: HeaderType) => Fault | null)[] = [
  (members) => algFault(members.get('alg')),
  (members) => {
    const found = KEY_MEMBERS.find((name) => members.has(name))
    return found === undefined ? null : fault('header_key_embedded', found)
  },
  (members, typ) =>
    members.get('typ') === typ ? null : fault('typ_wrong', JSON.stringify(members.get('typ'))),
]

function algFault(alg: JsonNode | undefined): Fault | null {
  if (alg === 'Ed25519') return null
  const text = typeof alg === 'string' ? alg : ''
  if (/^none$/i.test(text)) return fault('alg_none', text)
  return fault(/^HS/i.test(text) ? 'alg_symmetric' : 'alg_not_allowed', text)
}

function readHeader(encoded: string, typ: HeaderType, tools: SignoffTools): Step<Header> {
  const bytes = tools.decode(encoded)
  const text = bytes === null ? null : decodeUtf8OrNull(bytes)
  const json = text === null ? null : readJson(text)
  if (json === null || !json.ok) return refuse('header_malformed', 'not JSON')
  const { node } = json
  if (node === null || typeof node !== 'object' || !isObject(node))
    return refuse('header_malformed', 'not an object')
  const members = new Map(node.members)
  for (const check of HEADER_CHECKS) {
    const found = check(members, typ)
    if (found !== null) return { ok: false, fault: found }
  }
  const shaped = shapeNode('signoff_header', node, tools.shape)
  if (!shaped.ok) return refuse('header_malformed', shaped.detail)
  const { meaning } = shaped.value.ff
  return meaning === SIGNATURE_KINDS[typ].meaning ? shaped : refuse('meaning_wrong', meaning)
}

const ED25519_BYTES = 64
function bytesFault(
  { protected: header, signature }: JwsSignature,
  payload: string,
  { signer, tools }: { readonly signer: Signer; readonly tools: SignoffTools },
): Fault | null {
  const who = `${signer.person}, ${signer.kid}`
  if (tools.decode(signature)?.length !== ED25519_BYTES) return fault('signature_malformed', who)
  return tools.holds(signer.jwk, `${header}.${payload}`, signature)
    ? null
    : fault('signature_invalid', who)
}

interface Claim {
  readonly header: Header
  readonly signer: Signer
  readonly bench: SignatureBench
}
/** What a signer says of themselves, against the trust file; in order. */
const CLAIM_CHECKS: readonly ((claim: Claim) => Fault | null)[] = [
  ({ header: { ff }, signer }) =>
    ff.role === signer.role
      ? null
      : fault('role_not_of_signer', `${ff.person} signs as ${ff.role} and is ${signer.role}`),
  ({ header: { ff }, signer }) =>
    ff.person === signer.person && ff.name === signer.name
      ? null
      : fault('person_not_of_signer', `${ff.person} with the key of ${signer.person}`),
  ({ signer, bench }) => {
    const revoked = bench.trust.revoked.keys.find(({ kid }) => kid === signer.kid)
    return revoked === undefined ? null : fault('key_revoked', `${signer.person}, ${signer.kid}`)
  },
  ({ header: { ff }, bench }) =>
    ff.signed_at > bench.now
      ? fault('signed_in_future', `${ff.person}: ${ff.signed_at}, and it is ${bench.now}`)
      : null,
  ({ header: { ff }, signer, bench }) => {
    const times = SIGNATURE_KINDS[bench.typ].live ? [ff.signed_at, bench.now] : [ff.signed_at]
    return times.every((time) => signer.from <= time && time < signer.until)
      ? null
      : fault('key_outside_window', `${signer.person}: ${signer.from} to ${signer.until}`)
  },
]

function claimFault(claim: Claim): Fault | null {
  for (const check of CLAIM_CHECKS) {
    const found = check(claim)
    if (found !== null) return found
  }
  return null
}

/** Two distinct persons with two distinct keys, and every role; the first thing that is missing. */
export function coverageFault(
  signed: readonly VerifiedSignature[],
  required: TrustFile['required_roles'],
): Fault | null {
  const key = repeated(signed.map(({ kid }) => kid))
  if (key !== null) return fault('key_repeated', key)
  const person = repeated(signed.map((one) => one.person))
  if (person !== null) return fault('person_repeated', person)
  const missing = required.filter((role) => !signed.some((one) => one.role === role))
  return missing.length === 0 ? null : fault('role_missing', missing.join(', '))
}

const repeated = (names: readonly string[]): string | null =>
  names.find((name, at) => names.indexOf(name) !== at) ?? null
