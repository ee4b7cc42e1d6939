import { deriveCoverage } from '../../core/parity/coverage.ts'
import type { SideAnswer } from '../../core/parity/judge.ts'
import {
  type Scene,
  SCENE_TIME,
  type SceneQuestion,
  type SceneStep,
} from '../../core/parity/scene.ts'
import { type AnyRow, type RowsByTable, serializeRow } from '../../core/rows/rows.ts'
import { type FuzzCallers, toCredential, toQuestion } from './fuzz-callers.ts'

/** A question that the sides answer differently, with the rows at that moment. */
export interface EvaluatedCase {
  readonly ask: SceneQuestion
  readonly state: RowsByTable
  readonly given: Scene['given']
  readonly baseline: SideAnswer
}

/**
 * A test matrix, as an object for JSON, with the one vector `PF-01`: its rows, credential and request. Its expectation
 * `then` is the answer of the baseline without `meta.backing_state`, and is absent unless the baseline decided.
 */
export function toVectorFile(
  { ask, state, given, baseline }: EvaluatedCase,
  callers: FuzzCallers,
): object {
  const { approvals, admin } = given
  const { environment, fixture, mode, claims } = callers[ask.caller]
  const request = toQuestion(ask, callers)
  const { tenant_id, user_id } = claims ?? ask
  const author = { auth_mode: mode, tenant_id, user_id }
  const covers = deriveCoverage(
    { state, approvals, admin, now: SCENE_TIME, environment },
    author,
    request,
  )
  return {
    kind: 'parity_test_matrix',
    schemaVersion: 1,
    vectors: [
      {
        id: 'PF-01',
        title: 'Found by ff parity fuzz, and shrunk',
        use_cases: [],
        covers,
        given: {
          now: SCENE_TIME,
          environment,
          ...toRows(state),
          approvals,
          admin,
          credential: fixture === null ? toHeaders(ask, callers) : { fixture },
        },
        when: { request: withoutNulls(request) },
        // The baseline is the trusted side; a reader checks this answer before committing the vector.
        ...Object.fromEntries(
          baseline.status === 'decided' ? [['then', toExpectation(baseline.text)]] : [],
        ),
      },
    ],
  }
}

/**
 * A scene that no vector can hold, such as one with a write, as an object for JSON: the rows at its start, and each
 * step. The body of a write stays the text that was sent.
 */
export const toSceneFile = ({ given, steps }: Scene): object => ({
  kind: 'parity_fuzz_scene',
  given: {
    now: SCENE_TIME,
    ...toRows(given.state),
    approvals: given.approvals,
    admin: given.admin,
  },
  steps: steps.map(toStep),
})

/** Keeps the body of a write as the text that was sent: its spelling of numbers and members may be the cause. */
const toStep = ({ ask, write }: SceneStep): object => (ask === undefined ? { write } : { ask })

const toRows = (state: RowsByTable): object => ({
  flags: rowsToJson(state.flag_registry),
  tenant_overrides: rowsToJson(state.tenant_override),
  user_overrides: rowsToJson(state.user_override),
})
const rowsToJson = (held: readonly AnyRow[]): readonly unknown[] =>
  held.map((row) => JSON.parse(serializeRow(row)) as unknown)
const withoutNulls = (held: object): object =>
  Object.fromEntries(Object.entries(held).filter(([, value]) => value !== null))

function toHeaders(ask: SceneQuestion, callers: FuzzCallers): object | null {
  const { dev_headers } = toCredential(ask, callers)
  return dev_headers === null ? null : { dev_headers: withoutNulls(dev_headers) }
}

/** The envelope without `meta.backing_state`, in which the two sides always differ. */
function toExpectation(text: string): object {
  const { meta, ...rest } = JSON.parse(text) as { meta: Record<string, unknown> }
  const { backing_state: _, ...shared } = meta
  return { ...rest, meta: shared }
}
