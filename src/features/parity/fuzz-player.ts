import { parseLosslessJson } from '../../core/json/read.ts'
import {
  type SideAnswer,
  answerToNode,
  type Divergence,
  compareParties,
  type ComparedParty,
} from '../../core/parity/judge.ts'
import { withUnrelatedRows } from '../../core/parity/unrelated-rows.ts'
import { WrittenRows } from '../../core/parity/ledger.ts'
import { serializeNode } from '../../core/parity/node-text.ts'
import {
  type Scene,
  SCENE_TIME,
  type SceneQuestion,
  type SceneWrite,
} from '../../core/parity/scene.ts'
import {
  outcomeToNode,
  storedToNode,
  type WriteOutcome,
  buildWriteRequest,
} from '../../core/parity/scene-write.ts'
import type { JsonNode } from '../../core/json/read.ts'
import type { RowsByTable } from '../../core/rows/rows.ts'
import type { WriteRequest } from '../../core/rows/write-request.ts'
import { FfError } from '../../errors.ts'
import type { OpenScratchStore } from '../../ports/store.ts'
import { toApprovalCheck, type EvaluateQuestion } from '../evaluation/answer-question.ts'
import { type FuzzCallers, toCredential, toQuestion } from './fuzz-callers.ts'
import {
  type Exemption,
  type FieldRule,
  findFieldRule,
  listExemptions,
} from '../../core/parity/field-rules.ts'
import { readWrittenRow, toOutcome, toRounds } from './fuzz-rounds.ts'
import type { ScratchSides } from './run-parity.ts'
import type { ParityDependencies } from './dependencies.ts'

/** Sides, dependencies and callers of a fuzz run. */
export interface FuzzContext {
  readonly sides: ScratchSides
  readonly dependencies: ParityDependencies
  readonly callers: FuzzCallers
}
/** The first divergence of a scene: its step, its field and both values. */
export interface FuzzMiss {
  /** Differs: a decision, the outcome of a write, the row after it; or unrelated rows change an answer. */
  readonly kind: 'divergence' | 'write_differs' | 'row_differs' | 'metamorphic'
  readonly at: Pick<Divergence, 'pointer' | 'left' | 'right'>
  /** Null where the step is a write. */
  readonly evaluated: { readonly ask: SceneQuestion; readonly baseline: SideAnswer } | null
  /** The rows at that moment, and the writes before it. */
  readonly state: RowsByTable
  readonly written: readonly SceneWrite[]
}
type FoundMiss = Pick<FuzzMiss, 'kind' | 'at' | 'evaluated'>

/** The answers of both sides to one question. */
interface Pair {
  readonly ask: SceneQuestion
  readonly baseline: SideAnswer
  readonly candidate: SideAnswer
}
/** A write as it was sent, and its outcome on the candidate. */
interface WrittenStep {
  readonly request: WriteRequest
  readonly outcome: WriteOutcome
}
/** Questions of one parallel round, or one write. */
type Turn = { readonly pairs: readonly Pair[] } | { readonly written: WrittenStep }

/** Progress of one scene. */
interface ScenePlay {
  readonly scene: Scene
  readonly ledger: WrittenRows
  readonly turns: Turn[]
  readonly written: SceneWrite[]
}

/** Plays scenes on both sides, one after the other. */
export class ScenePlayer {
  /** Pairs in which at least one side decided; two refusals compare no decision. */
  compared = 0
  writes = 0
  twins = 0
  /** Questions that one side answered twice, and how many of them got two different answers (`noise`). */
  twice = 0
  noise = 0
  private readonly context: FuzzContext
  private readonly rules: readonly FieldRule[]
  private readonly exempted = new Map<string, number>()

  constructor(context: FuzzContext, rules: readonly FieldRule[]) {
    this.context = context
    this.rules = rules
  }

  /**
   * Loads the rows of a scene into both stores, puts each question and write to both, and then plays it on the
   * candidate again among unrelated rows. Adds to the counts. Returns the first divergence, with the rows and the
   * writes before it; null if there is none.
   *
   * @throws FfError `backing_unavailable` if a side gives no answer; also errors of a store, except a write refused
   *   with `row_refused`
   */
  async play(scene: Scene): Promise<FuzzMiss | null> {
    const { baseline, candidate } = this.context.sides
    const { state } = scene.given
    await Promise.all([baseline.store.load(state), candidate.store.load(state)])
    const playing = { scene, ledger: new WrittenRows(state), turns: [], written: [] }
    const found = (await this.playSteps(playing)) ?? (await this.playTwin(playing))
    if (found === null) return null
    return { ...found, state: playing.ledger.state(), written: playing.written }
  }

