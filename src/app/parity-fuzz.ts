import type { Fixture } from '../artefacts/vectors.ts'
import { byContract } from '../core/auth/contract.ts'
import { readJson } from '../core/json/read.ts'
import { comparerFaults } from '../core/parity/comparer-controls.ts'
import {
  type Answer,
  answerNode,
  type Divergence,
  judge,
  type Party,
} from '../core/parity/judge.ts'
import { type Scene, SCENE_TIME, type SceneAsk } from '../core/parity/scene.ts'
import type { CheckReport } from '../core/report/types.ts'
import type { FlagRow, State } from '../core/state/rows.ts'
import { FfError } from '../errors.ts'
import type { Scratch } from '../ports.ts'
import { approvalsOf, type Ask } from './ask.ts'
import { type Checked, checkReport, passed } from './check-report.ts'
import { type Callers, credentialOf, requestOf } from './fuzz-callers.ts'
import { vectorOf } from './fuzz-vector.ts'
import { loadOrThrow, type ParityRequest, withSides } from './parity.ts'
import type { ParityInputs } from './parity-inputs.ts'
import type { Sides } from './run-parity.ts'
import { HONEST, type Workings } from './workings.ts'

export interface FuzzRequest extends ParityRequest {
  readonly runs: number
  readonly seed: number
  readonly timeMs: number | null
  /** Told how many scenes are done. */
  readonly progress: (done: number, of: number) => void
}
/** `ff parity fuzz`: scenes at random on both sides; a divergence is made as small as it gets. */
export async function parityFuzz(request: FuzzRequest): Promise<CheckReport> {
  const { adapters, root } = request
  const inputs = await loadOrThrow(root, [])
  const settings = byContract(inputs.auth.value, inputs.fixtures.value)
  const fixture = (id: string): Fixture =>
    inputs.fixtures.value.fixtures.find((one) => one.id === id) as Fixture
  const [verified, unverified] = [fixture('JWT-EX-01'), fixture('JWT-EX-02')]
  const doors = await Promise.all([
    adapters.openDoor(verified.jwks, settings),
    adapters.openDoor(unverified.jwks, settings),
    adapters.openDoor(null, settings),
  ])
  const [up, down, without] = doors
  const nobody = { door: without, token: null, fixture: null }
  const callers: Callers = {
    verified: { door: up, token: verified.token, fixture: verified.id, environment: 'prod' },
    'decode-only': {
      door: down,
      token: unverified.token,
      fixture: unverified.id,
      environment: 'dev+H',
    },
    'dev-headers': { ...nobody, environment: 'dev+H' },
    none: { ...nobody, environment: 'prod' },
  }
  try {
    return await withSides(request, inputs, (sides) =>
      runFuzz(request, inputs, { sides, workings: HONEST, callers }),
    )
  } finally {
    await Promise.all(doors.map((door) => door.close()))
  }
}

export interface FuzzBench {
  readonly sides: Sides
  readonly workings: Workings
  readonly callers: Callers
}
/** What gave a scene away: the question, the field, and what either side says there. */
interface Miss {
  readonly kind: 'divergence' | 'metamorphic'
  readonly ask: SceneAsk
  readonly at: Pick<Divergence, 'pointer' | 'left' | 'right'>
  readonly baseline: Answer
}

export async function runFuzz(
  { adapters, runs, seed, timeMs, signal, now, progress }: FuzzRequest,
  inputs: ParityInputs,
  bench: FuzzBench,
): Promise<CheckReport> {
  const player = new Player(bench, inputs)
  const started = now()
  let done = 0
  let miss: Miss | null = null
  const { played, smallest } = await adapters.searchScenes(
    async (scene) => {
      const found = await player.play(scene)
      miss = found ?? miss
      done += 1
      progress(Math.min(done, runs), runs)
      return found !== null
    },
    { runs, seed, timeMs, stopped: () => signal.aborted },
  )
  if (signal.aborted)
    throw new FfError(signal.reason as 'interrupted', 'The fuzz was ended before it was done.', {
      hint: `Run it again; --seed ${seed} begins with the same scenes.`,
    })
  const what = `${played} scenes of seed ${seed}, ${player.compared} decisions compared`
  const item = passed('decisions', what)
  const twins = passed(
    'metamorphic',
    `${player.twins} decisions among rows that do not concern them`,
  )
  const controls = [comparerControl(bench.workings), player.control()]
  const timing = timed(started, now(), player.compared + player.twins)
  if (smallest === null || miss === null) {
    const empty = player.compared === 0 || player.twins === 0
    const idle: Checked = { ...item, state: 'inconclusive', next: 'Give more --runs or --time.' }
    return checkReport('parity_fuzz', [...(empty ? [idle] : [item, twins]), ...controls], {
      timing,
    })
  }
  return checkReport('parity_fuzz', [failed(miss, { item, twins, seed }), ...controls], {
    counterexample: vectorOf(smallest, miss, bench.callers),
    timing,
  })
}

