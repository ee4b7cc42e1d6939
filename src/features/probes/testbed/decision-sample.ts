import { withAll } from '../../../concurrency/open-all.ts'
import { loadArtefact, packagedArtefact } from '../../../artefacts/load.ts'
import { toArtefactError } from '../../../artefacts/artefact-error.ts'
import type { BackingKind } from '../../../core/evaluate/types.ts'
import type { FieldRule } from '../../../core/parity/field-rules.ts'
import { answerToNode, compareParties, type SideAnswer } from '../../../core/parity/judge.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import { readLineKey } from '../../../core/row-format/row-line.ts'
import { FfError } from '../../../errors.ts'
import type { HttpClient } from '../../../ports/http.ts'
import { loadPersistence } from '../../migrate/load-persistence.ts'
import { evaluateOverHttp } from '../../parity/service-client.ts'
import type { ProbeContext } from '../framework/probe.ts'

/** A question whose answer has to be the same before and after a change of authority. */
export interface SampleQuestion {
  readonly flag_key: string
  readonly headers: Readonly<Record<string, string>>
}
type Answer = Exclude<SideAnswer, { status: 'unanswered' }>

/** The answers to the questions of a sample, in their order, and the side that they have to come from. */
export interface DecisionSample {
  readonly kind: BackingKind
  readonly answers: readonly Answer[]
}

const SAMPLED_FLAGS = 50

/** The keys of the first flags of a store, fifty at most. @throws the errors of opening and reading it */
export async function listSampledFlags(
  { root, adapters }: Pick<ProbeContext, 'root' | 'adapters'>,
  store: TargetSpec,
): Promise<readonly string[]> {
  const needs = await loadPersistence(root)
  return withAll([() => adapters.openRows(store, needs)], async (rows) => {
    const keys: string[] = []
    for await (const { table, bytes } of rows.lines()) {
      if (table !== 'flag_registry' || keys.length >= SAMPLED_FLAGS) break
      const lines = bytes.toString('utf8').trimEnd().split('\n')
      keys.push(...lines.flatMap((line) => readLineKey(table, line)?.key.flag_key ?? []))
    }
    return keys.slice(0, SAMPLED_FLAGS)
  })
}

/** A question is asked again at the next service where one gives no answer, so many times. */
const TRIES = 4

/**
 * Asks each question of the sample at one of the services.
 *
 * @throws FfError `proof_inconclusive` where no service answers one
 */
export async function sampleDecisions(
  clients: readonly HttpClient[],
  questions: readonly SampleQuestion[],
  kind: BackingKind,
): Promise<DecisionSample> {
  const answers: Answer[] = []
  for (const [at, question] of questions.entries())
    answers.push(await askInTurn(clients, question, at))
  return { kind, answers }
}

async function askInTurn(
  clients: readonly HttpClient[],
  { flag_key, headers }: SampleQuestion,
  at: number,
): Promise<Answer> {
  const credential = { token: null, dev_headers: null }
  const request = {
    flag_key,
    tenant_id: null,
    user_id: null,
    approval_ref: null,
    request_id: `sample-${at}`,
  }
  let why = ''
  for (let tried = 0; tried < TRIES; tried += 1) {
    const client = clients[(at + tried) % clients.length] as HttpClient
    const answer = await evaluateOverHttp(client, { credential, request, headers })
    if (answer.status !== 'unanswered') return answer
    why = answer.code
  }
  throw new FfError('proof_inconclusive', `No service decided ${flag_key}: ${why}.`, {
    hint: 'Run it again on a machine that does less at the same time.',
  })
}

/** When an answer was given says nothing about the decision. */
const TIME_FIELD = '/meta/evaluated_at'

/** The parity matrix, but for the time of an answer. @throws FfError `artefact_invalid` */
export async function loadSampleRules(root: string): Promise<readonly FieldRule[]> {
  const matrix = await loadArtefact(
    'cutover_parity_matrix',
    packagedArtefact(root, 'cutover_parity_matrix'),
  )
  if (!matrix.ok) throw toArtefactError(matrix.problems)
  return matrix.loaded.value.decision.map((rule) =>
    rule.pointer === TIME_FIELD ? { ...rule, rule: 'MAY_DIFFER' } : rule,
  )
}

/** The questions whose answers differ without loss by the parity matrix, each in words with the first field that does. */
export const listDiffering = (
  before: DecisionSample,
  after: DecisionSample,
  rules: readonly FieldRule[],
): readonly string[] =>
  before.answers.flatMap((answer, at) => {
    const [left, right] = [answer, after.answers[at]]
    if (right === undefined) return [`question ${at} was not asked again`]
    const { divergences } = compareParties(
      { node: answerToNode(left), kind: before.kind },
      { node: answerToNode(right), kind: after.kind },
      { rules, sides: 'baseline-candidate' },
    )
    const found = divergences.find((one) => one.class === 'blocker')
    return found === undefined
      ? []
      : [
          `question ${at}: ${found.pointer} was ${found.left ?? 'absent'}, then ${found.right ?? 'absent'}`,
        ]
  })
