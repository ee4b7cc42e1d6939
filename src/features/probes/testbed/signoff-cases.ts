import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { SignoffRole } from '../../../core/gate/types.ts'
import { canonicalizeObject } from '../../../core/signoff/read-document.ts'
import { type StatementInput, formatStatement } from '../../../core/signoff/statement.ts'
import { checkTrust, type TrustOutcome } from '../../../core/signoff/trust.ts'
import type {
  PresentFacts,
  PublicJwk,
  SignoffDependencies,
  TrustFile,
} from '../../../core/signoff/types.ts'
import { instantFromMs, type Instant } from '../../../core/rows/instant.ts'

/** A generated signer, whose key is never stored. */
interface Person {
  readonly person: string
  readonly role: SignoffRole
  readonly jwk: PublicJwk
  readonly kid: string
  readonly key: KeyObject
}
/** A valid sign-off, and negatives that the verifier has to refuse; all are generated. */
export interface SignoffScenario {
  readonly trust: TrustOutcome
  readonly present: PresentFacts
  readonly now: Instant
  readonly good: string
  readonly negatives: readonly { readonly what: string; readonly envelope: string }[]
}

const HOUR_MS = 3_600_000
const OTHER: Readonly<Record<SignoffRole, SignoffRole>> = {
  'platform-lead': 'security-lead',
  'security-lead': 'platform-lead',
}

/**
 * Generates three signers with new Ed25519 keys, and from them a trust file, a sign-off of both roles that is valid at
 * `now`, and envelopes that the verifier has to refuse, each with one fault. Stores nothing.
 *
 * @param role the role whose signature the negatives spoil
 * @param nowMs the time of judging, in ms since 1970
 */
export function createSignoffScenario(
  role: SignoffRole,
  nowMs: number,
  tools: SignoffDependencies,
): SignoffScenario {
  const at = (hours: number): Instant => instantFromMs(nowMs + hours * HOUR_MS)
  const [signer, other, stranger] = [role, OTHER[role], role].map((one, index) =>
    makePerson(`person-${index}`, one, tools),
  ) as [Person, Person, Person]
  const file = buildTrust([signer, other], at)
  const text = canonicalizeObject(file)
  const sha256 = tools.sha256(text)
  const trust = checkTrust({ text, chain: null, pin: sha256 }, at(0), tools)
  const present = buildPresent(tools)
  const prepared: StatementInput = {
    subjects: present.subjects,
    decision: 'go',
    identity: present.identity as StatementInput['identity'],
    accepted: {},
    seen: { heads: [], bundle: null, records: [] },
    trust: { version: 1, sha256 },
    prepared_at: at(-1),
    not_after: at(24),
  }
  const context = { signer, other, stranger, prepared, signedAt: at(-0.5), later: at(1) }
  return { trust, present, now: at(0), ...toEnvelopes(context) }
}

interface CaseInputs {
  readonly signer: Person
  readonly other: Person
  readonly stranger: Person
  readonly prepared: StatementInput
  readonly signedAt: Instant
  readonly later: Instant
}

