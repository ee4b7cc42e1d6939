import { canonicalize } from '../json/canonical.ts'
import { hasRepeatedMember, parseLosslessJson } from '../json/read.ts'
import type { Instant } from '../rows/instant.ts'
import { decodeUtf8OrNull } from '../text/utf8.ts'
import { canonicalizeObject, checkNodeShape } from './read-document.ts'
import { findWithdrawalFault } from './withdrawals.ts'
import {
  makeFault,
  refuseStep,
  type SignatureStep,
  type SignoffFault,
  type SignoffRefusalCode,
} from './refusals.ts'
import {
  BOUND_SUBJECTS,
  type BoundSubject,
  type PresentFacts,
  type SignedStatement,
  type SignedTarget,
  type SignoffDependencies,
  type TrustFile,
  type VerifiedSignature,
} from './types.ts'

/** The content of a statement to be signed. */
export interface StatementInput extends Omit<SignedStatement['predicate'], 'trust'> {
  readonly subjects: PresentFacts['subjects']
  readonly trust: SignedStatement['predicate']['trust']
}

/**
 * The text that people sign: an in-toto Statement v1 in RFC 8785 form, without a line feed.
 *
 * @throws Error where it is not I-JSON, which is a bug
 */
export function formatStatement({ subjects, ...predicate }: StatementInput): string {
  const statement: SignedStatement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: BOUND_SUBJECTS.map((name) => ({ name, digest: { sha256: subjects[name] } })),
    predicateType: 'https://pty-flags.example/ff/signoff/v1',
    predicate,
  }
  return canonicalizeObject(statement)
}

export interface ParsedStatement {
  readonly statement: SignedStatement
  /** SHA-256 of the statement's bytes, by which it can be revoked. */
  readonly sha256: string
}

/**
 * Parses the base64url payload of signatures into the statement and its SHA-256; does not verify them. Refuses with
 * `statement_malformed` for no JSON or a breach of the schema, `duplicate_member`, or `payload_not_canonical` where it
 * is not in RFC 8785 form.
 */
export function parseStatement(
  payload: string,
  tools: SignoffDependencies,
): SignatureStep<ParsedStatement> {
  const bytes = tools.decode(payload)
  const text = bytes === null ? null : decodeUtf8OrNull(bytes)
  const read = text === null ? null : parseLosslessJson(text)
  if (read === null || !read.ok) return refuseStep('statement_malformed', 'not JSON')
  if (hasRepeatedMember(read.node))
    return refuseStep('duplicate_member', 'parsers disagree about which one counts')
  const form = canonicalize(read.node)
  if (!form.ok || form.text !== text)
    return refuseStep('payload_not_canonical', 'not in RFC 8785 form')
  const shaped = checkNodeShape('signoff_statement', read.node, tools.shape)
  return shaped.ok
    ? { ok: true, value: { statement: shaped.value, sha256: tools.sha256(form.text) } }
    : refuseStep('statement_malformed', shaped.detail)
}

export interface StatementContext extends ParsedStatement {
  readonly trust: { readonly file: TrustFile; readonly sha256: string }
  readonly present: PresentFacts
  readonly signed: readonly VerifiedSignature[]
  readonly now: Instant
}
type Check = (context: StatementContext, tools: SignoffDependencies) => SignoffFault | null

/**
 * The first reason that a statement does not count here and now (docs/reference/gate.md), or null: revocation,
 * withdrawal, trust version, target, attempt, bound files, end, evidence after a signature, missing attestations,
 * and last a no-go decision.
 */
export function findStatementFault(
  context: StatementContext,
  tools: SignoffDependencies,
): SignoffFault | null {
  for (const check of CHECKS) {
    const found = check(context, tools)
    if (found !== null) return found
  }
  return null
}

