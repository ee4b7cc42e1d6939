import { type Fixture, headersOf, type RunnableVector } from '../../artefacts/vectors.ts'
import { byContract } from '../../core/auth/contract.ts'
import { ENVIRONMENTS, type Environment } from '../../core/auth/types.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { type Answer, answerNode, judge } from '../../core/parity/judge.ts'
import type { Instant } from '../../core/state/instant.ts'
import { FfError } from '../../errors.ts'
import type { Scratch } from '../../ports.ts'
import { approvalsOf, type Question } from '../ask.ts'
import { inTurns } from '../in-turns.ts'
import { jwksCheck } from '../jwks-check.ts'
import { loadOrThrow, withSides } from '../parity.ts'
import type { ParityInputs } from '../parity-inputs.ts'
import type { Sides } from '../run-parity.ts'
import { HONEST, type Workings } from '../workings.ts'
import { unguarded } from './faults/letting-in.ts'
import { given, numberParam, probe, type World } from './probe.ts'
import { proofRequest } from './proofs.ts'

type Routes = Workings['ask']
/** How many key servers stand at once. */
const AT_ONCE = 16

/**
 * A5, as far as there is no served endpoint: every row of the mode matrix, and every credential in every environment
 * with a question to both stores, which have to give the same answer.
 */
export const modeMatrix = probe<Routes>({
  version: 1,
  site: 'scratch',
  company: 'together',
  honest: given(() => HONEST.ask),
  faulty: given(() => ({ ...HONEST.ask, candidate: unguarded })),
  measure: async (routes, world): Promise<Measurement> => {
    const { root, adapters, signal } = world
    const matrix = await jwksCheck({ root, adapters, signal })
    const inputs = await loadOrThrow(root, [])
    const request = proofRequest(world, adapters)
    return withSides(request, inputs, async (sides) => {
      const pairs = new Pairs({ routes, sides, inputs, world })
      await pairs.ask(numberParam(world, 'pairs'))
      const wrong = matrix.items.filter(({ state }) => state !== 'pass')
      return {
        measured: { rows_wrong: wrong.length, differences: pairs.differing.length },
        met: {
          server: `PostgreSQL ${sides.candidate.facts.server ?? 'none'}`,
          rows_of_the_matrix: matrix.items.length,
          pairs: pairs.asked,
          let_in: pairs.decided,
        },
        sample_size: pairs.asked,
        example: pairs.differing[0] ?? wrong[0]?.title ?? null,
      }
    })
  },
})

interface Bench {
  readonly routes: Routes
  readonly sides: Sides
  readonly inputs: ParityInputs
  readonly world: World
}
interface Caller {
  readonly fixture: Fixture
  readonly environment: Environment
}

class Pairs {
  asked = 0
  /** Of them, those in which both stores decided. */
  decided = 0
  readonly differing: string[] = []
  private readonly bench: Bench

  constructor(bench: Bench) {
    this.bench = bench
  }

  /** Every caller with the question of one vector after the other, until there are so many pairs. */
  async ask(wanted: number): Promise<void> {
    const { inputs, sides } = this.bench
    const callers = inputs.fixtures.value.fixtures.flatMap((fixture) =>
      ENVIRONMENTS.map((environment): Caller => ({ fixture, environment })),
    )
    for (const vector of inputs.vectors) {
      if (this.asked >= wanted) return
      const { state } = vector.given
      await Promise.all([sides.baseline.store.load(state), sides.candidate.store.load(state)])
      await inTurns(callers, AT_ONCE, (caller) => this.put(caller, vector))
    }
  }

  private async put(caller: Caller, vector: RunnableVector): Promise<void> {
    const { inputs, routes, sides, world } = this.bench
    const { fixture, environment } = caller
    const settings = byContract(inputs.auth.value, inputs.fixtures.value)
    const door = await world.adapters.openDoor(fixture.jwks, settings)
    try {
      const question: Question = {
        credential: {
          token: fixture.token,
          dev_headers: fixture.dev_headers === null ? null : headersOf(fixture.dev_headers),
        },
        request: vector.request,
        now: fixture.clock as Instant,
        environment,
      }
      const at = ({ store }: Scratch) => ({ store, door, approvals: approvalsOf(vector.given) })
      const left = await routes.baseline(at(sides.baseline), question)
      const right = await routes.candidate(at(sides.candidate), question)
      this.compare(`${fixture.id} in ${environment}, ${vector.id}`, left.answer, right.answer)
    } finally {
      await door.close()
    }
  }

  /** @throws FfError `backing_unavailable` where a store gave no answer: that is no decision */
  private compare(what: string, left: Answer, right: Answer): void {
    const { sides, inputs } = this.bench
    if (left.status === 'unanswered' || right.status === 'unanswered')
      throw new FfError('backing_unavailable', `A store gave no answer to ${what}.`, {
        hint: 'Check the server and run again.',
      })
    this.asked += 1
    if (left.status === 'decided' && right.status === 'decided') this.decided += 1
    const { divergences } = judge(
      { node: answerNode(left), kind: sides.baseline.store.kind },
      { node: answerNode(right), kind: sides.candidate.store.kind },
      { rules: inputs.contract.value.decision, sides: 'baseline-candidate' },
    )
    const blocker = divergences.find((one) => one.class === 'blocker')
    if (blocker !== undefined) this.differing.push(`${what}: ${blocker.pointer}`)
  }
}
