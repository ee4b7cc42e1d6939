import { ChainWalk } from '../../core/audit/walk.ts'
import type { SchemaContract } from '../../core/migrations/catalogue.ts'
import { FfError } from '../../errors.ts'
import type { AuditReading, AuditTrail } from '../../ports/audit.ts'
import type { RoleFacts, SchemaFacts } from '../../ports/database.ts'
import { endIfAborted } from '../audit/signed-heads.ts'
import { hashAuditText, walkRecords } from '../audit/verify.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { requireDatabase, type WithResource, defineProbe } from './framework/probe.ts'

/** The trail of the database that is cut over, each record passed on through `change`. */
const withTrail =
  (
    change: (records: AuditReading['records']) => AuditReading['records'],
  ): WithResource<AuditTrail> =>
  async (context, use) => {
    const { versions } = await loadPersistence(context.root)
    const trail = await context.adapters.openTrail(requireDatabase(context), versions)
    try {
      return await use({
        facts: trail.facts,
        read: (after, read) =>
          trail.read(after, ({ said, records }) => read({ said, records: change(records) })),
        close: () => trail.close(),
      })
    } finally {
      await trail.close()
    }
  }

/** Of the first record that has an actor, as all have, the last letter is another one. */
async function* alterOneRecord(records: AuditReading['records']): AuditReading['records'] {
  let altered = false
  for await (const record of records) {
    if (altered || record === null) yield record
    else yield { ...record, actor: `${record.actor.slice(0, -1)}~` }
    altered = true
  }
}

/** G2: whether the service could change its trail, and whether the trail is whole. */
export const auditAppendOnly = defineProbe<AuditTrail>({
  version: 1,
  site: 'database',
  isolation: 'parallel',
  sound: withTrail((records) => records),
  faulty: withTrail(alterOneRecord),
  measure: async (trail, context) => {
    const { versions, contract } = await loadPersistence(context.root)
    const database = requireDatabase(context)
    const role = await context.adapters.inspectRole(database, versions)
    const schema = await context.adapters.inspectSchema(database, versions)
    const { tried, allowed } = findForbiddenChanges(role, schema, contract)
    const { records, breaks, head } = await walkTrail(trail, context.signal)
    if (records === 0) throw makeEmptyTrailError()
    const examples = [...allowed.map((what) => `${role.role} may: ${what}`), ...breaks]
    return {
      measured: { forbidden_allowed: allowed.length, chain_breaks: breaks.length },
      met: { server: role.server, role: role.role, records, head: head.hash, statements: tried },
      sample_size: records,
      example: examples[0] ?? null,
    }
  },
})

/** What would change the trail, with every trigger that is missing or off; and what of it the server would let this role do. */
function findForbiddenChanges(
  { forbidden }: RoleFacts,
  { triggers }: SchemaFacts,
  { tables }: SchemaContract,
): { readonly tried: number; readonly allowed: readonly string[] } {
  const statements = forbidden.filter(({ what }) => /\baudit(_head)?\b/.test(what))
  const guards = Object.keys(tables['audit']?.triggers ?? {})
  const off = guards.filter((name) => triggers.get(`audit.${name}`) !== true)
  const allowed = statements.filter((one) => one.allowed).map(({ what }) => what)
  return {
    tried: statements.length + guards.length,
    allowed: [...allowed, ...off.map((name) => `change records, for the trigger ${name} is off`)],
  }
}

async function walkTrail(trail: AuditTrail, signal: AbortSignal) {
  return trail.read(0, async (reading) => {
    const { head } = reading.said
    const walk = new ChainWalk(hashAuditText, { marks: [head] })
    const records = await walkRecords(walk, reading, () => endIfAborted(signal, 'Measure again.'))
    const reachesHead = walk.findPlace(head) === 'held' && walk.head.seq === head.seq
    const breaks =
      walk.fault !== null
        ? [walk.fault.detail]
        : reachesHead
          ? []
          : [`the end of the chain is not the one that the store keeps`]
    return { records, breaks, head }
  })
}

const makeEmptyTrailError = (): FfError =>
  new FfError('target_missing', 'The audit trail is empty: there is nothing to verify.', {
    hint: 'Name the database that was migrated and imported into.',
  })
