import { HistoryWalk } from '../../core/audit/continuity.ts'
import type { AuditChainHead, AuditRecord } from '../../core/audit/record.ts'
import { SecretScan } from '../../core/audit/secrets.ts'
import type { CanonicalJson } from '../../core/json/canonical.ts'
import { instantFromMs, instantToMs } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import { type DeliveryEntry, listDeliveries } from '../audit/deliveries.ts'
import { endIfAborted } from '../audit/signed-heads.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { plantSecrets } from './faults/planted-secrets.ts'
import {
  defineProbe,
  type ProbeContext,
  readNumberParam,
  requireDatabase,
  type WithResource,
} from './framework/probe.ts'
import { withMigratedDatabase } from './testbed/scratch-database.ts'

type Entries = AsyncIterable<DeliveryEntry | null>
/** Runs `use` on the entries of a trail, from its first on, and on the head that its store keeps. */
type ReadEntries = (use: (entries: Entries, head: AuditChainHead) => Promise<void>) => Promise<void>

/** Lends the trail of the database that is cut over, its entries passed through `change`. */
const withEntries =
  (change: (entries: Entries, context: ProbeContext) => Entries): WithResource<ReadEntries> =>
  async (context, use) => {
    const needs = await loadPersistence(context.root)
    const trail = await context.adapters.openTrail(requireDatabase(context), needs)
    try {
      return await use((read) =>
        trail.read(0, (reading) =>
          read(change(listDeliveries(reading), context), reading.said.head),
        ),
      )
    } finally {
      await trail.close()
    }
  }

/** Lends the trail of a scratch database with an import and records after it, and a fault planted in what is read. */
const withFault =
  (change: (entries: Entries, context: ProbeContext) => Entries): WithResource<ReadEntries> =>
  (context, use) =>
    withMigratedDatabase(context, async ({ target }, inputs) => {
      await context.adapters.withRowSink(target, inputs, async (sink) => {
        for (const target of ['import/planted', 'import/second', 'import/third'])
          await sink.record({ target, after: '{}' as CanonicalJson, request_id: 'planted' })
      })
      const changed = { ...context, targets: { ...context.targets, database: target } }
      return withEntries(change)(changed, (read) => use(read, changed))
    })

/** The planted fault: the first record after the import is left out. */
async function* leaveOutAfterBoundary(entries: Entries): Entries {
  let [isAfter, isLeftOut] = [false, false]
  for await (const entry of entries) {
    if (isAfter && !isLeftOut) isLeftOut = true
    else yield entry
    isAfter ||= entry?.record.target === 'import/planted'
  }
}

/** The planted fault: a record that has waited for a second more than the bound. */
async function* ageOneRecord(entries: Entries, context: ProbeContext): Entries {
  const waited = (readNumberParam(context, 'pending_bound_s') + 1) * 1_000
  const occurred_at = instantFromMs(context.now().getTime() - waited)
  let aged = false
  for await (const entry of entries) {
    if (aged || entry === null) yield entry
    else yield { record: { ...entry.record, occurred_at }, status: 'pending', place: null }
    aged = true
  }
}

/** The planted fault: each kind of secret in each member, one after the other in place of the first record. */
async function* plantInFirst(entries: Entries): Entries {
  let planted = false
  for await (const entry of entries) {
    if (planted || entry === null) yield entry
    else for (const { record } of plantSecrets(entry.record)) yield { ...entry, record }
    planted = true
  }
}

/**
 * G3: on the audit trail of the named database, the records that are missing where its history crosses a boundary or
 * anywhere else, its end too, the records that are not delivered after `pending_bound_s`, and the secrets that records
 * hold in clear. Before it looks for secrets it looks for one of each kind planted in each member.
 *
 * Inconclusive: `target_missing` where no database is named, or its history crosses no boundary; `proof_inconclusive`
 * where no record is delivered and none waits for longer than the bound, or where a planted secret was not found.
 */
export const auditContinuity = defineProbe<
  ReadEntries,
  'boundary_gaps' | 'pending_past_bound' | 'secrets_found'