/** The code for a difference in each member of the identity; `attemptFault` handles the attempt, which has an order. */
const TARGET: readonly (readonly [
  member: Exclude<keyof SignedTarget, 'attempt'>,
  code: SignoffRefusalCode,
])[] = [
  ['environment', 'environment_differs'],
  ['cutover_id', 'cutover_differs'],
  ['database', 'database_changed'],
  ['schema_head', 'schema_changed'],
  ['code', 'code_changed'],
  ['config_digest', 'config_changed'],
  ['checklist_digest', 'checklist_changed'],
  ['build', 'build_changed'],
]
const CHANGED: Readonly<Record<BoundSubject, SignoffRefusalCode>> = {
  checklist: 'checklist_changed',
  waivers: 'waivers_changed',
  plan: 'plan_changed',
  rollback_triggers: 'triggers_changed',
  inputs: 'inputs_changed',
}

const CHECKS: readonly Check[] = [
  ({ sha256, trust }) =>
    trust.file.revoked.statements.some((one) => one.sha256 === sha256)
      ? makeFault('statement_revoked', sha256)
      : null,
  ({ sha256: statement, trust: { file: trust }, present, signed, now }, tools) =>
    findWithdrawalFault({ text: present.withdrawals, statement, signed, trust, now }, tools),
  findTrustFileFault,
  findTargetFault,
  findAttemptFault,
  findSubjectFault,
  ({ statement: { predicate }, now }) =>
    predicate.not_after > now ? null : makeFault('signoff_expired', predicate.not_after),
  findEvidenceFault,
  findAttestationFault,
  // Last, so that a person who is about to sign a no-go sees every other fault first.
  ({ statement: { predicate } }) =>
    predicate.decision === 'go'
      ? null
      : makeFault('decision_no_go', 'the signed decision is no-go'),
]

/** A trust file older than the signed one would undo changes, for example a revocation. */
function findTrustFileFault({ statement, trust }: StatementContext): SignoffFault | null {
  const { version, sha256 } = statement.predicate.trust
  if (version > trust.file.version)
    return makeFault(
      'trust_rolled_back',
      `signed under version ${version}, but the trust file is version ${trust.file.version}`,
    )
  return version === trust.file.version && sha256 !== trust.sha256
    ? makeFault('trust_forked', `two different files claim to be version ${version}`)
    : null
}

function findTargetFault({ statement, present }: StatementContext): SignoffFault | null {
  const { identity } = statement.predicate
  const found = TARGET.find(([member]) => identity[member] !== present.identity[member])
  if (found === undefined) return null
  const [member, code] = found
  return makeFault(
    code,
    `${member}: signed ${identity[member]}, now ${present.identity[member] ?? 'none'}`,
  )
}

/** A rollback raises the attempt, which ends the signatures of the previous attempt. */
function findAttemptFault({ statement, present }: StatementContext): SignoffFault | null {
  const signed = statement.predicate.identity.attempt
  const { attempt } = present.identity
  if (signed === attempt) return null
  return makeFault(
    signed < (attempt ?? 0) ? 'attempt_ended' : 'attempt_ahead',
    `signed for attempt ${signed}, now is ${attempt ?? 'unknown'}`,
  )
}

function findSubjectFault({ statement, present }: StatementContext): SignoffFault | null {
  for (const name of BOUND_SUBJECTS) {
    const named = statement.subject.filter((one) => one.name === name)
    if (named.length !== 1)
      return makeFault('subject_not_covered', `${name}: ${named.length} times`)
    if (named[0]?.digest.sha256 !== present.subjects[name])
      return makeFault(CHANGED[name], `${name} differs from the signed file`)
  }
  return null
}

/** A record that ended after the signature cannot have been reviewed by the signer. */
function findEvidenceFault({ statement, signed }: StatementContext): SignoffFault | null {
  for (const { person, signed_at } of signed) {
    const later = statement.predicate.seen.records.find(({ ended_at }) => ended_at > signed_at)
    if (later !== undefined)
      return makeFault('signed_before_evidence', `${person}: ${later.item} ended ${later.ended_at}`)
  }
  return null
}

function findAttestationFault({ signed, present }: StatementContext): SignoffFault | null {
  for (const { person, role, attests } of signed) {
    const missing = present.attestations[role].filter((one) => !attests.includes(one))
    if (missing.length > 0)
      return makeFault('attestation_missing', `${person}: ${missing.join(', ')}`)
  }
  return null
}
