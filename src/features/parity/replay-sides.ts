import type { RecordedRequest } from '../../artefacts/replay-requests.ts'
import { closeAfter, withAll } from '../../concurrency/open-all.ts'
import { answerApproval } from '../../core/evaluate/approvals.ts'
import type { BackingKind } from '../../core/evaluate/types.ts'
import { readBacking } from '../../core/parity/envelope.ts'
import type { FieldRule } from '../../core/parity/field-rules.ts'
import { isSameService, type TargetSpec } from '../../core/parity/target.ts'
import type { ReportSide } from '../../core/report/types.ts'
import { FfError } from '../../errors.ts'
import type { CheckApproval } from '../../ports/admin.ts'
import type { HttpClient } from '../../ports/http.ts'
import type { LiveStore } from '../../ports/store.ts'
import type { EvaluateQuestion, EvaluatedAnswer } from '../evaluation/answer-question.ts'
import { settingsFromContract } from '../../core/auth/contract.ts'
import { FixtureAuthenticators } from '../tokens/fixture-authenticators.ts'
import type { ParityRequest } from './parity.ts'
import type { ParityInputs } from './parity-inputs.ts'
import { evaluateOverHttp } from './service-client.ts'
import { makeSameSidesError } from './resolve-target.ts'
import { PRODUCTION } from './dependencies.ts'

/** One side of a replay: a store or a service; read only. */
export interface ReplaySide {
  /** The facts known so far; the backing of a service is null until its first decision. */
  readonly facts: ReportSide
  ask(recorded: RecordedRequest): Promise<EvaluatedAnswer>
}
export interface ReplaySides {
  readonly baseline: ReplaySide
  readonly candidate: ReplaySide
  /** Field rules in addition to the contract; empty for two stores. */
  readonly rules: readonly FieldRule[]
}
type Services = Readonly<Record<'baseline' | 'candidate', Extract<TargetSpec, { kind: 'http' }>>>

/**
 * Both sides as services; null if both are stores. Opens nothing.
 *
 * @throws FfError `target_invalid` for one service and one store, or for the same service twice
 */
export function parseServices({
  baseline,
  candidate,
}: Pick<ParityRequest, 'baseline' | 'candidate'>): Services | null {
  if (baseline.kind === 'http' && candidate.kind === 'http') {
    if (isSameService(baseline, candidate)) throw makeSameSidesError('service')
    return { baseline, candidate }
  }
  if (baseline.kind !== 'http' && candidate.kind !== 'http') return null
  throw new FfError(
    'target_invalid',
    'Cannot replay against a service and a store: a service has its own clock, keys and approvals.',
    { hint: 'Start ff serve on the store, and name the URL of that service instead.' },
  )
}

/** Two services have two clocks, and a request cannot set them. */
const SERVICE_RULES: readonly FieldRule[] = [
  {
    pointer: '/meta/evaluated_at',
    rule: 'MAY_DIFFER',
    why: 'Each service decides by its own clock.',
  },
]

/**
 * Opens an HTTP client for each service, and closes both after `use`. A service that answers 200 without an envelope
 * gives `unanswered` with `no_envelope`. The sides bring the field rule that `/meta/evaluated_at` may differ. Returns
 * the result of `use`.
 *
 * @throws errors of an opening and of `use`
 */
export function withServices<T>(
  { baseline, candidate }: Services,
  { adapters }: Pick<ParityRequest, 'adapters'>,
  use: (sides: ReplaySides) => Promise<T>,
): Promise<T> {
  const open = (spec: Services['baseline']) => async () => {
    const client = await adapters.openClient(spec.origin)
    const side = new ServiceSide(client)
    return { side, close: () => client.close() }
  }
  return withAll([open(baseline), open(candidate)], (b, c) =>
    use({ baseline: b.side, candidate: c.side, rules: SERVICE_RULES }),
  )
}

class ServiceSide implements ReplaySide {
  private readonly client: HttpClient
  /** Backing that the first decision named; a later decision that names another is a difference. */
  private backing: BackingKind | null = null

  constructor(client: HttpClient) {
    this.client = client
  }

  get facts(): ReportSide {
    return { target: this.client.origin, backing: this.backing, server: null }
  }

  async ask({ request, credential }: RecordedRequest): Promise<EvaluatedAnswer> {
    const answer = await evaluateOverHttp(this.client, { request, credential })
    if (answer.status !== 'decided') return { answer, rows: null }
    // A 200 that is no envelope, such as a login page, is not a decision: two equal ones must not pass.
    const backing = readBacking(answer.text, request)
    if (backing === null)
      return { answer: { status: 'unanswered', code: 'no_envelope' }, rows: null }
    this.backing ??= backing
    return { answer, rows: null }
  }
}

/**
 * Opens both live stores, the baseline first: an `embedded` candidate gets a copy of its rows. Closes both, and the
 * authenticators of the fixtures, after `use`. The sides bring no further field rule. Returns the result of `use`.
 *
 * @throws FfError `target_invalid` if both sides are the same store; also errors of an opening and of `use`
 */
export function withStores<T>(
  { baseline, candidate, adapters }: ParityRequest,
  { migrations, persistence, auth, fixtures }: ParityInputs,
  use: (sides: ReplaySides) => Promise<T>,
): Promise<T> {
  const needs = { migrations, versions: persistence.value.postgres }
  return closeAfter(async (keep) => {
    const authenticators = new FixtureAuthenticators(
      adapters,
      settingsFromContract(auth.value, fixtures.value),
      keep,
    )
    const first = await keep(adapters.openLiveStore(baseline, { ...needs, copied: null }))
    const copied = () => first.state()
    const second = await keep(adapters.openLiveStore(candidate, { ...needs, copied }))
    if (first.identity === second.identity) throw makeSameSidesError('store')
    return use({
      baseline: createStoreReplaySide(first, { ask: PRODUCTION.ask.baseline, authenticators }),
      candidate: createStoreReplaySide(second, { ask: PRODUCTION.ask.candidate, authenticators }),
      rules: [],
    })
  })
}

const createStoreReplaySide = (
  { store, facts }: LiveStore,
  {
    ask,
    authenticators,
  }: { readonly ask: EvaluateQuestion; readonly authenticators: FixtureAuthenticators },
): ReplaySide => ({
  facts,
  ask: async (recorded) => {
    const { request, credential, now, environment } = recorded
    const authenticator = await authenticators.open(credential.fixture)
    const dependencies = { store, authenticator, approvals: createAdmin(recorded) }
    return ask(dependencies, { credential, request, now, environment })
  },
})

/** A fake Admin with the approvals of the line; unreachable if the line has none. */
const createAdmin =
  ({ approvals }: RecordedRequest): CheckApproval =>
  (question) =>
    Promise.resolve(
      approvals === null ? { status: 'unreachable' } : answerApproval(approvals, question),
    )
