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

/** One question with every input of its answer: credential, request, clock and environment. */
export interface EvaluationQuestion {
  readonly credential: Credential
  readonly request: VectorQuestion
  readonly now: Instant
  readonly environment: Environment
}
/** The parts that answer a question: the authenticator, the store and the approvals of Admin. */
export interface EvaluationDependencies {
  readonly store: FlagReader
  readonly authenticator: Authenticator
  readonly approvals: CheckApproval
}
/** The answer to one question, with the rows behind it. */
export interface EvaluatedAnswer {
  readonly answer: SideAnswer
  /** The rows that the decision used; null if the authenticator refused or the store failed. */
  readonly rows: RowsOfFlag | null
}

/** Evaluates one question; a store that fails is the answer `unanswered`, not an error. */
export type EvaluateQuestion = (
  dependencies: EvaluationDependencies,
  question: EvaluationQuestion,
) => Promise<EvaluatedAnswer>
/** The decision function: `evaluate` of the core, or a copy with a planted fault. */
export type Evaluate = typeof evaluate

/**
 * Authenticates the caller, reads the rows and decides; asks Admin for an approval only if rule 4 needs it. The answer
 * is `decided` with the decision as JSON text, `refused` with the code and HTTP status of the authenticator, or
 * `unanswered` with the code of an FfError of the store or Admin. `rows` is null unless it is `decided`.
 *
 * @throws errors of the authenticator, and any other error than FfError
 */
export const evaluateQuestion: EvaluateQuestion = (dependencies, question) =>
  evaluateQuestionWith(evaluate, dependencies, question)

/**
 * Answers a question with the given decision rules instead of those of the core: authenticates the caller, reads the
 * rows and decides, as `evaluateQuestion` does. The answer is `decided`, `refused` by the authenticator, or
 * `unanswered` with the code of an FfError of the store or Admin; `rows` is null unless it is `decided`. Writes
 * nothing.
 *
 * @throws errors of the authenticator, and any other error than FfError
 */
export async function evaluateQuestionWith(
  rules: Evaluate,
  dependencies: EvaluationDependencies,
  question: EvaluationQuestion,
): Promise<EvaluatedAnswer> {
  const principal = resolveNamedContext(
    await authenticate(dependencies.authenticator, question.credential, question),
    question.request,
  )
  if (isAuthRefusal(principal)) {
    return {
      answer: { status: 'refused', code: principal.refused, http: principal.http },
      rows: null,
    }
  }
  const { store } = dependencies
  const { request, now } = question
  const { tenant_id, user_id } = principal
  try {
    const rows = await store.read({ flag_key: request.flag_key, tenant_id, user_id })
    const input = { request, principal, rows, now, backing_state: store.kind }
    const decision = await decideWithApproval(rules, dependencies.approvals, input)
    return { answer: { status: 'decided', text: serializeDecision(decision) }, rows }
  } catch (error) {
    // A store that cannot be read yields no decision. Any other error is a bug and is thrown on.
    if (!(error instanceof FfError)) throw error
    return { answer: { status: 'unanswered', code: error.code }, rows: null }
  }
}

/**
 * Runs the rules, and once more with the answer of Admin if they ask for an approval. Returns the decision.
 *
 * @throws Error if the second run asks again; also errors of Admin
 */
export async function decideWithApproval(
  rules: Evaluate,
  approvals: CheckApproval,
  input: EvaluationInput,
): Promise<Decision> {
  const walk = rules(input)
  const { decision } = walk.ask === undefined ? walk : rules(input, await approvals(walk.ask))
  if (decision !== undefined) return decision
  throw new Error('the rules asked twice for the same approval')
}

/**
 * A fake Admin that answers each query from the approvals of a vector or a cell; it answers `unreachable` to every
 * query if `admin` is `unreachable`. Never rejects.
 */
export const toApprovalCheck =
  ({ admin, approvals }: Pick<VectorInput, 'admin' | 'approvals'>): CheckApproval =>
  (question) =>
    Promise.resolve(
      admin === 'unreachable' ? { status: 'unreachable' } : answerApproval(approvals, question),
    )

/**
 * Authenticates one credential. Returns the principal, or a refusal with its code and HTTP status. A token, valid or
 * not, takes precedence over dev headers; only a credential without a token is judged by the environment alone.
 *
 * @throws errors of the verifier
 */
export async function authenticate(
  { rules, verifier }: Authenticator,
  credential: Credential,
  at: VerificationTime,
): Promise<AuthResult> {
  return credential.token === null
    ? authenticateWithoutToken(credential, at.environment, rules)
    : verifier.verify(credential.token, at)
}