>({
  version: 1,
  site: 'database',
  isolation: 'parallel',
  sound: withEntries((entries) => entries),
  faulty: {
    boundary_gaps: withFault(leaveOutAfterBoundary),
    pending_past_bound: withFault(ageOneRecord),
    secrets_found: withFault(plantInFirst),
  },
  measure: async (read, context) => {
    const reading = new TrailReading(context)
    await read(async (entries, head) => {
      for await (const entry of entries) {
        endIfAborted(context.signal, 'Measure again.')
        reading.take(entry)
      }
      reading.history.end(head)
    })
    const { history, records, waiting, secrets } = reading
    // What is wrong without a boundary or a delivery is wrong all the same.
    if (history.gaps + waiting.count + secrets.count === 0) requireMeasured(reading)
    const gap =
      history.gapAt === null ? null : `record ${history.gapAt} is missing or does not follow`
    return {
      measured: {
        boundary_gaps: history.gaps,
        pending_past_bound: waiting.count,
        secrets_found: secrets.count,
      },
      met: {
        records,
        boundaries: history.boundaries,
        delivered: reading.delivered,
        canaries: reading.canaries,
      },
      sample_size: records,
      example: gap ?? waiting.example ?? secrets.example,
    }
  },
})

/** How often something was found, and the first case. */
class Cases {
  count = 0
  example: string | null = null
  add(example: string): void {
    this.count += 1
    this.example ??= example
  }
}

class TrailReading {
  readonly history = new HistoryWalk()
  readonly waiting = new Cases()
  readonly secrets = new Cases()
  records = 0
  delivered = 0
  /** Secrets that were planted, and all found. */
  canaries = 0
  private readonly scan = new SecretScan()
  private readonly oldestMs: number

  constructor(context: ProbeContext) {
    const bound = readNumberParam(context, 'pending_bound_s')
    this.oldestMs = context.now().getTime() - bound * 1_000
  }

  take(entry: DeliveryEntry | null): void {
    this.history.take(entry?.record ?? null)
    if (entry === null) return
    const { record, status } = entry
    this.records += 1
    if (this.records === 1) this.canaries = requireCanaries(record)
    if (status === 'delivered') this.delivered += 1
    else if (instantToMs(record.occurred_at) < this.oldestMs)
      this.waiting.add(`record ${record.seq} is ${status} since ${record.occurred_at}`)
    for (const { kind, member } of this.scan.take(record))
      this.secrets.add(`record ${record.seq} holds a secret in ${member}: ${kind}`)
  }
}

/**
 * Looks for each secret that is planted in a record.
 *
 * @returns how many @throws FfError `proof_inconclusive` where one was not found
 */
function requireCanaries(record: AuditRecord): number {
  const planted = plantSecrets(record)
  for (const { record: spoiled, expected } of planted) {
    const { kind, member } = expected
    const found = new SecretScan().take(spoiled)
    if (found.some((one) => one.kind === kind && one.member === member)) continue
    throw new FfError('proof_inconclusive', `A planted ${kind} in ${member} was not found.`, {
      hint: 'This is a bug in ff: report it with the version of ff.',
    })
  }
  return planted.length
}

/** @throws FfError `target_missing` without a boundary, `proof_inconclusive` without a delivery */
function requireMeasured({ history, records, delivered }: TrailReading): void {
  if (history.boundaries === 0) throw makeNoBoundaryError(records)
  if (delivered > 0) return
  throw new FfError(
    'proof_inconclusive',
    `None of the ${records} records is delivered, and none has waited for longer than the bound.`,
    { hint: 'Run `ff audit ship --once`, then measure again.' },
  )
}

const makeNoBoundaryError = (records: number): FfError =>
  new FfError(
    'target_missing',
    `The audit trail of the database has ${records} records, and no boundary with records on both sides.`,
    {
      hint: 'Set FF_DATABASE_URL to the database that ff import wrote to and that a service has changed since.',
    },
  )
