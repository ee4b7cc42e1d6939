import type {
  ChainHead,
  CutoverIdentity,
  LogHead,
  SignoffRole,
  WaiverCover,
  WaiverPolicy,
  Where,
} from '../gate/types.ts'
import type { Instant } from '../rows/instant.ts'

/** The roles that must sign; a trust file requires both. */
export const ROLES: readonly SignoffRole[] = ['platform-lead', 'security-lead']

/** A time in a document: checked by its parser, then an `Instant`. */
type Time = string

/** An Ed25519 public key (RFC 8037). */
export interface PublicJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
}
/** A key that may sign from `from` until before `until`. */
interface KeyWindow {
  readonly kid: string
  readonly jwk: PublicJwk
  readonly from: Time
  readonly until: Time
}
export interface Signer extends KeyWindow {
  readonly person: string
  readonly name: string
  readonly role: SignoffRole
}
export interface TrustedRunner extends KeyWindow {
  readonly name: string
  /** Where it may measure: at least one place. */
  readonly places: readonly Where[]
  /** The last record that counts of the log of a runner that has ended. */
  readonly closed?: ChainHead
  /** The log of this runner is gone or damaged: none of its records counts. */
  readonly lost?: true
}
/** trust.json: the persons and runners whose signatures count. */
export interface TrustFile {
  readonly kind: 'trust'
  readonly schemaVersion: 1
  readonly version: number
  readonly expires: Time
  readonly signers: readonly Signer[]
  readonly required_roles: readonly SignoffRole[]
  readonly runners: readonly TrustedRunner[]
  readonly waiver_policy: WaiverPolicy
  readonly revoked: {
    readonly keys: readonly { readonly kid: string; readonly at: Time; readonly reason: string }[]
    readonly statements: readonly {
      readonly sha256: string
      readonly at: Time
      readonly reason: string
    }[]
  }
}
export interface TrustChain {
  readonly kind: 'trust_chain'
  readonly schemaVersion: 1
  /** The text of each version, oldest first; every version but the first is signed by both roles of the one before. */
  readonly links: readonly Envelope[]
}

/** JWS General JSON (RFC 7515, 7.2.1), every part base64url. */
export interface Envelope {
  readonly payload: string
  readonly signatures: readonly JwsSignature[]
}
export interface JwsSignature {
  readonly protected: string
  readonly signature: string
}
export type SignatureMeaning =
  | 'approves-decision'
  | 'approves-trust'
  | 'approves-waiver'
  | 'withdraws-approval'
export type HeaderType = 'ff-signoff+jws' | 'ff-trust+jws' | 'ff-waiver+jws' | 'ff-withdrawal+jws'
export interface SignatureHeader {
  readonly alg: 'Ed25519'
  readonly typ: HeaderType
  readonly kid: string
  readonly crit: readonly 'ff'[]
  readonly ff: {
    readonly person: string
    readonly name: string
    readonly role: SignoffRole
    readonly meaning: SignatureMeaning
    readonly signed_at: Time
    readonly attests: readonly string[]
  }
}

/** The identity that a signature binds; every member is known. */
export type SignedTarget = {
  readonly [K in keyof CutoverIdentity]: NonNullable<CutoverIdentity[K]>
}
/** Files that a signature binds by the SHA-256 of their bytes. */
type FileSubject = 'checklist' | 'waivers' | 'plan' | 'rollback_triggers'
/** `inputs` stands for the files of `SignoffTexts.inputs`, by the digest of each. */
export type BoundSubject = FileSubject | 'inputs'
export const BOUND_SUBJECTS: readonly BoundSubject[] = [
  'checklist',
  'waivers',
  'plan',
  'rollback_triggers',
  'inputs',
]

/** The text of every file that a sign-off is judged by; null where the file is missing. */
export type SignoffTexts = Readonly<
  Record<FileSubject | 'trust' | 'trust_chain' | 'signoff' | 'withdrawals', string | null> & {
    /** The bytes of the runbook and of the files of team commands, as base64url by path; without the missing ones. */
    readonly inputs: Readonly<Record<string, string>>
  }
>
/** The files that a signature binds. */
export type BoundFiles = Pick<SignoffTexts, BoundSubject>

/** An in-toto Statement v1. */
export interface SignedStatement {
  readonly _type: 'https://in-toto.io/Statement/v1'
  readonly subject: readonly {
    readonly name: BoundSubject
    readonly digest: { readonly sha256: string }
  }[]
  readonly predicateType: 'https://pty-flags.example/ff/signoff/v1'
  readonly predicate: {
    readonly decision: 'go' | 'no-go'
    readonly identity: SignedTarget
    /** The accepted items among those that are not signatures. */
    readonly accepted: AcceptedStates
    readonly seen: SeenEvidence
    readonly trust: { readonly version: number; readonly sha256: string }
    readonly prepared_at: Time
    readonly not_after: Time
  }
}
export type AcceptedStates = Readonly<Record<string, 'pass' | 'waived'>>
/** The evidence at signing time, recorded so that later evidence may replace it. */
export interface SeenEvidence {
  /** The last record of each log of a named runner, by kid. */
  readonly heads: readonly LogHead[]
  readonly bundle: string | null
  readonly records: readonly {
    readonly item: string
    readonly sha256: string
    readonly ended_at: Time
  }[]
}

