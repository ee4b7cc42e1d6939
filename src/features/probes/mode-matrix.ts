import { type Fixture, toDevHeaders } from '../../artefacts/vectors.ts'
import { mapConcurrently } from '../../concurrency/map-concurrently.ts'
import { settingsFromContract } from '../../core/auth/contract.ts'
import { type Credential, ENVIRONMENTS, type Environment } from '../../core/auth/types.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { type HarnessScene, serializeRows, SCENE_HEADER } from '../../core/parity/harness-scene.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { HttpClient, HttpRequest, Route } from '../../ports/http.ts'
import { jwksCheck } from '../tokens/jwks-check.ts'
import { requireParityInputs } from '../parity/parity.ts'
import type { GetServiceDependencies } from '../serve/dependencies.ts'
import { buildServiceRoutes } from '../serve/routes.ts'
import { SAMPLE_ROWS } from '../serve/sample.ts'
import { toCredentialHeaders, readAnswerWord } from '../parity/service-client.ts'
import { buildEndpointRequest, ENDPOINTS } from './testbed/endpoints.ts'
import { acceptExpired } from './faults/insecure-verifier.ts'
import { createUnguardedRoutes } from './faults/unguarded-route.ts'
import {
  fromValue,
  inContext,
  readNumberParam,
  defineProbe,
  type ProbeContext,
} from './framework/probe.ts'
import { type ServicePair, withHarnessPair } from './testbed/served-endpoints.ts'

/** Builds the routes of the service on a database; the control plants its fault there. */
type Routes = (parts: GetServiceDependencies) => readonly Route[]
/** The routes, and the share (0..1) of the fixtures to send. */
interface MatrixInput {
  readonly routes: Routes
  readonly share: number
}
/** Callers at once, each with a key server of its own. */
const CONCURRENCY = 16

/**
 * The planted faults: one route that lets every credential in, so a tenth of the fixtures shows it; and authenticators
 * that accept expired tokens, which the matrix shows.
 */
const unguarded = inContext(
  fromValue((): MatrixInput => ({ routes: createUnguardedRoutes, share: 0.1 })),
  ({ adapters }) => ({ adapters: acceptExpired(adapters) }),
)

/**
 * A5: rows of the mode matrix that do not hold for the authenticator, and the pairs of credential and endpoint that two
 * harness services, on a file and on a database, answer with a different status or code. Sends every fixture in its own
 * environment, then in others up to `pairs`; a credential that no header can carry is counted and skipped. In the
 * control authenticators accept expired tokens, and a route `flags.list` on the database accepts every caller.
 *
 * Inconclusive (`proof_inconclusive`) where a service refuses the rows or a scene.
 */
export const modeMatrixProbe = defineProbe<MatrixInput, 'rows_wrong' | 'differences'>({
  version: 2,
  site: 'scratch',
  isolation: 'parallel',
  sound: fromValue(() => ({ routes: buildServiceRoutes, share: 1 })),
  faulty: { rows_wrong: unguarded, differences: unguarded },
  measure: async ({ routes, share }, context): Promise<Measurement> => {
    const { root, adapters, signal } = context
    const matrix = await jwksCheck({ root, adapters, signal })
    const { auth, fixtures } = await requireParityInputs(root, [])
    const settings = settingsFromContract(auth.value, fixtures.value)
    const input = { settings, routes: { file: buildServiceRoutes, db: routes } }
    return withHarnessPair(context, input, async (services) => {
      const pairs = new Pairs(services, context)
      await pairs.run(takeShare(fixtures.value.fixtures, share))
      const wrong = matrix.items.filter(({ state }) => state !== 'pass')
      return {
        measured: { rows_wrong: wrong.length, differences: pairs.differing.length },
        met: {
          server: `PostgreSQL ${services.server ?? 'none'}`,
          rows_of_the_matrix: matrix.items.length,
          endpoints: ENDPOINTS.length,
          pairs: pairs.count,
          let_in: pairs.accepted,
          unsendable: pairs.unsendable,
        },
        sample_size: pairs.count,
        example: pairs.differing[0] ?? wrong[0]?.title ?? null,
      }
    })
  },
})

