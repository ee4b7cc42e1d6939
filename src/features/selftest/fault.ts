import type { Decision, EvaluationInput } from '../../core/evaluate/types.ts'
import { evaluate } from '../../core/evaluate/evaluate.ts'
import { RULES } from '../../core/evaluate/rules.ts'
import type { Rule } from '../../core/evaluate/step.ts'
import type { JsonComparer } from '../../core/parity/compare.ts'
import type { CheckItem } from '../../core/report/types.ts'
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
import type { CacheParts } from './cache-parts.ts'

/** The parts of a proof into which a fault can be planted. */
export interface SelftestContext {
  readonly sides: ScratchSides
  readonly dependencies: ParityDependencies
  /** The stored rows that a diff compares, as the lines of a snapshot. */
  readonly lines: Readonly<Record<FaultSide, readonly StoredLine[]>>
  readonly served: WrappedSides
  /** The parts of the instances whose answers are compared with their database. */
  readonly cache: CacheParts
}
/** Replaces the handler of each route between the service and its socket. */
export type WrapRoute = (route: Route) => Route['handle']
/** The replaced handlers of each side. */
export type WrappedSides = Readonly<Record<FaultSide, WrapRoute>>
/** A line of a table, without its newline. */
export interface StoredLine {
  readonly table: TableName
  readonly line: string
}
export type FaultSide = keyof ScratchSides
/**
 * The proofs of the selftest: comparer controls, vectors, cells, stored rows, vectors over HTTP, rows that come through a
 * cache, and the same through a real Redis.
 */
export type ProofName = NonNullable<CheckItem['seen_by']>['proof']

/** One fault of the catalogue. A fault without effect is not caught, so the selftest reports it. */
export interface PlantedFault {
  readonly id: string
  /** The real defect that the fault stands for, in a few words. */
  readonly models: string
  /** The proof that must catch it. */
  readonly proof: ProofName
  readonly plant: (context: SelftestContext) => SelftestContext
}

/** A fault as a row of a table: its name, the defect it stands for, its effect and its proof. */
export type FaultRow<T> = readonly [name: string, models: string, effect: T, proof?: ProofName]

const SIDES: readonly FaultSide[] = ['baseline', 'candidate']
const mapSides = <T>(
  sides: readonly FaultSide[],
  held: Readonly<Record<FaultSide, T>>,
  change: (one: T) => T,
): Readonly<Record<FaultSide, T>> => ({
  baseline: sides.includes('baseline') ? change(held.baseline) : held.baseline,
  candidate: sides.includes('candidate') ? change(held.candidate) : held.candidate,
})

/** A fault: the stores of `sides` load changed rows; all else stays. Returns the function that plants it. */
export const inStore =
  (sides: readonly FaultSide[], change: (state: RowsByTable) => RowsByTable) =>
  (context: SelftestContext): SelftestContext => ({
    ...context,
    sides: mapSides(sides, context.sides, (scratch) =>
      withStore(scratch, (store) => ({
        ...delegate(store),
        load: (state) => store.load(change(state)),
      })),
    ),
  })

/**
 * A fault: the methods that `make` returns replace those of the stores of `sides`, mostly `read`. Returns the function
 * that plants it. @param make called once per store each time the fault is planted, so that it can keep state
 */
export const inReading =
  (sides: readonly FaultSide[], make: (store: ScratchStore) => Partial<ScratchStore>) =>
  (context: SelftestContext): SelftestContext => ({
    ...context,
    sides: mapSides(sides, context.sides, (scratch) =>
      withStore(scratch, (store) => ({ ...delegate(store), ...make(store) })),
    ),
  })

/**
 * A fault: both sides decide by changed rules. They still agree, so only the expectation can find it. Returns the
 * function that plants it.
 */
