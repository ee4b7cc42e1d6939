import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { checkDocumentShape } from '../../../src/artefacts/documents.ts'
import { canonicalizeObject } from '../../../src/core/signoff/read-document.ts'
import { checkTrust, type TrustOutcome } from '../../../src/core/signoff/trust.ts'
import { PLACES, type SignoffRole } from '../../../src/core/gate/types.ts'
import { type StatementInput, formatStatement } from '../../../src/core/signoff/statement.ts'
import type {
  Envelope,
  SignatureHeader,
  JwsSignature,
  PresentFacts,
  PublicJwk,
  SignoffDependencies,
  TrustFile,
} from '../../../src/core/signoff/types.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import { signoffCrypto } from '../../../src/adapters/key-files/crypto.ts'

export const tools: SignoffDependencies = {
  ...signoffCrypto,
  shape: checkDocumentShape,
}

export interface Person {
  readonly person: string
  readonly name: string
  readonly role: SignoffRole
  readonly jwk: PublicJwk
  readonly kid: string
  readonly key: KeyObject
}

export function makePerson(person: string, role: SignoffRole): Person {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const jwk = publicKey.export({ format: 'jwk' }) as unknown as PublicJwk
  const kid = tools.thumbprint(jwk)
  return { person, name: `${person} Example`, role, jwk, kid, key: privateKey }
}

export const alice = makePerson('alice', 'platform-lead')
export const bob = makePerson('bob', 'security-lead')
export const NOW = '2026-01-15T09:00:00.000Z' as Instant

export const asSigner = ({
  person,
  name,
  role,
  jwk,
  kid,
}: Person): TrustFile['signers'][number] => ({
  person,
  name,
  role,
  kid,
  jwk,
  from: '2026-01-01T00:00:00.000Z',
  until: '2027-01-01T00:00:00.000Z',
})
/** A runner with a new key, which may measure everywhere. */
export function asRunner(name: string): TrustFile['runners'][number] {
  const { person: _p, role: _r, ...key } = asSigner(makePerson(name, 'platform-lead'))
  return { ...key, places: PLACES }
}
export const TRUST: TrustFile = {
  kind: 'trust',
  schemaVersion: 1,
  version: 1,
  expires: '2026-06-01T00:00:00.000Z',
  signers: [asSigner(alice), asSigner(bob)],
  required_roles: ['platform-lead', 'security-lead'],
  runners: [],
  waiver_policy: { max_active: 3, max_days: 14 },
  revoked: { keys: [], statements: [] },
}
export const trustText = (trust: TrustFile): string => `${JSON.stringify(trust, null, 2)}\n`
export const digest = (word: string): string => tools.sha256(word)

/** The outcome of a trust file under its own pin. */
export const trusted = (trust: TrustFile = TRUST, now: Instant = NOW): TrustOutcome => {
  const text = trustText(trust)
  return checkTrust({ text, chain: null, pin: tools.sha256(text) }, now, tools)
}

export const PRESENT: PresentFacts = {
  identity: {
    environment: 'production',
    cutover_id: 'flags-to-postgres',
    attempt: 2,
    database: '7/16384/ff/0123456789abcdef',
    schema_head: '0002',
    code: 'sha256:aa',
    config_digest: digest('config'),
    checklist_digest: digest('checklist form'),
    build: digest('build'),
  },
  subjects: {
    checklist: digest('checklist'),
    waivers: digest(''),
    plan: digest('plan'),
    rollback_triggers: digest('triggers'),
    inputs: digest('{}'),
  },
  withdrawals: null,
  attestations: { 'platform-lead': ['I4', 'J1'], 'security-lead': ['A', 'F', 'G', 'G3'] },
}

export const PREPARED: StatementInput = {
  subjects: PRESENT.subjects,
  decision: 'go',
  identity: PRESENT.identity as StatementInput['identity'],
  accepted: { A1: 'pass', E5: 'waived' },
  seen: {
    heads: [{ kid: 'r'.repeat(43), seq: 41, hash: digest('head') }],
    bundle: null,
    records: [{ item: 'A1', sha256: digest('A1'), ended_at: '2026-01-15T07:30:00.000Z' }],
  },
  trust: { version: 1, sha256: digest(trustText(TRUST)) },
  prepared_at: '2026-01-15T07:45:00.000Z',
  not_after: '2026-01-18T07:45:00.000Z',
}

export const encode = (text: string): string => Buffer.from(text).toString('base64url')

export function toHeader(who: Person, ff: Partial<SignatureHeader['ff']> = {}): SignatureHeader {
  const { person, name, role, kid } = who
  return {
    alg: 'Ed25519',
    typ: 'ff-signoff+jws',
    kid,
    crit: ['ff'],
    ff: {
      person,
      name,
      role,
      meaning: 'approves-decision',
      signed_at: '2026-01-15T08:00:00.000Z',
      attests: [...PRESENT.attestations[role]],
      ...ff,
    },
  }
}

/** Signs any header over any payload, with any key. */
export function signRaw(payload: string, header: object, key: KeyObject): JwsSignature {
  const shown = encode(JSON.stringify(header))
  const bytes = sign(null, Buffer.from(`${shown}.${payload}`), key)
  return { protected: shown, signature: bytes.toString('base64url') }
}
export const signAs = (
  payload: string,
  who: Person,
  ff: Partial<SignatureHeader['ff']> = {},
): JwsSignature => signRaw(payload, toHeader(who, ff), who.key)

export const envelopeText = (envelope: object): string => `${canonicalizeObject(envelope)}\n`

/** A statement with the signatures of `people`. */
export function signedBy(
  people: readonly Person[],
  prepared: Partial<StatementInput> = {},
  ff: Partial<SignatureHeader['ff']> = {},
): Envelope {
  const payload = encode(formatStatement({ ...PREPARED, ...prepared }))
  return { payload, signatures: people.map((who) => signAs(payload, who, ff)) }
}