function toEnvelopes({ signer, other, stranger, prepared, signedAt, later }: CaseInputs) {
  const payload = encode(formatStatement(prepared))
  const header = (who: Person): object => toHeader(who, signedAt)
  const good = signRaw(payload, header(signer), signer.key)
  const withOther = (one: object, over = payload): string =>
    formatEnvelope(over, [signRaw(over, header(other), other.key), one])
  const both = (over: string): string => withOther(signRaw(over, header(signer), signer.key), over)
  const named = (more: object): object => ({ ...header(signer), ...more })
  const negatives: readonly (readonly [what: string, envelope: string])[] = [
    ['the other role alone', formatEnvelope(payload, [signRaw(payload, header(other), other.key)])],
    ["another's key under a known kid", withOther(signRaw(payload, header(signer), stranger.key))],
    [
      'a key that is not in the trust file',
      withOther(signRaw(payload, header(stranger), stranger.key)),
    ],
    [
      'a key in the header',
      withOther(signRaw(payload, named({ jwk: stranger.jwk }), stranger.key)),
    ],
    [
      'the other role claimed',
      withOther(signRaw(payload, toHeader({ ...signer, role: other.role }, signedAt), signer.key)),
    ],
    ['another type', withOther(signRaw(payload, named({ typ: 'ff-trust+jws' }), signer.key))],
    [
      'alg none',
      withOther({ ...signRaw(payload, named({ alg: 'none' }), signer.key), signature: '' }),
    ],
    ['HS256 with the public key', withOther(signHmac(payload, named({ alg: 'HS256' }), signer))],
    ['an unprotected header', withOther({ ...good, header: { kid: signer.kid } })],
    [
      'a signature of zeros',
      withOther({ ...good, signature: Buffer.alloc(64).toString('base64url') }),
    ],
    ['signed ahead of time', withOther(signRaw(payload, toHeader(signer, later), signer.key))],
    ['the same signature twice', formatEnvelope(payload, [good, good])],
    ['a no-go', both(encode(formatStatement({ ...prepared, decision: 'no-go' })))],
    [
      'white space',
      both(encode(formatStatement(prepared).replace('"decision":"go"', '"decision": "go"'))),
    ],
    [
      'another payload',
      formatEnvelope(encode(formatStatement({ ...prepared, not_after: later })), [
        good,
        signRaw(payload, header(other), other.key),
      ]),
    ],
  ]
  return {
    good: withOther(good),
    negatives: negatives.map(([what, envelope]) => ({ what, envelope })),
  }
}

function makePerson(person: string, role: SignoffRole, tools: SignoffDependencies): Person {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const { x = '' } = publicKey.export({ format: 'jwk' })
  const jwk: PublicJwk = { kty: 'OKP', crv: 'Ed25519', x }
  return { person, role, jwk, kid: tools.thumbprint(jwk), key: privateKey }
}

const buildTrust = (people: readonly Person[], at: (hours: number) => Instant): TrustFile => ({
  kind: 'trust',
  schemaVersion: 1,
  version: 1,
  expires: at(48),
  signers: people.map(({ person, role, jwk, kid }) => ({
    person,
    name: person,
    role,
    kid,
    jwk,
    from: at(-48),
    until: at(48),
  })),
  required_roles: ['platform-lead', 'security-lead'],
  runners: [],
  waiver_policy: { max_active: 3, max_days: 14 },
  revoked: { keys: [], statements: [] },
})

function buildPresent({ sha256 }: SignoffDependencies): PresentFacts {
  const digest = sha256('generated by a probe')
  return {
    identity: {
      environment: 'scratch',
      cutover_id: 'generated-by-a-probe',
      attempt: 1,
      database: '1/1/ff/0123456789abcdef',
      schema_head: '0001',
      code: 'sha256:0',
      config_digest: digest,
      checklist_digest: digest,
      build: digest,
    },
    subjects: {
      checklist: digest,
      waivers: digest,
      plan: digest,
      rollback_triggers: digest,
      inputs: digest,
    },
    withdrawals: null,
    attestations: { 'platform-lead': [], 'security-lead': [] },
  }
}

const encode = (text: string): string => Buffer.from(text).toString('base64url')
const toHeader = ({ person, role, kid }: Person, signed_at: Instant): object => ({
  alg: 'Ed25519',
  typ: 'ff-signoff+jws',
  kid,
  crit: ['ff'],
  ff: { person, name: person, role, meaning: 'approves-decision', signed_at, attests: [] },
})

function signRaw(payload: string, header: object, key: KeyObject): object {
  const encodedHeader = encode(JSON.stringify(header))
  const bytes = sign(null, Buffer.from(`${encodedHeader}.${payload}`), key)
  return { protected: encodedHeader, signature: bytes.toString('base64url') }
}

/** RFC 8725, 2.1: an HMAC with the public key as its secret. */
function signHmac(payload: string, header: object, { jwk }: Person): object {
  const encodedHeader = encode(JSON.stringify(header))
  const secret = Buffer.from(jwk.x, 'base64url')
  const mac = createHmac('sha256', secret).update(`${encodedHeader}.${payload}`).digest('base64url')
  return { protected: encodedHeader, signature: mac }
}

const formatEnvelope = (payload: string, signatures: readonly object[]): string =>
  `${canonicalizeObject({ payload, signatures })}\n`