export const inRules = (
  change: (rules: readonly Rule[]) => readonly Rule[],
): PlantedFault['plant'] => {
  const rules = change(RULES)
  return withRules((input, answer) => evaluate(input, answer, rules))
}
/** A fault: both sides evaluate changed inputs by the sound rules. Returns the function that plants it. */
export const inFacts = (
  change: (input: EvaluationInput) => EvaluationInput,
): PlantedFault['plant'] => withRules((input, answer) => evaluate(change(input), answer))
/**
 * A fault: both sides return a changed decision; a walk that asks for an approval stays. Returns the function that
 * plants it.
 */
export const inDecision = (change: (decision: Decision) => Decision): PlantedFault['plant'] =>
  withRules((input, answer) => {
    const walk = evaluate(input, answer)
    return walk.decision === undefined ? walk : { decision: change(walk.decision) }
  })

const withRules =
  (rules: Evaluate): PlantedFault['plant'] =>
  (context) =>
    withEvaluation(
      SIDES,
      () => (target, question) => evaluateQuestionWith(rules, target, question),
    )(context)

/** A fault: the sides evaluate with a changed authenticator, Admin or store. Returns the function that plants it. */
export const inDependencies =
  (
    sides: readonly FaultSide[],
    change: (target: EvaluationDependencies) => EvaluationDependencies,
  ): PlantedFault['plant'] =>
  (context) =>
    withEvaluation(sides, (ask) => (target, question) => ask(change(target), question))(context)

/**
 * A fault: the candidate returns a changed text of each decision; other answers stay. Returns the function that plants
 * it.
 */
export const inAnswer =
  (change: (text: string) => string): PlantedFault['plant'] =>
  (context) =>
    withEvaluation(['candidate'], (ask) => async (target, question) => {
      const evaluated = await ask(target, question)
      const { answer } = evaluated
      return answer.status === 'decided'
        ? { ...evaluated, answer: { ...answer, text: change(answer.text) } }
        : evaluated
    })(context)

const withEvaluation =
  (
    sides: readonly FaultSide[],
    change: (ask: EvaluateQuestion) => EvaluateQuestion,
  ): PlantedFault['plant'] =>
  ({ dependencies, ...context }) => ({
    ...context,
    dependencies: { ...dependencies, ask: mapSides(sides, dependencies.ask, change) },
  })

/** A fault: the proof compares with a changed comparer. Returns the function that plants it. */
export const inComparer =
  (change: (compare: JsonComparer) => JsonComparer): PlantedFault['plant'] =>
  ({ dependencies, ...context }) => ({
    ...context,
    dependencies: { ...dependencies, compare: change(dependencies.compare) },
  })

/**
 * A fault: the candidate of a diff holds changed lines, some of which change no decision. Returns the function that
 * plants it.
 */
export const inLines =
  (change: (lines: readonly StoredLine[]) => readonly StoredLine[]): PlantedFault['plant'] =>
  ({ lines, ...context }) => ({
    ...context,
    lines: { ...lines, candidate: change(lines.candidate) },
  })

/**
 * A fault: the services of `sides` have changed handlers. Returns the function that plants it. @param make called once
 * per service each time the fault is planted, so that it can keep state
 */
export const inService =
  (sides: readonly FaultSide[], make: () => WrapRoute): PlantedFault['plant'] =>
  ({ served, ...context }) => ({ ...context, served: mapSides(sides, served, make) })

/** A fault: an instance has changed parts between its database, Redis and its cache. Returns the function that plants it. */
export const inCache =
  (change: (parts: CacheParts) => Partial<CacheParts>): PlantedFault['plant'] =>
  ({ cache, ...context }) => ({ ...context, cache: { ...cache, ...change(cache) } })

const withStore = (
  scratch: OpenScratchStore,
  change: (store: ScratchStore) => ScratchStore,
): OpenScratchStore => ({
  facts: scratch.facts,
  store: change(scratch.store),
  close: () => scratch.close(),
})

/** A plain object that calls the methods of the store on the store itself, which keeps its `this`. */
const delegate = (store: ScratchStore): ScratchStore => ({
  kind: store.kind,
  read: (query) => store.read(query),
  write: (request) => store.write(request),
  load: (state) => store.load(state),
  auditHead: () => store.auditHead(),
  close: () => store.close(),
})
