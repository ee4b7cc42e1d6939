import type { TargetSpec } from '../../core/parity/target.ts'
import { FfError } from '../../errors.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import {
  requireDatabase,
  fromValue,
  inContext,
  readNumberParam,
  defineProbe,
  type ProbeContext,
  type WithResource,
} from './framework/probe.ts'
import { withMigratedDatabase } from './testbed/scratch-database.ts'

/** A database, and whether the session that is inspected has the timeouts of the service. */
interface Session {
  readonly database: TargetSpec
  readonly timeouts: boolean
}
/** The role that creates a scratch database owns it. */
const asOwner: WithResource<Session> = (context, use) =>
  withMigratedDatabase(context, ({ target }) => use({ database: target, timeouts: false }))
/** The planted faults: the owner, without timeouts, for more instances than any server has connections for. */
const spoiled = inContext(asOwner, ({ plan }) => ({
  plan: { ...plan, replicas: 1_000_000 } as ProbeContext['plan'],
}))

/**
 * B4: on the database that is cut over, forbidden actions that the service's role may do, its timeouts that are not
 * set, and the connections that the plan's replicas need, next to the server's limit. The control inspects a scratch
 * database as its owner, in a session without timeouts, for a million replicas. Inconclusive (`target_missing`)
 * without a database or a plan.
 */
export const privileges = defineProbe<
  Session,
  'forbidden_allowed' | 'timeouts_missing' | 'connections_needed'
>({
  version: 1,
  site: 'database',
  isolation: 'parallel',
  sound: fromValue((context) => ({ database: requireDatabase(context), timeouts: true })),
  faulty: {
    forbidden_allowed: spoiled,
    timeouts_missing: spoiled,
    connections_needed: spoiled,
  },
  measure: async ({ database, timeouts: hasTimeouts }, context) => {
    const { versions } = await loadPersistence(context.root)
    const facts = await context.adapters.inspectRole(database, versions, { timeouts: hasTimeouts })
    const { forbidden, timeouts, max_connections } = facts
    const allowed = forbidden.filter((one) => one.allowed).map(({ what }) => what)
    const unset = [...timeouts].filter(([, value]) => value === '0').map(([name]) => name)
    const examples = [
      ...allowed.map((what) => `${facts.role} may: ${what}`),
      ...unset.map((name) => `${name} is not set`),
    ]
    return {
      measured: {
        forbidden_allowed: allowed.length,
        timeouts_missing: unset.length,
        connections_needed: readNumberParam(context, 'pool') * getReplicas(context),
        max_connections,
      },
      met: { server: facts.server, role: facts.role, ...Object.fromEntries(timeouts) },
      sample_size: forbidden.length + timeouts.size,
      example: examples[0] ?? null,
    }
  },
})

function getReplicas({ plan }: ProbeContext): number {
  if (plan !== null) return plan.replicas
  throw new FfError(
    'target_missing',
    'The probe needs the number of replicas from checklists/plan.json, and there is none.',
    {
      hint: 'Run cp checklists/templates/plan.json checklists/plan.json (ff init writes the template), and set replicas.',
    },
  )
}
