import { ADMIN_LIMITS } from '../../core/admin/contract.ts'
import {
  type BeforeAndDuring,
  findWidestChange,
  type LoadPace,
  type LoadSummary,
  planPace,
  summarizeLoad,
} from '../../core/load-stats/load.ts'
import { FfError } from '../../errors.ts'
import type { AdminBehaviour, ApprovalService } from '../../ports/admin.ts'
import type { HttpClient } from '../../ports/http.ts'
import type { ServiceStore } from '../../ports/store.ts'
import { withAdmin } from './testbed/test-admin.ts'
import { runLoad } from './testbed/load-generator.ts'
import { rejectSome } from './faults/rejected-reads.ts'
import {
  defineProbe,
  fromValue,
  type ProbeContext,
  readNumberParam,
  withParams,
} from './framework/probe.ts'
import { withScratchService } from './testbed/served-endpoints.ts'
import { withLoadService } from './testbed/load-service.ts'
import { createOrdinaryLoad, createSensitiveLoad, LOAD_ROWS } from './testbed/load-rows.ts'
import { overrideMethods } from './testbed/faulty-store.ts'

/** The store and the Admin client that a decision waits for. */
interface DecisionDependencies {
  readonly store: ServiceStore
  readonly approvals: ApprovalService
}
type ConnectDependencies = (dependencies: DecisionDependencies) => DecisionDependencies

/** Admin's failure in each run, in this order. */
const OUTAGES: readonly AdminBehaviour[] = ['never', 'refused', 'slow_body']
const WARM_REQUESTS = 100
/** Sensitive requests for each ordinary one: one decision in three. */
const SENSITIVE_SHARE = 0.5

/** The planted faults: one connection for everything, which rejects one read in five, in one short run. */
const shared = withParams(
  fromValue(
    (): ConnectDependencies =>
      ({ store, approvals }) =>
        shareOneConnection({ store: rejectSome(store, 5), approvals }),
  ),
  { runs: 1, requests: 100, seconds: 1 },
)

/**
 * F5: p99 and errors of decisions that need no Admin, before and while Admin fails under concurrent sensitive
 * decisions, in `runs` runs over a service in this process on a file store. The control makes store reads and Admin
 * calls queue for one connection, rejects one read in five, and ends after one run.
 *
 * Inconclusive (`proof_inconclusive`) where a run caused no successful or no failed call to Admin.
 */
export const adminBlastRadius = defineProbe<
  ConnectDependencies,
  'error_share' | 'p99_change_ms' | 'runs'
>({
  version: 1,
  site: 'scratch',
  isolation: 'exclusive',
  sound: fromValue((): ConnectDependencies => (dependencies) => dependencies),
  faulty: { error_share: shared, p99_change_ms: shared, runs: shared },
  measure: async (connect, context) => {
    const count = readNumberParam(context, 'runs')
    const runs: Run[] = []
    for (let at = 0; at < count; at += 1) {
      const outage = OUTAGES[at % OUTAGES.length] as AdminBehaviour
      runs.push(await runOutage(outage, connect, context))
      context.progress(at + 1, count)
    }
    const sum = (of: (run: Run) => number): number => runs.reduce((all, run) => all + of(run), 0)
    return {
      measured: {
        error_share: Math.max(...runs.map(({ during }) => during.failed_share)),
        ...findWidestChange(runs),
        runs: runs.length,
      },
      met: {
        service: 'a new one in this process for each run, over HTTP on loopback, on a file store',
        admin: 'a new one on loopback for each run, healthy at first',
        failed: sum(({ during }) => during.failed),
        calls_failed: sum(({ calls }) => calls.failed),
        calls_kept_back: sum(({ calls }) => calls.refused),
        ...Object.fromEntries(runs.map(formatRun)),
      },
      sample_size: sum(({ during }) => during.requests),
      example: null,
    }
  },
})

interface Run extends BeforeAndDuring {
  readonly outage: AdminBehaviour
  readonly calls: ReturnType<ApprovalService['metrics']>['calls']
}
const formatRun = ({ outage, before, during }: Run, at: number): readonly [string, string] => [
  `run ${at + 1}, Admin ${outage}`,
  `p99 ${before.p99_ms} ms before, ${during.p99_ms} ms during`,
]

/** Measures one outage with a new service and a new Admin, so that no breaker is open from an earlier run. */
function runOutage(
  outage: AdminBehaviour,
  connect: ConnectDependencies,
  context: ProbeContext,
): Promise<Run> {
  const pace = planPace({
    least_per_s: 0,
    requests: readNumberParam(context, 'requests'),
    seconds: readNumberParam(context, 'seconds'),
  })
  return withAdmin(context, { approvals: [], limits: ADMIN_LIMITS }, async ({ server, open }) => {
    const admin = await open()
    return withScratchService(context, { kind: 'file', folder: null }, async (scratch) => {
      await scratch.store.load(LOAD_ROWS)
      const { store, approvals } = connect({ store: scratch.store, approvals: admin })
      const adapters = { openApprovals: () => Promise.resolve(approvals) }
      return withLoadService(context, { store, deps: adapters }, async (client, service) => {
        const load = new MixedLoad(client, service.token(), context)
        await load.run({ ...pace, requests: WARM_REQUESTS })
        const before = await load.run(pace)
        await server.setBehaviour({ behaviour: outage, delay_ms: 0 })
        const during = await load.run(pace)
        const { calls } = admin.metrics()
        if (calls.answered === 0 || calls.failed === 0) throw makeNoCallError()
        return { outage, before, during, calls }
      })
    })
  })
}

const makeNoCallError = (): FfError =>
  new FfError(
    'proof_inconclusive',
    'The load caused no successful or no failed call to Admin, so its outage was not measured.',
    {
      hint: 'This is a bug of the probe: report it with the output of ff --version.',
    },
  )

/** Ordinary evaluations, which are measured, with sensitive evaluations at the same time. */
class MixedLoad {
  private readonly client: HttpClient
  private readonly token: string
  private readonly signal: AbortSignal
  /** Each sensitive request names another approval: two requests for one approval would share a call. */
  private nextApproval = 0

  constructor(client: HttpClient, token: string, { signal }: ProbeContext) {
    this.client = client
    this.token = token
    this.signal = signal
  }

  async run(pace: LoadPace): Promise<LoadSummary> {
    const sensitivePace = {
      per_s: pace.per_s * SENSITIVE_SHARE,
      requests: Math.ceil(pace.requests * SENSITIVE_SHARE),
    }
    const sendSensitive = createSensitiveLoad(this.client, this.token)
    const [measured] = await Promise.all([
      runLoad(createOrdinaryLoad(this.client), pace, this.signal),
      runLoad(() => sendSensitive(this.nextApproval++), sensitivePace, this.signal),
    ])
    return summarizeLoad([measured], pace)
  }
}

/** The planted fault: store reads and Admin calls queue for one connection. */
function shareOneConnection({ store, approvals }: DecisionDependencies): DecisionDependencies {
  let last: Promise<unknown> = Promise.resolve()
  const enqueue = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work)
    last = result.catch(() => undefined) // The caller gets the rejection from `result`.
    return result
  }
  return {
    store: overrideMethods(store, () => ({ read: (query) => enqueue(() => store.read(query)) })),
    approvals: {
      begin: () => {
        const check = approvals.begin()
        return (question) => enqueue(() => check(question))
      },
      metrics: () => approvals.metrics(),
      abandon: (ref) => approvals.abandon(ref),
      close: () => approvals.close(),
    },
  }
}