  /** Whether each proof has compared something: decisions, writes and decisions among unrelated rows. */
  hasComparedAll(): boolean {
    return this.compared > 0 && this.writes > 0 && this.twins > 0
  }

  /** The rules other than MUST_MATCH, each with the number of differences that it expected or allowed. */
  exemptions(): readonly Exemption[] {
    return listExemptions(this.rules, this.exempted)
  }

  private async playSteps(playing: ScenePlay): Promise<FoundMiss | null> {
    for (const { write, asks } of toRounds(playing.scene)) {
      const request = write === null ? null : this.toRequest(playing, write)
      const refused = request === null ? null : await this.compareWrite(playing, request)
      if (refused !== null) return refused
      // No write is in flight here, so the row can be read back in parallel with the questions.
      const [row, answer] = await Promise.all([
        request === null ? null : this.readBack(request),
        asks.length === 0 ? null : this.evaluateAll(playing, asks),
      ])
      if (row !== null || answer !== null) return row ?? answer
    }
    return null
  }

  private async evaluateAll(
    { scene, turns }: ScenePlay,
    asks: readonly SceneQuestion[],
  ): Promise<FoundMiss | null> {
    const { sides, dependencies } = this.context
    const pairs = await Promise.all(
      asks.map(async (ask): Promise<Pair> => {
        const [baseline, candidate] = await Promise.all([
          this.evaluate(scene, ask, { side: sides.baseline, by: dependencies.ask.baseline }),
          this.evaluate(scene, ask, { side: sides.candidate, by: dependencies.ask.candidate }),
        ])
        return { ask, baseline, candidate }
      }),
    )
    this.compared += pairs.filter(hasDecision).length
    if (turns.every((turn) => !('pairs' in turn))) await this.runControl(scene, pairs)
    turns.push({ pairs })
    for (const { ask, baseline, candidate } of pairs) {
      const at = this.findDivergence(sides.baseline, baseline, {
        side: sides.candidate,
        answer: candidate,
      })
      if (at !== null) return { kind: 'divergence', at, evaluated: { ask, baseline } }
    }
    return null
  }

  /** A/A control: compares each side with itself, on the first question of the scene. */
  private async runControl(scene: Scene, [first]: readonly Pair[]): Promise<void> {
    if (first === undefined) return
    const { sides, dependencies } = this.context
    const again = async (name: keyof ScratchSides): Promise<void> => {
      const side = sides[name]
      const answer = await this.evaluate(scene, first.ask, { side, by: dependencies.ask[name] })
      this.twice += 1
      if (this.findDivergence(side, first[name], { side, answer }) !== null) this.noise += 1
    }
    await Promise.all([again('baseline'), again('candidate')])
  }

  private toRequest({ scene, ledger, written }: ScenePlay, write: SceneWrite): WriteRequest {
    written.push(write)
    return buildWriteRequest(write, scene.given, ledger.get(write.table, write.key))
  }

  /** Sends one write to both sides and compares the outcomes. */
  private async compareWrite(
    { ledger, turns }: ScenePlay,
    request: WriteRequest,
  ): Promise<FoundMiss | null> {
    const { baseline, candidate } = this.context.sides
    const [ours, theirs] = await Promise.all([
      toOutcome(baseline, request),
      toOutcome(candidate, request),
    ])
    this.writes += 1
    turns.push({ written: { request, outcome: theirs } })
    const at = this.findDifference(outcomeToNode(ours), outcomeToNode(theirs))
    if (at !== null) return { kind: 'write_differs', at, evaluated: null }
    if ('ok' in ours && ours.ok) ledger.put(request.table, ours.row)
    return null
  }

  /** Compares the rows of both sides under the key of a write. */
  private async readBack(request: WriteRequest): Promise<FoundMiss | null> {
    const { baseline, candidate } = this.context.sides
    const [here, there] = await Promise.all([
      readWrittenRow(baseline, request),
      readWrittenRow(candidate, request),
    ])
    const at = this.findDifference(storedToNode(here), storedToNode(there))
    return at === null ? null : { kind: 'row_differs', at, evaluated: null }
  }