/** Takes a share of a list, spread evenly over it. */
const takeShare = <T>(list: readonly T[], share: number): readonly T[] =>
  list.filter((_, at) => Math.floor((at + 1) * share) > Math.floor(at * share))

interface Caller {
  readonly fixture: Fixture
  readonly environment: Environment
}

class Pairs {
  count = 0
  /** Pairs that both services answered with 2xx. */
  accepted = 0
  /** Callers whose credential cannot be sent in a header. */
  unsendable = 0
  readonly differing: string[] = []
  private readonly services: ServicePair
  private readonly context: ProbeContext

  constructor(services: ServicePair, context: ProbeContext) {
    this.services = services
    this.context = context
  }

  /** Sends every fixture in its own environment, then in the others up to `pairs` of the item. */
  async run(fixtures: readonly Fixture[]): Promise<void> {
    const wanted = readNumberParam(this.context, 'pairs')
    await this.sendToBoth((client) => put(client, '/harness/rows', serializeRows(SAMPLE_ROWS)))
    const own = fixtures.map((fixture): Caller => ({ fixture, environment: fixture.environment }))
    await mapConcurrently(own, CONCURRENCY, (caller) => this.visit(caller))
    for (const environment of ENVIRONMENTS) {
      if (this.count >= wanted) return
      const others = fixtures.filter((fixture) => fixture.environment !== environment)
      await mapConcurrently(others, CONCURRENCY, (fixture) => this.visit({ fixture, environment }))
    }
  }

  /** Sends one caller to each endpoint, with rows of its own. */
  private async visit({ fixture, environment }: Caller): Promise<void> {
    const scenario = `${fixture.id}.${environment.replace('+', '.')}`
    const script: HarnessScene = {
      now: fixture.clock as Instant,
      environment,
      approvals: [],
      admin: 'unreachable',
      keys: fixture.jwks,
    }
    const path = `/harness/scenes/${scenario}`
    await this.sendToBoth((client) => put(client, path, JSON.stringify(script)))
    const flag_key = `ff.pair.${scenario.toLowerCase()}`
    const headers = { ...toCredentialHeaders(toCredential(fixture)), [SCENE_HEADER]: scenario }
    for (const endpoint of ENDPOINTS) {
      const request = buildEndpointRequest(endpoint, flag_key)
      const sendable = await this.comparePair(
        { ...request, headers },
        `${scenario} at ${endpoint.id}`,
      )
      if (!sendable) return void (this.unsendable += 1)
    }
  }

  /** @returns whether the request could be sent */
  private async comparePair(request: HttpRequest, what: string): Promise<boolean> {
    try {
      const [left, right] = await this.sendToBoth(async (client) => {
        const { status, text } = await client.send(request)
        return { status, code: readAnswerWord(text) }
      })
      this.count += 1
      if (left.status < 300 && right.status < 300) this.accepted += 1
      if (left.status !== right.status || left.code !== right.code)
        this.differing.push(
          `${what}: ${left.status} ${left.code} on the file, ${right.status} ${right.code} on the database`,
        )
      return true
    } catch (error) {
      if (error instanceof FfError && error.code === 'request_unsendable') return false
      throw error
    }
  }

  private sendToBoth<T>(work: (client: HttpClient) => Promise<T>): Promise<[T, T]> {
    const { file, db } = this.services
    return Promise.all([work(file), work(db)])
  }
}

const toCredential = ({ token, dev_headers }: Fixture): Credential => ({
  token,
  dev_headers: dev_headers === null ? null : toDevHeaders(dev_headers),
})

async function put(client: HttpClient, path: string, body: string): Promise<void> {
  const { status, text } = await client.send({ method: 'PUT', path, body })
  if (status === 200) return
  throw new FfError(
    'proof_inconclusive',
    `PUT ${path} was answered ${status} ${readAnswerWord(text)}.`,
    {
      hint: 'Run ff parity run against ff serve --harness, and correct the failures that it shows.',
    },
  )
}
