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
import { endpointRequest, ENDPOINTS } from './testbed/endpoints.ts'
import { createUnguardedRoutes } from './faults/unguarded-route.ts'
import { fromValue, readNumberParam, defineProbe, type ProbeContext } from './framework/probe.ts'
import { type ServicePair, withHarnessPair } from './testbed/served-endpoints.ts'

/** What the second of both services answers with. */
type Routes = (parts: GetServiceDependencies) => readonly Route[]
/** How many callers come at once, each with a key server of its own. */
const AT_ONCE = 16

/**
 * A5: every row of the mode matrix, and every credential at every endpoint of a service on a file and of one on a
 * database, which have to answer alike in status and code.
 */
export const modeMatrixProbe = defineProbe<Routes>({
  version: 2,
  site: 'scratch',
  isolation: 'parallel',
  sound: fromValue((): Routes => buildServiceRoutes),
  faulty: fromValue((): Routes => createUnguardedRoutes),
  measure: async (routes, context): Promise<Measurement> => {
    const { root, adapters, signal } = context
    const matrix = await jwksCheck({ root, adapters, signal })
    const { auth, fixtures } = await requireParityInputs(root, [])
    const settings = settingsFromContract(auth.value, fixtures.value)
    const input = { settings, routes: { file: buildServiceRoutes, db: routes } }
    return withHarnessPair(context, input, async (services) => {
      const pairs = new Pairs(services, context)
      await pairs.ask(fixtures.value.fixtures)
      const wrong = matrix.items.filter(({ state }) => state !== 'pass')
      return {
        measured: { rows_wrong: wrong.length, differences: pairs.differing.length },
        met: {
          server: `PostgreSQL ${services.server ?? 'none'}`,
          rows_of_the_matrix: matrix.items.length,
          endpoints: ENDPOINTS.length,
          pairs: pairs.asked,
          let_in: pairs.letIn,
          unsendable: pairs.unsendable,
        },
        sample_size: pairs.asked,
        example: pairs.differing[0] ?? wrong[0]?.title ?? null,
      }
    })
  },
})

interface Caller {
  readonly fixture: Fixture
  readonly environment: Environment
}

class Pairs {
  asked = 0
  /** Of them, those that both services answered with 2xx. */
  letIn = 0
  /** Callers whose credential no header can hold. */
  unsendable = 0
  readonly differing: string[] = []
  private readonly services: ServicePair
  private readonly context: ProbeContext

  constructor(services: ServicePair, context: ProbeContext) {
    this.services = services
    this.context = context
  }

  /** Every fixture in its own environment, then in the others until there are so many pairs. */
  async ask(fixtures: readonly Fixture[]): Promise<void> {
    const wanted = readNumberParam(this.context, 'pairs')
    await this.both((client) => put(client, '/harness/rows', serializeRows(SAMPLE_ROWS)))
    const own = fixtures.map((fixture): Caller => ({ fixture, environment: fixture.environment }))
    await mapConcurrently(own, AT_ONCE, (caller) => this.visit(caller))
    for (const environment of ENVIRONMENTS) {
      if (this.asked >= wanted) return
      const others = fixtures.filter((fixture) => fixture.environment !== environment)
      await mapConcurrently(others, AT_ONCE, (fixture) => this.visit({ fixture, environment }))
    }
  }

  /** One caller at each endpoint, with rows that nobody else has to do with. */
  private async visit({ fixture, environment }: Caller): Promise<void> {
    const scene = `${fixture.id}.${environment.replace('+', '.')}`
    const given: HarnessScene = {
      now: fixture.clock as Instant,
      environment,
      approvals: [],
      admin: 'unreachable',
      keys: fixture.jwks,
    }
    const path = `/harness/scenes/${scene}`
    await this.both((client) => put(client, path, JSON.stringify(given)))
    const flag_key = `ff.pair.${scene.toLowerCase()}`
    const headers = { ...toCredentialHeaders(toCredential(fixture)), [SCENE_HEADER]: scene }
    for (const endpoint of ENDPOINTS) {
      const request = endpointRequest(endpoint, flag_key)
      const sendable = await this.pair({ ...request, headers }, `${scene} at ${endpoint.id}`)
      if (!sendable) return void (this.unsendable += 1)
    }
  }

  /** @returns whether the request could be sent at all */
  private async pair(request: HttpRequest, what: string): Promise<boolean> {
    try {
      const [left, right] = await this.both(async (client) => {
        const { status, text } = await client.send(request)
        return { status, said: readAnswerWord(text) }
      })
      this.asked += 1
      if (left.status < 300 && right.status < 300) this.letIn += 1
      if (left.status !== right.status || left.said !== right.said)
        this.differing.push(
          `${what}: ${left.status} ${left.said} on the file, ${right.status} ${right.said} on the database`,
        )
      return true
    } catch (error) {
      if (error instanceof FfError && error.code === 'request_unsendable') return false
      throw error
    }
  }

  private both<T>(work: (client: HttpClient) => Promise<T>): Promise<[T, T]> {
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
  throw new FfError('proof_inconclusive', `The service took no ${path}: ${readAnswerWord(text)}.`, {
    hint: 'Run ff parity run against ff serve --harness, and mend what it shows.',
  })
}
