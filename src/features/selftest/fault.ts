import type { Decision, EvaluationInput } from '../../core/evaluate/types.ts'
import { evaluate } from '../../core/evaluate/evaluate.ts'
import { RULES } from '../../core/evaluate/rules.ts'
import type { Rule } from '../../core/evaluate/step.ts'
import type { JsonComparer } from '../../core/parity/compare.ts'
import type { RowsByTable, TableName } from '../../core/rows/rows.ts'
import type { Route } from '../../ports/http.ts'
import type { OpenScratchStore, ScratchStore } from '../../ports/store.ts'
import {
  type EvaluateQuestion,
  evaluateQuestionWith,
  type EvaluationDependencies,
  type Evaluate,
} from '../evaluation/answer-question.ts'
import type { ScratchSides } from '../parity/run-parity.ts'
import type { ParityDependencies } from '../parity/dependencies.ts'

/** Everything that a proof is made with, and that a fault can be put into. */
export interface SelftestContext {
  readonly sides: ScratchSides
  readonly dependencies: ParityDependencies
  /** The stored rows that a diff walks, as the lines of a snapshot. */
  readonly lines: Readonly<Record<FaultSide, readonly StoredLine[]>>
  readonly served: WrappedSides
}
/** What stands between the routes of a service and its sockets: how each route is really answered. */
export type WrapRoute = (route: Route) => Route['handle']
export type WrappedSides = Readonly<Record<FaultSide, WrapRoute>>
/** A line of a table, without its newline. */
export interface StoredLine {
  readonly table: TableName
  readonly line: string
}
export type FaultSide = keyof ScratchSides
export type ProofName = 'comparer' | 'vectors' | 'cells' | 'rows' | 'served'

/** One planted fault. A fault that does nothing is caught by nothing, and so found out. */
export interface PlantedFault {
  readonly id: string
  /** What goes wrong in the field, in a few words. */
  readonly models: string
  /** The proof that must catch it. */
  readonly proof: ProofName
  readonly plant: (context: SelftestContext) => SelftestContext
}

/** How a kind of fault is written down: its name, what it models, what it does. */
export type FaultRow<T> = readonly [name: string, models: string, does: T, proof?: ProofName]

const SIDES: readonly FaultSide[] = ['baseline', 'candidate']
const perSide = <T>(
  sides: readonly FaultSide[],
  held: Readonly<Record<FaultSide, T>>,
  change: (one: T) => T,
): Readonly<Record<FaultSide, T>> => ({
  baseline: sides.includes('baseline') ? change(held.baseline) : held.baseline,
  candidate: sides.includes('candidate') ? change(held.candidate) : held.candidate,
})

/** Other rows are stored than those that were given. */
export const inStore =
  (sides: readonly FaultSide[], change: (state: RowsByTable) => RowsByTable) =>
  (context: SelftestContext): SelftestContext => ({
    ...context,
    sides: perSide(sides, context.sides, (scratch) =>
      withStore(scratch, (store) => ({
        ...delegate(store),
        load: (state) => store.load(change(state)),
      })),
    ),
  })

/** Rows come out of the store in another way. @param make one reader a store: it may keep what it saw */
export const inReading =
  (sides: readonly FaultSide[], make: (store: ScratchStore) => Partial<ScratchStore>) =>
  (context: SelftestContext): SelftestContext => ({
    ...context,
    sides: perSide(sides, context.sides, (scratch) =>
      withStore(scratch, (store) => ({ ...delegate(store), ...make(store) })),
    ),
  })

/** The rules of a decision are others, on both sides: comparing them with each other shows nothing. */
export const inRules = (
  change: (rules: readonly Rule[]) => readonly Rule[],
): PlantedFault['plant'] => {
  const rules = change(RULES)
  return deciding((facts, answer) => evaluate(facts, answer, rules))
}
/** What the rules are told is not what is so, on both sides. */
export const inFacts = (
  change: (facts: EvaluationInput) => EvaluationInput,
): PlantedFault['plant'] => deciding((facts, answer) => evaluate(change(facts), answer))
/** The envelope is made wrongly, on both sides. */
export const inDecision = (change: (decision: Decision) => Decision): PlantedFault['plant'] =>
  deciding((facts, answer) => {
    const walk = evaluate(facts, answer)
    return walk.decision === undefined ? walk : { decision: change(walk.decision) }
  })

const deciding =
  (rules: Evaluate): PlantedFault['plant'] =>
  (context) =>
    asking(
      SIDES,
      () => (counter, question) => evaluateQuestionWith(rules, counter, question),
    )(context)

/** The door, or Admin behind it, is another one. */
export const inDependencies =
  (
    sides: readonly FaultSide[],
    change: (counter: EvaluationDependencies) => EvaluationDependencies,
  ): PlantedFault['plant'] =>
  (context) =>
    asking(sides, (ask) => (counter, question) => ask(change(counter), question))(context)

/** The answer is changed on its way. */
export const inAnswer =
  (change: (text: string) => string): PlantedFault['plant'] =>
  (context) =>
    asking(['candidate'], (ask) => async (counter, question) => {
      const asked = await ask(counter, question)
      const { answer } = asked
      return answer.status === 'decided'
        ? { ...asked, answer: { ...answer, text: change(answer.text) } }
        : asked
    })(context)

const asking =
  (
    sides: readonly FaultSide[],
    change: (ask: EvaluateQuestion) => EvaluateQuestion,
  ): PlantedFault['plant'] =>
  ({ dependencies, ...context }) => ({
    ...context,
    dependencies: { ...dependencies, ask: perSide(sides, dependencies.ask, change) },
  })

export const inComparer =
  (change: (compare: JsonComparer) => JsonComparer): PlantedFault['plant'] =>
  ({ dependencies, ...context }) => ({
    ...context,
    dependencies: { ...dependencies, compare: change(dependencies.compare) },
  })

/** The candidate holds other rows than the baseline, in ways that no question about a decision would show. */
export const inLines =
  (change: (lines: readonly StoredLine[]) => readonly StoredLine[]): PlantedFault['plant'] =>
  ({ lines, ...context }) => ({
    ...context,
    lines: { ...lines, candidate: change(lines.candidate) },
  })

/** Services answer in another way. @param make for each of them: it may keep what it saw */
export const inService =
  (sides: readonly FaultSide[], make: () => WrapRoute): PlantedFault['plant'] =>
  ({ served, ...context }) => ({ ...context, served: perSide(sides, served, make) })

const withStore = (
  scratch: OpenScratchStore,
  change: (store: ScratchStore) => ScratchStore,
): OpenScratchStore => ({
  facts: scratch.facts,
  store: change(scratch.store),
  close: () => scratch.close(),
})

/** A store is an object with a state of its own, so its methods are called on it. */
const delegate = (store: ScratchStore): ScratchStore => ({
  kind: store.kind,
  read: (query) => store.read(query),
  write: (request) => store.write(request),
  load: (state) => store.load(state),
  auditHead: () => store.auditHead(),
  close: () => store.close(),
})
