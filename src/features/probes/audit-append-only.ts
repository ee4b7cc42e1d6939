import { ChainWalk } from '../../core/audit/walk.ts'
import type { SchemaContract } from '../../core/migrations/catalogue.ts'
import { FfError } from '../../errors.ts'
import type { AuditReading, AuditTrail } from '../../ports/audit.ts'
import type { RoleFacts, SchemaFacts } from '../../ports/database.ts'
import { endIfAborted } from '../audit/signed-heads.ts'
import { hashAuditText, walkRecords } from '../audit/verify.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { requireDatabase, type WithResource, defineProbe } from './framework/probe.ts'
import { withMigratedDatabase } from './testbed/scratch-database.ts'

/** Lends the audit trail of the database that is cut over, its records passed through `change`. */
const withTrail =
  (
    change: (records: AuditReading['records']) => AuditReading['records'],
  ): WithResource<AuditTrail> =>
  async (context, use) => {
    const needs = await loadPersistence(context.root)
    const trail = await context.adapters.openTrail(requireDatabase(context), needs)
    try {
      return await use({
        facts: trail.facts,
        read: (after, read) =>
          trail.read(after, (reading) => read({ ...reading, records: change(reading.records) })),
        close: () => trail.close(),
      })
    } finally {
      await trail.close()
    }
  }

/** The planted fault: changes the last character of the actor of the first record. */
async function* alterOneRecord(records: AuditReading['records']): AuditReading['records'] {
  let altered = false
  for await (const record of records) {
    if (altered || record === null) yield record
    else yield { ...record, actor: `${record.actor.slice(0, -1)}~` }
    altered = true
  }
}

/** The planted faults: the owner of a scratch database, who may change its trail, and one altered record. */
const spoiled: WithResource<AuditTrail> = (context, use) =>
  withMigratedDatabase(context, ({ target }) => {
    const changed = { ...context, targets: { ...context.targets, database: target } }
    return withTrail(alterOneRecord)(changed, (trail) => use(trail, changed))
  })

/**
 * G2: on the database that is cut over, the ways in which the service's role can change the audit trail, and the breaks
 * of its hash chain. The control measures a scratch database as its owner, and alters one record as it is read.
 *
 * Inconclusive (`target_missing`) where no database is named or the trail is empty.
 */
export const auditAppendOnly = defineProbe<AuditTrail, 'forbidden_allowed' | 'chain_breaks'>({
  version: 1,
  site: 'database',
  isolation: 'parallel',
  sound: withTrail((records) => records),
  faulty: { forbidden_allowed: spoiled, chain_breaks: spoiled },
  measure: async (trail, context) => {
    const { versions, contract } = await loadPersistence(context.root)
    const database = requireDatabase(context)
    const role = await context.adapters.inspectRole(database, versions, { timeouts: true })
    const schema = await context.adapters.inspectSchema(database, versions)
    const { checked, allowed } = findForbiddenChanges(role, schema, contract)
    const { records, breaks, head } = await walkTrail(trail, context.signal)
    if (records === 0) throw makeEmptyTrailError()
    const examples = [...allowed.map((what) => `${role.role} may: ${what}`), ...breaks]
    return {
      measured: { forbidden_allowed: allowed.length, chain_breaks: breaks.length },
      met: { server: role.server, role: role.role, records, head: head.hash, statements: checked },
      sample_size: records,
      example: examples[0] ?? null,
    }
  },
})

/** @returns the number of statements and triggers checked, and those by which this role can change the trail */
function findForbiddenChanges(
  { forbidden }: RoleFacts,
  { triggers }: SchemaFacts,
  { tables }: SchemaContract,
): { readonly checked: number; readonly allowed: readonly string[] } {
  const statements = forbidden.filter(({ what }) => /\baudit(_head)?\b/.test(what))
  const guards = Object.keys(tables['audit']?.triggers ?? {})
  const off = guards.filter((name) => triggers.get(`audit.${name}`) !== true)
  const allowed = statements.filter((one) => one.allowed).map(({ what }) => what)
  return {
    checked: statements.length + guards.length,
    allowed: [
      ...allowed,
      ...off.map((name) => `change records: the trigger ${name} is missing or disabled`),
    ],
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
          : ['the chain does not end at the head that the store keeps']
    return { records, breaks, head }
  })
}

const makeEmptyTrailError = (): FfError =>
  new FfError(
    'target_missing',
    'The audit trail of the database is empty, so there is nothing to verify.',
    {
      hint: 'Set FF_DATABASE_URL to the database that ff migrate up and ff import wrote to.',
    },
  )