/** A comparer that is blind finds nothing in any scene. */
function comparerControl({ compare }: Workings): Checked {
  const item = passed('control.comparer', 'pairs whose answer is known')
  const faults = comparerFaults(compare)
  if (faults.length === 0) return item
  const findings = faults.map((detail) => ({ code: 'control_not_held', pointer: null, detail }))
  return { ...item, state: 'inconclusive', findings }
}

function timed(from: Date, to: Date, decisions: number): NonNullable<CheckReport['timing']> {
  const duration_ms = to.getTime() - from.getTime()
  const decisions_per_second = Math.round((decisions * 1000) / Math.max(duration_ms, 1))
  return { started_at: from.toISOString(), duration_ms, ms: {}, decisions_per_second }
}

function failed(
  { kind, at }: Miss,
  { item, twins, seed }: { readonly item: Checked; readonly twins: Checked; readonly seed: number },
): Checked {
  const { pointer, left, right } = at
  return {
    ...(kind === 'divergence' ? item : twins),
    state: 'fail',
    findings: [{ code: kind, pointer, detail: `${left ?? 'absent'} | ${right ?? 'absent'}` }],
    next: `ff parity fuzz --seed ${seed} finds it again; the vector below is the smallest case of it.`,
  }
}

/** What both sides said to one question. */
interface Pair {
  readonly ask: SceneAsk
  readonly baseline: Answer
  readonly candidate: Answer
}

/** Plays scenes on both sides, one after the other. */
class Player {
  /** Pairs of answers in which somebody decided: two refusals say little. */
  compared = 0
  twins = 0
  /** Questions put to one side twice, and those of them that it answered in two ways. */
  private twice = 0
  private noise = 0
  private readonly bench: FuzzBench
  private readonly rules: ParityInputs['contract']['value']['decision']

  constructor(bench: FuzzBench, inputs: ParityInputs) {
    this.bench = bench
    this.rules = inputs.contract.value.decision
  }

  /** @returns the first thing in which the sides differ, or in which rows count that must not */
  async play(scene: Scene): Promise<Miss | null> {
    const { sides, workings } = this.bench
    const { state } = scene.given
    await Promise.all([sides.baseline.store.load(state), sides.candidate.store.load(state)])
    const pairs = await Promise.all(
      scene.asks.map(async (ask) => {
        const [baseline, candidate] = await Promise.all([
          this.put(scene, ask, { side: sides.baseline, by: workings.ask.baseline }),
          this.put(scene, ask, { side: sides.candidate, by: workings.ask.candidate }),
        ])
        return { ask, baseline, candidate }
      }),
    )
    this.compared += pairs.filter(
      ({ baseline, candidate }) => baseline.status === 'decided' || candidate.status === 'decided',
    ).length
    await this.askAgain(scene, pairs)
    for (const { ask, baseline, candidate } of pairs) {
      const at = this.differs(sides.baseline, baseline, {
        side: sides.candidate,
        answer: candidate,
      })
      if (at !== null) return { kind: 'divergence', ask, at, baseline }
    }
    return this.playTwin(scene, pairs)
  }

  /** The A/A control (page 4): each side against itself, on the first question of the scene. */
  private async askAgain(scene: Scene, [first]: readonly Pair[]): Promise<void> {
    if (first === undefined) return
    const { sides, workings } = this.bench
    for (const name of ['baseline', 'candidate'] as const) {
      const side = sides[name]
      const answer = await this.put(scene, first.ask, { side, by: workings.ask[name] })
      this.twice += 1
      if (this.differs(side, first[name], { side, answer }) !== null) this.noise += 1
    }
  }

