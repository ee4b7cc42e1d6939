import { changesAuthority, type CutoverPhase, PHASE_RULES } from '../../core/cutover/phases.ts'
import type {
  CutoverStatusDocument,
  InstanceStatus,
  StepBlock,
} from '../../core/report/cutover-documents.ts'
import {
  findAdvanceGoal,
  findStandingRecord,
  findWayOut,
  type WayOut,
} from '../../core/cutover/way-out.ts'
import type { RegisteredInstance } from '../../ports/cutover.ts'
import { type CutoverClock, LeaseObserver } from './lease-observer.ts'
import { describeLease, listOtherLeases } from './other-lease.ts'
import { type CutoverSides, readSides, type SidesReading } from './read-sides.ts'

export interface StatusTools {
  readonly sides: CutoverSides
  readonly clock: CutoverClock
  readonly leaseMs: number
  readonly signal: AbortSignal
  /** The name of this host, as instances register it. */
  readonly host: string
  /** The process that holds the file's lock; null where that is not known. */
  readonly findWriter: () => Promise<{ readonly pid: number } | null>
}

/**
 * `ff cutover status`: reads both sides, and watches renewals for at most half a lease. Changes nothing.
 *
 * @throws FfError of the file's side
 */
export async function readCutoverStatus(tools: StatusTools): Promise<CutoverStatusDocument> {
  const observer = new LeaseObserver(tools.sides, tools)
  const reading = await watchRenewals(tools, observer)
  const { situation, fileHead, database, registered } = reading
  const record = findStandingRecord(situation)
  const writer = (await tools.findWriter())?.pid ?? null
  const instances = listInstances(registered, { observer, writer, host: tools.host })
  const { file } = situation
  return {
    phase: record.phase,
    epoch: record.epoch,
    attempt: record.attempt,
    armed: record.armed,
    intent: situation.intent,
    survivor: record.survivor,
    scratch: record.scratch,
    drill_ends_at: record.drillEndsAt === null ? null : new Date(record.drillEndsAt).toISOString(),
    file: { epoch: file.epoch, phase: file.phase, ...fileHead },
    database:
      database === null
        ? null
        : {
            epoch: database.record?.epoch ?? null,
            phase: database.record?.phase ?? null,
            ...database.head,
            identity: database.identity,
            closed: database.record?.closed ?? false,
          },
    lag: findLag(reading, record.phase),
    instances,
    blocks: listBlocks(reading, instances, tools),
    next: findWayOut(situation),
  }
}

/** Looks again until every instance has renewed, at most half a lease. */
async function watchRenewals(
  { sides, clock, leaseMs, signal }: StatusTools,
  observer: LeaseObserver,
): Promise<SidesReading> {
  const until = clock.now() + leaseMs / 2
  for (;;) {
    const reading = await readSides(sides)
    observer.see(reading.registered)
    const isSeen = reading.registered.every((one) => observer.hasRenewed(one))
    if (isSeen || clock.now() >= until || signal.aborted) return reading
    await clock.rest(leaseMs / 10, signal)
  }
}

function listInstances(
  registered: readonly RegisteredInstance[],
  {
    observer,
    writer,
    host,
  }: {
    readonly observer: LeaseObserver
    readonly writer: number | null
    readonly host: string
  },
): readonly InstanceStatus[] {
  const ids = [...new Set(registered.map(({ id }) => id))].sort()
  return ids.map((id) => {
    const own = registered.filter((one) => one.id === id)
    const [first] = own as [RegisteredInstance]
    const { facts } = first
    return {
      id,
      host: facts.host,
      pid: facts.pid,
      code: facts.code,
      epoch: Math.max(...own.map(({ epoch }) => epoch)),
      places: own.map(({ place }) => place),
      live: own.some((one) => observer.hasRenewed(one)),
      writer: facts.host === host ? facts.pid === writer : null,
    }
  })
}

function findLag(
  { fileHead, database }: SidesReading,
  phase: CutoverPhase,
): CutoverStatusDocument['lag'] {
  const { authority, second } = PHASE_RULES[phase]
  if (second === null || database === null) return null
  const [first, other] =
    authority === 'file' ? [fileHead, database.head] : [database.head, fileHead]
  return { changes: Math.max(0, first.seq - other.seq) }
}

const STANDINGS: Readonly<Partial<Record<WayOut['standing'], StepBlock>>> = {
  drill: { code: 'drill', detail: 'out of a drill there is the way back alone' },
  chains_forked: { code: 'chains_forked', detail: 'both sides go on differently' },
  database_left: { code: 'database_left', detail: 'this database is never joined again' },
  other_database: { code: 'other_database', detail: 'FF_DATABASE_URL leads to another database' },
}

/** What keeps `ff cutover advance` from its step, as far as it can be told without the gate. */
function listBlocks(
  reading: SidesReading,
  instances: readonly InstanceStatus[],
  { host, leaseMs }: Pick<StatusTools, 'host' | 'leaseMs'>,
): readonly StepBlock[] {
  const { situation, database, fault } = reading
  const goal = findAdvanceGoal(situation)
  if (database === null)
    return [{ code: 'database_unreachable', detail: fault?.message ?? 'it does not answer' }]
  const standing = STANDINGS[findWayOut(situation).standing]
  if (standing !== undefined) return [standing]
  const record = findStandingRecord(situation)
  const live = instances.filter((one) => one.live)
  const blocks = [
    ...listOldEpochs(live, record.epoch),
    ...listOtherLease(reading.registered, live, leaseMs),
  ]
  if (goal === null || !changesAuthority(record.phase, goal)) return blocks
  const there = live.filter((one) => one.host === host)
  if (there.length < 2)
    blocks.push({ code: 'few_instances', detail: `${there.length} of 2 on ${host}` })
  const lag = findLag(reading, record.phase)
  if (lag !== null && lag.changes > 0)
    blocks.push({ code: 'mirror_behind', detail: `${lag.changes} changes` })
  if (!database.slotsFree)
    blocks.push({ code: 'slots_held', detail: 'ff audit ship holds a slot of the database' })
  if (!record.scratch)
    blocks.push({ code: 'needs_go', detail: 'ff gate says GO, or what is missing' })
  return blocks
}

const listOldEpochs = (live: readonly InstanceStatus[], now: number): readonly StepBlock[] =>
  live
    .filter(({ epoch }) => epoch < now)
    .map(({ id, epoch }) => ({ code: 'older_epoch', detail: `${id} holds epoch ${epoch}` }))

/** One instance that lives with another lease than this command is enough to say so. */
function listOtherLease(
  registered: readonly RegisteredInstance[],
  live: readonly InstanceStatus[],
  leaseMs: number,
): readonly StepBlock[] {
  const isLive = ({ id }: RegisteredInstance): boolean => live.some((one) => one.id === id)
  const other = listOtherLeases(registered, leaseMs).find(isLive)
  if (other === undefined) return []
  const detail = `${describeLease(other)}, and FF_CUTOVER_LEASE is ${leaseMs / 1_000} here`
  return [{ code: 'other_lease', detail }]
}
