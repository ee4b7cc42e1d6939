import { authenticateWithoutToken, resolveNamedContext } from '../../core/auth/authenticate.ts'
import {
  type AuthResult,
  type Credential,
  type Environment,
  isAuthRefusal,
} from '../../core/auth/types.ts'
import { answerApproval } from '../../core/evaluate/approvals.ts'
import { serializeDecision } from '../../core/evaluate/decision-text.ts'
import { evaluate } from '../../core/evaluate/evaluate.ts'
import type { Decision, EvaluationInput } from '../../core/evaluate/types.ts'
import type { SideAnswer } from '../../core/parity/judge.ts'
import type { VectorInput, VectorQuestion } from '../../core/parity/vector.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { RowsOfFlag } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { CheckApproval } from '../../ports/admin.ts'
import type { Authenticator, VerificationTime } from '../../ports/auth.ts'
import type { FlagReader } from '../../ports/store.ts'

/** One question with everything that the answer may depend on. */
export interface EvaluationQuestion {
  readonly credential: Credential
  readonly request: VectorQuestion
  readonly now: Instant
  readonly environment: Environment
}
/** What a question is put to: a store, behind the door and beside Admin. */
export interface EvaluationDependencies {
  readonly store: FlagReader
  readonly authenticator: Authenticator
  readonly approvals: CheckApproval
}
export interface EvaluatedAnswer {
  readonly answer: SideAnswer
  /** Null where the door refused, or the store could not be read. */
  readonly rows: RowsOfFlag | null
}

export type EvaluateQuestion = (
  counter: EvaluationDependencies,
  question: EvaluationQuestion,
) => Promise<EvaluatedAnswer>
/** The rules of a decision, as the core has them or with a fault in them. */
export type Evaluate = typeof evaluate

/** Puts one question: through the door, to the rows, past Admin if rule 4 wants it, to a decision. */
export const evaluateQuestion: EvaluateQuestion = (counter, question) =>
  evaluateQuestionWith(evaluate, counter, question)

export async function evaluateQuestionWith(
  rules: Evaluate,
  counter: EvaluationDependencies,
  question: EvaluationQuestion,
): Promise<EvaluatedAnswer> {
  const principal = resolveNamedContext(
    await authenticate(counter.authenticator, question.credential, question),
    question.request,
  )
  if (isAuthRefusal(principal)) {
    return {
      answer: { status: 'refused', code: principal.refused, http: principal.http },
      rows: null,
    }
  }
  const { store } = counter
  const { request, now } = question
  const { tenant_id, user_id } = principal
  try {
    const rows = await store.read({ flag_key: request.flag_key, tenant_id, user_id })
    const facts = { request, principal, rows, now, backing_state: store.kind }
    const decision = await decideWithApproval(rules, counter.approvals, facts)
    return { answer: { status: 'decided', text: serializeDecision(decision) }, rows }
  } catch (error) {
    // A store that cannot be read is no decision (page 1); anything else is a bug and goes on up.
    if (!(error instanceof FfError)) throw error
    return { answer: { status: 'unanswered', code: error.code }, rows: null }
  }
}

/** Past Admin, if rule 4 wants it, to a decision. */
export async function decideWithApproval(
  rules: Evaluate,
  approvals: CheckApproval,
  facts: EvaluationInput,
): Promise<Decision> {
  const walk = rules(facts)
  const { decision } = walk.ask === undefined ? walk : rules(facts, await approvals(walk.ask))
  if (decision !== undefined) return decision
  throw new Error('the rules asked for an approval that they had been given')
}

/** Admin as a vector or a cell gives it. */
export const toApprovalCheck =
  ({ admin, approvals }: Pick<VectorInput, 'admin' | 'approvals'>): CheckApproval =>
  (question) =>
    Promise.resolve(
      admin === 'unreachable' ? { status: 'unreachable' } : answerApproval(approvals, question),
    )

/** Through the door. A token that is present wins over dev headers, whatever becomes of it (page 2). */
export async function authenticate(
  { rules, verifier }: Authenticator,
  credential: Credential,
  at: VerificationTime,
): Promise<AuthResult> {
  return credential.token === null
    ? authenticateWithoutToken(credential, at.environment, rules)
    : verifier.verify(credential.token, at)
}