  /** Whether the sides agreed with themselves; nobody asked twice is no control. */
  control(): Checked {
    const item = passed('control.a_a', `${this.twice} questions put to one side twice`)
    if (this.noise === 0 && this.twice > 0) return item
    const detail = `${this.noise} were answered in two ways`
    const findings = [{ code: 'control_not_held', pointer: null, detail }]
    return { ...item, state: 'inconclusive', findings }
  }

  /** The same questions among rows of other flags, tenants and users, all in another order. */
  private async playTwin(scene: Scene, pairs: readonly Pair[]): Promise<Miss | null> {
    const { sides, workings } = this.bench
    const side = sides.candidate
    await side.store.load(crowded(scene.given.state))
    const again = await Promise.all(
      pairs.map(({ ask }) => this.put(scene, ask, { side, by: workings.ask.candidate })),
    )
    this.twins += again.length
    for (const [index, { ask, baseline, candidate }] of pairs.entries()) {
      const at = this.differs(side, candidate, { side, answer: again[index] as Answer })
      if (at !== null) return { kind: 'metamorphic', ask, at, baseline }
    }
    return null
  }

  private differs(
    left: Scratch,
    answer: Answer,
    right: { readonly side: Scratch; readonly answer: Answer },
  ): Miss['at'] | null {
    const terms = { rules: this.rules, compare: this.bench.workings.compare } as const
    const { divergences } = judge(partyOf(left, answer), partyOf(right.side, right.answer), {
      ...terms,
      sides: 'baseline-candidate',
    })
    return divergences.find((one) => one.class === 'blocker') ?? null
  }

  /** @throws FfError `backing_unavailable` where the side gave no answer: that is no decision */
  private async put(
    { given }: Scene,
    ask: SceneAsk,
    { side, by }: { readonly side: Scratch; readonly by: Ask },
  ): Promise<Answer> {
    const { door, environment } = this.bench.callers[ask.mode]
    const { store } = side
    const counter = {
      store,
      door,
      approvals: approvalsOf({ ...given, now: SCENE_TIME, environment }),
    }
    const { answer } = await by(counter, {
      credential: credentialOf(ask, this.bench.callers),
      request: requestOf(ask),
      now: SCENE_TIME,
      environment,
    })
    if (answer.status !== 'unanswered') return answer
    throw new FfError('backing_unavailable', `A side gave no answer: ${answer.code}.`, {
      hint: 'Check the server and run again.',
    })
  }
}

/** As it was said; what is no JSON differs from everything. */
function partyOf({ store }: Scratch, answer: Answer): Party {
  if (answer.status === 'unanswered') throw new Error('an answer that was not given is compared')
  const read = answer.status === 'decided' ? readJson(answer.text) : null
  const node =
    read?.ok === false ? `no JSON: ${(answer as { text: string }).text}` : answerNode(answer)
  return { node, kind: store.kind }
}

/** Rows that concern nobody in a scene, and every list backwards. */
function crowded(state: State): State {
  const stranger = { tenant_id: 'T-stranger', user_id: 'U-stranger' }
  const strangers = state.flag_registry
    .slice(0, 1)
    .map((flag): FlagRow => ({ ...flag, flag_key: 'ff.stranger' }))
  const extra = state.flag_registry.map(
    ({ flag_key, safe_value: value, created_at, updated_at }) => {
      return {
        flag_key,
        value,
        created_by: 'fuzz',
        updated_by: 'fuzz',
        revision: 9,
        created_at,
        updated_at,
      }
    },
  )
  return {
    flag_registry: [...strangers, ...state.flag_registry].toReversed(),
    tenant_override: [
      ...state.tenant_override,
      ...extra.map((row) => ({ tenant_id: stranger.tenant_id, ...row })),
    ].toReversed(),
    user_override: [
      ...state.user_override,
      ...extra.map((row) => ({ user_id: stranger.user_id, ...row })),
    ].toReversed(),
  }
}