  /** Plays the scene again on the candidate, among rows of other flags, tenants and users, in another order. */
  private async playTwin({ scene, turns }: ScenePlay): Promise<FoundMiss | null> {
    const { sides, dependencies } = this.context
    const side = sides.candidate
    await side.store.load(withUnrelatedRows(scene))
    for (const turn of turns) {
      const found =
        'pairs' in turn
          ? await this.evaluateTwins(scene, turn.pairs, { side, by: dependencies.ask.candidate })
          : await this.compareTwinWrite(turn.written, side)
      if (found !== null) return found
    }
    return null
  }

  private async evaluateTwins(
    scene: Scene,
    pairs: readonly Pair[],
    to: { readonly side: OpenScratchStore; readonly by: EvaluateQuestion },
  ): Promise<FoundMiss | null> {
    const again = await Promise.all(pairs.map(({ ask }) => this.evaluate(scene, ask, to)))
    this.twins += pairs.filter(hasDecision).length
    for (const [index, { ask, baseline, candidate }] of pairs.entries()) {
      const at = this.findDivergence(to.side, candidate, {
        side: to.side,
        answer: again[index] as SideAnswer,
      })
      if (at !== null) return { kind: 'metamorphic', at, evaluated: { ask, baseline } }
    }
    return null
  }

  private async compareTwinWrite(
    { request, outcome }: WrittenStep,
    side: OpenScratchStore,
  ): Promise<FoundMiss | null> {
    const at = this.findDifference(
      outcomeToNode(outcome),
      outcomeToNode(await toOutcome(side, request)),
    )
    return at === null ? null : { kind: 'metamorphic', at, evaluated: null }
  }

  /** The first difference of two documents, without field rules; null if they are equal. */
  private findDifference(left: JsonNode, right: JsonNode): FuzzMiss['at'] | null {
    const [first] = this.context.dependencies.compare(left, right).differences
    if (first === undefined) return null
    const text = (node: JsonNode | undefined): string | null =>
      node === undefined ? null : serializeNode(node)
    return { pointer: first.pointer, left: text(first.left), right: text(first.right) }
  }

  private findDivergence(
    left: OpenScratchStore,
    answer: SideAnswer,
    right: { readonly side: OpenScratchStore; readonly answer: SideAnswer },
  ): FuzzMiss['at'] | null {
    // Shortcut: the same text from the same side needs no comparison by field.
    if (left === right.side && hasSameText(answer, right.answer)) return null
    const terms = { rules: this.rules, compare: this.context.dependencies.compare } as const
    const { divergences } = compareParties(
      toParty(left, answer),
      toParty(right.side, right.answer),
      {
        ...terms,
        sides: 'baseline-candidate',
      },
    )
    for (const { pointer } of divergences.filter((one) => one.class !== 'blocker')) {
      const rule = findFieldRule(this.rules, pointer)?.pointer ?? pointer
      this.exempted.set(rule, (this.exempted.get(rule) ?? 0) + 1)
    }
    return divergences.find((one) => one.class === 'blocker') ?? null
  }

  /** @throws FfError `backing_unavailable` if the side gives no answer, so that an outage is never a divergence */
  private async evaluate(
    { given }: Scene,
    ask: SceneQuestion,
    { side, by }: { readonly side: OpenScratchStore; readonly by: EvaluateQuestion },
  ): Promise<SideAnswer> {
    const { callers } = this.context
    const { authenticator, environment } = callers[ask.caller]
    const dependencies = { store: side.store, authenticator, approvals: toApprovalCheck(given) }
    const { answer } = await by(dependencies, {
      credential: toCredential(ask, callers),
      request: toQuestion(ask, callers),
      now: SCENE_TIME,
      environment,
    })
    if (answer.status !== 'unanswered') return answer
    throw new FfError(
      'backing_unavailable',
      `${side.facts.target} gave no answer: ${answer.code}.`,
      {
        hint: 'Check that its server runs, and run the same command again.',
      },
    )
  }
}

const hasSameText = (one: SideAnswer, other: SideAnswer): boolean =>
  one.status === 'decided' && other.status === 'decided' && one.text === other.text

const hasDecision = ({ baseline, candidate }: Pair): boolean =>
  baseline.status === 'decided' || candidate.status === 'decided'

/** An answer as a party of the comparison; text that is not JSON becomes a string that equals no answer. */
function toParty({ store }: OpenScratchStore, answer: SideAnswer): ComparedParty {
  if (answer.status === 'unanswered') throw new Error('cannot compare a missing answer')
  const read = answer.status === 'decided' ? parseLosslessJson(answer.text) : null
  const node =
    read?.ok === false ? `no JSON: ${(answer as { text: string }).text}` : answerToNode(answer)
  return { node, kind: store.kind }
}
