import type { TargetSpec } from '../../core/parity/target.ts'
import { FfError } from '../../errors.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import {
  requireDatabase,
  fromValue,
  readNumberParam,
  defineProbe,
  type ProbeContext,
} from './framework/probe.ts'
import { withMigratedDatabase } from './testbed/scratch-database.ts'

/** B4: what the role of the connection string could do that the service must not, and whether all of it fits the server. */
export const privileges = defineProbe<TargetSpec>({
  version: 1,
  site: 'database',
  isolation: 'parallel',
  sound: fromValue(requireDatabase),
  // Whoever makes a database is its owner, and on a private server a superuser.
  faulty: (context, use) => withMigratedDatabase(context, ({ target }) => use(target)),
  measure: async (database, context) => {
    const { versions } = await loadPersistence(context.root)
    const facts = await context.adapters.inspectRole(database, versions)
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
    'It needs checklists/plan.json, for the number of replicas.',
    {
      hint: 'Copy checklists/templates/plan.json there, and say how many instances will serve.',
    },
  )
}