/** The present state that a statement is compared with. */
export interface PresentFacts {
  readonly identity: CutoverIdentity
  readonly subjects: Readonly<Record<BoundSubject, string>>
  /** Text of withdrawals.json; null where the file is missing. */
  readonly withdrawals: string | null
  /** The ids that each role must attest. */
  readonly attestations: Readonly<Record<SignoffRole, readonly string[]>>
}

/** withdrawals.json: each has one signature, over the SHA-256 of a statement. */
export interface Withdrawals {
  readonly kind: 'withdrawals'
  readonly schemaVersion: 1
  readonly withdrawals: readonly Envelope[]
}

/** waivers.json. */
export interface Waivers {
  readonly kind: 'waivers'
  readonly schemaVersion: 1
  readonly waivers: readonly WaiverEntry[]
}
export interface WaiverEntry {
  readonly id: string
  readonly item: string
  readonly environment: string
  readonly cutover_id: string
  readonly attempt: number
  readonly covers: WaiverCover
  readonly reason: string
  readonly risk: string
  readonly compensation: string
  readonly requester: string
  readonly requested_at: Time
  readonly expires_at: Time
  /** Claimed approvals, which count only after their signatures are verified. */
  readonly approvals: readonly {
    readonly person: string
    readonly role: SignoffRole
    readonly kid: string
    /** Compact JWS over the RFC 8785 form of the waiver without its approvals. */
    readonly jws: string
  }[]
}

/** A person's key file; `sealed` is the private key (PKCS#8), encrypted by scrypt and AES-256-GCM. */
export interface KeyFile {
  readonly kind: 'key_file'
  readonly schemaVersion: 1
  readonly person: string
  readonly name: string
  readonly kid: string
  readonly jwk: PublicJwk
  readonly kdf: {
    readonly name: 'scrypt'
    readonly n: number
    readonly r: number
    readonly p: number
    readonly salt: string
  }
  readonly cipher: { readonly name: 'aes-256-gcm'; readonly iv: string }
  readonly sealed: string
}
export interface PublicKey {
  readonly kind: 'public_key'
  readonly schemaVersion: 1
  readonly person: string
  readonly name: string
  readonly kid: string
  readonly jwk: PublicJwk
}

/** decision.json: every file that the verdict follows from, byte for byte; null where a file was missing. */
export interface DecisionFile {
  readonly kind: 'gate_decision'
  readonly schemaVersion: 2
  readonly tool_version: string
  readonly decided_at: Time
  /** The report as `ff gate` wrote it, without its `timing`: it has to follow from the files. */
  readonly verdict: object
  readonly identity: CutoverIdentity
  readonly files: SignoffTexts & {
    readonly evidence: readonly {
      readonly kid: string
      readonly log: string | null
      readonly head: string | null
    }[]
  }
}

/** Documents with a schema, by their kind. */
export interface SignedDocuments {
  readonly trust: TrustFile
  readonly trust_chain: TrustChain
  readonly signoff_envelope: Envelope
  readonly signoff_header: SignatureHeader
  readonly signoff_statement: SignedStatement
  readonly waivers: Waivers
  readonly withdrawals: Withdrawals
  readonly key_file: KeyFile
  readonly public_key: PublicKey
  readonly gate_decision: DecisionFile
}

/** Cryptography that the caller supplies, as core has none of its own. */
export interface SignoffCrypto {
  /** SHA-256 of the bytes, of a text in UTF-8, in hexadecimal. */
  readonly sha256: (content: string | Uint8Array) => string
  /** RFC 7638 thumbprint: SHA-256 in base64url. */
  readonly thumbprint: (jwk: PublicJwk) => string
  /** False for a public key of small order, under which signatures prove nothing. */
  readonly isSound: (jwk: PublicJwk) => boolean
  /** Whether `signature` is a valid Ed25519 signature over the ASCII bytes of `input`. */
  readonly holds: (jwk: PublicJwk, input: string, signature: string) => boolean
  /** The bytes of a base64url text in its only spelling; null for any other text. */
  readonly decode: (base64url: string) => Uint8Array | null
  /** Base64url of the UTF-8 bytes. */
  readonly encode: (text: string) => string
}
/** Cryptography and the schemas of the documents. */
export interface SignoffDependencies extends SignoffCrypto {
  readonly shape: <K extends keyof SignedDocuments>(
    kind: K,
    value: unknown,
  ) => ShapeResult<SignedDocuments[K]>
}
export type ShapeResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly detail: string }

/** A valid signature by a key of the trust file, within the key's window. */
export interface VerifiedSignature {
  readonly role: SignoffRole
  readonly person: string
  readonly kid: string
  readonly signed_at: Instant
  readonly attests: readonly string[]
}
