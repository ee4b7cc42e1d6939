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

/** Who answers recorded requests, and is never written to. */
export interface ReplaySide {
  /** As far as it is known by now. */
  readonly facts: ReportSide
  ask(recorded: RecordedRequest): Promise<EvaluatedAnswer>
}
export interface ReplaySides {
  readonly baseline: ReplaySide
  readonly candidate: ReplaySide
  /** What holds beside the contract, where the sides are no stores of ours. */
  readonly rules: readonly FieldRule[]
}
type Services = Readonly<Record<'baseline' | 'candidate', Extract<TargetSpec, { kind: 'http' }>>>

/** @throws FfError `target_invalid` where one is a service and the other is none, or both are the same one */
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
    'One side is a service, which has a clock, keys and approvals of its own, and the other is a store, which has none.',
    { hint: 'Start ff serve on the store, and name its URL.' },
  )
}

/** Two services have two clocks, and no request can set them. */
const SERVICE_RULES: readonly FieldRule[] = [
  {
    pointer: '/meta/evaluated_at',
    rule: 'MAY_DIFFER',
    why: 'Each service decides by its own clock.',
  },
]

/** Two services as their callers meet them. */
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
  /** What its first decision said; another one later is a difference. */
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
    // Two pages for a person to sign in at are alike, and no decisions.
    const backing = readBacking(answer.text, request)
    if (backing === null)
      return { answer: { status: 'unanswered', code: 'no_envelope' }, rows: null }
    this.backing ??= backing
    return { answer, rows: null }
  }
}

/**
 * Both stores as they stand, the baseline first: a private candidate is filled with its rows. All closes at the end.
 *
 * @throws FfError `target_invalid` where both are the same one
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
      baseline: storeSide(first, { ask: PRODUCTION.ask.baseline, authenticators }),
      candidate: storeSide(second, { ask: PRODUCTION.ask.candidate, authenticators }),
      rules: [],
    })
  })
}

const storeSide = (
  { store, facts }: LiveStore,
  {
    ask,
    authenticators,
  }: { readonly ask: EvaluateQuestion; readonly authenticators: FixtureAuthenticators },
): ReplaySide => ({
  facts,
  ask: async (recorded) => {
    const { request, credential, now, environment } = recorded
    const authenticator = await authenticators.of(credential.fixture)
    const counter = { store, authenticator, approvals: createAdmin(recorded) }
    return ask(counter, { credential, request, now, environment })
  },
})

/** Admin as the line has it; one that was not recorded cannot be reached. */
const createAdmin =
  ({ approvals }: RecordedRequest): CheckApproval =>
  (question) =>
    Promise.resolve(
      approvals === null ? { status: 'unreachable' } : answerApproval(approvals, question),
    )
