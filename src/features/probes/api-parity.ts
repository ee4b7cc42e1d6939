import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { type JsonNode, parseLosslessJson } from '../../core/json/read.ts'
import { compareJson } from '../../core/parity/compare.ts'
import type { Authenticator } from '../../ports/auth.ts'
import type { HttpClient, HttpResponse } from '../../ports/http.ts'
import type { ScratchServiceStore, ServiceStore } from '../../ports/store.ts'
import { toApprovalCheck } from '../evaluation/answer-question.ts'
import { toCredentialHeaders } from '../parity/service-client.ts'
import {
  NULL_ADMIN_METRICS,
  NULL_OBSERVER,
  type ServiceDependencies,
} from '../serve/dependencies.ts'
import { buildServiceRoutes } from '../serve/routes.ts'
import { createReversedListing } from './faults/unguarded-route.ts'
import { SUITE, type SuiteStep } from './testbed/management-suite.ts'
import {
  SUITE_APPROVALS,
  SUITE_SCOPES,
  SUITE_STATE,
  type SuiteCaller,
} from './testbed/management-fixtures.ts'
import { defineProbe, fromValue, type ProbeContext } from './framework/probe.ts'
import { withRoutes, withScratchPair } from './testbed/served-endpoints.ts'
import {
  createSigner,
  formatToken,
  loadTestKeys,
  signTestToken,
  TEST_NOW,
  TEST_NOW_SECONDS,
  type TestKeys,
  withAuthenticator,
} from './testbed/test-tokens.ts'

/** Wraps the store of the service on a database; the control plants its fault there. */
type DecorateStore = (store: ServiceStore) => ServiceStore

/**
 * E4: the answers (status, headers, body) of two services on loopback, on a file and on a database, to the contract
 * suite of the management API; a status other than that of the suite is a difference, too. The control lists the flags
 * of the database in reverse order.
 */
export const apiParity = defineProbe<DecorateStore, 'differences'>({
  version: 1,
  site: 'scratch',
  isolation: 'parallel',
  sound: fromValue((): DecorateStore => (store) => store),
  faulty: { differences: fromValue((): DecorateStore => createReversedListing) },
  measure: async (decorate, context): Promise<Measurement> => {
    const testKeys = await loadTestKeys(context)
    const tokens = mintTokens(testKeys)
    const { settings, keys } = testKeys
    return withAuthenticator(
      context.adapters.openTestAuthenticator,
      { keys: [keys.rsa], settings },
      (authenticator) =>
        withScratchPair(context, async ({ file, db }) => {
          await Promise.all([file.store.load(SUITE_STATE), db.store.load(SUITE_STATE)])
          return withRoutes(context, buildRoutesOn(file.store, authenticator), (left) =>
            withRoutes(context, buildRoutesOn(decorate(db.store), authenticator), async (right) => {
              const suite = new Suite([left, right], { tokens, context })
              await suite.run()
              return toMeasurement(suite, db)
            }),
          )
        }),
    )
  },
})

const toMeasurement = (
  { differing, statuses }: Suite,
  { facts }: ScratchServiceStore,
): Measurement => ({
  measured: { differences: differing.length },
  met: {
    server: `PostgreSQL ${facts.server ?? 'none'}`,
    requests: SUITE.length,
    statuses: [...statuses].toSorted((a, b) => a - b).join(' '),
  },
  sample_size: SUITE.length,
  example: differing[0] ?? null,
})

const buildRoutesOn = (store: ServiceStore, authenticator: Authenticator) => {
  const approvals = {
    begin: () => toApprovalCheck({ admin: 'reachable', approvals: SUITE_APPROVALS }),
    abandon: () => undefined,
    metrics: () => NULL_ADMIN_METRICS,
    close: () => Promise.resolve(),
  }
  const parts: ServiceDependencies = {
    store,
    authenticator,
    approvals,
    environment: 'prod',
    now: () => TEST_NOW,
    observer: NULL_OBSERVER,
    lastKnown: null,
    recordRefusal: (refused) => store.refuse(refused),
  }
  return buildServiceRoutes(() => parts)
}

type Tokens = Readonly<Record<SuiteCaller, string | null>>
const mintTokens = ({ keys, claims }: TestKeys): Tokens => ({
  ...(Object.fromEntries(
    Object.entries(SUITE_SCOPES).map(([name, scope]) => [
      name,
      signTestToken(keys.rsa, claims({ scope })),
    ]),
  ) as Record<keyof typeof SUITE_SCOPES, string>),
  anonymous: null,
  forged: formatToken(
    { alg: 'RS256', kid: keys.rsa['kid'] },
    claims(),
    createSigner(keys.attacker),
  ),
  expired: signTestToken(keys.rsa, claims({ exp: TEST_NOW_SECONDS - 1 })),
})

/** Response headers that callers rely on. */
const HEADERS = [
  'content-type',
  'etag',
  'allow',
  'cache-control',
  'www-authenticate',
  'retry-after',
] as const

/** Sends each request of the suite to both services, and collects the differences. */
class Suite {
  readonly differing: string[] = []
  readonly statuses = new Set<number>()
  private readonly services: readonly [HttpClient, HttpClient]
  private readonly tokens: Tokens
  private readonly context: ProbeContext

  constructor(
    services: readonly [HttpClient, HttpClient],
    { tokens, context }: { readonly tokens: Tokens; readonly context: ProbeContext },
  ) {
    this.services = services
    this.tokens = tokens
    this.context = context
  }

  async run(): Promise<void> {
    for (const [at, step] of SUITE.entries()) {
      const [left, right] = await Promise.all(
        this.services.map((client) => this.send(client, step, at)),
      )
      this.compare(step, left as HttpResponse, right as HttpResponse)
      this.context.progress(at + 1, SUITE.length)
    }
  }

  private send(
    client: HttpClient,
    { by, method, path, headers, body = null }: SuiteStep,
    at: number,
  ): Promise<HttpResponse> {
    const credential = toCredentialHeaders({ token: this.tokens[by], dev_headers: null })
    const sent = { ...headers, ...credential, 'x-request-id': `suite-${at}` }
    return client.send({
      method,
      path,
      headers: sent,
      body: body === '' && method !== 'PUT' ? null : body,
    })
  }

  /** Requires equal answers with the status of the contract: two services that fail alike differ from it. */
  private compare(step: SuiteStep, left: HttpResponse, right: HttpResponse): void {
    this.statuses.add(left.status)
    const places = [
      ...(left.status === right.status ? [] : ['status']),
      ...(left.status === step.status ? [] : [`status ${step.status}`]),
      ...HEADERS.filter((name) => left.headers[name] !== right.headers[name]),
      ...compareJson(toNode(left), toNode(right)).differences.map(({ pointer }) => pointer),
    ]
    if (places.length === 0) return
    const { by, method, path } = step
    this.differing.push(
      `${method} ${path} by ${by}: ${left.status} and ${right.status}, at ${places.slice(0, 3).join(', ')}`,
    )
  }
}

/** A body that is not JSON is compared as text. */
function toNode({ text }: HttpResponse): JsonNode {
  const read = parseLosslessJson(text)
  return read.ok ? read.node : text
}
