import { compareHeads } from '../../src/core/cutover/heads.ts'
import { CUTOVER_PHASES, isEnough, PHASE_RULES } from '../../src/core/cutover/phases.ts'
import type { PhaseRecord } from '../../src/core/cutover/record.ts'
import type { WriteAnswer } from '../../src/core/cutover/write.ts'
import { assess, findHeads, findTruth, readAuthority } from './execute.ts'
import type { Protocol } from './protocol.ts'
import { type Actor, type Entry, headOf, reachesDatabase, readChain, type World } from './world.ts'

export interface GivenAnswer {
  readonly actor: Actor
  readonly op: string
  /** Under which the answering process carried it out, or holds now. */
  readonly record: PhaseRecord
  readonly answer: WriteAnswer
}

const fail = (world: World, what: string): void => {
  world.violation ??= what
}

/** An answer reaches the client: it is a promise where it says that the change is in effect. */
export function acknowledge(
  world: World,
  protocol: Protocol,
  { actor, op, record, answer }: GivenAnswer,
): void {
  if (answer.status !== 'acknowledged' && answer.status !== 'mirror_behind') return
  const { seq, status: kind } = answer
  const at = world.now
  const chain = readChain(world.file, protocol.fencesSegments(world.file))
  const row = [...world.db.log, ...chain].find((one) => one.op === op)
  // A promotion takes away what the database alone has, also before the answer leaves.
  if (row === undefined && kind === 'mirror_behind' && world.tailLost) return
  if (row === undefined) return fail(world, `lost: ${op} was ${kind} and is on no side`)
  const { authority } = PHASE_RULES[record.phase]
  const alone = authority === 'database' && wasEnough(world, record)
  world.promises = [...world.promises, { op, seq, hash: row.hash, at, kind, alone }]
  if (kind === 'mirror_behind') return
  actor.acknowledged = Math.max(actor.acknowledged, seq)
}

/** A client asks for a decision: an unmarked one has to be as new as promised. */
export function serve(world: World, protocol: Protocol, actor: Actor): void {
  const { instance } = actor
  if (instance?.record === undefined || instance.record === null) return
  const { record } = instance
  const { db } = world
  if (assess(world, protocol, { actor, instance }).stale) return
  const { authority } = PHASE_RULES[record.phase]
  if (authority === 'database' && (!reachesDatabase(world, actor) || db.server !== instance.server))
    return
  const served = headOf(readAuthority(world, protocol, actor))
  if (served.seq < actor.served) fail(world, `backwards: ${actor.name} served ${served.seq}`)
  if (served.seq < actor.acknowledged)
    fail(world, `unread: ${actor.name} acknowledged ${actor.acknowledged}, served ${served.seq}`)
  actor.served = served.seq
  const side = authority === 'database' ? db.log : readChain(world.file)
  for (const one of world.promises)
    if (one.kind === 'acknowledged' && one.seq > side.length)
      fail(world, `parted: ${actor.name} serves the ${authority}, which lacks ${one.op}`)
  const bound = world.now - world.leaseMs
  for (const one of world.promises)
    if (one.kind === 'acknowledged' && one.at < bound && one.seq > served.seq)
      fail(world, `old: ${actor.name} served ${served.seq} a lease after ${one.op}`)
}

/** Whether the authority of a record was enough by itself under it, or under one that was decided since. */
const wasEnough = ({ enough }: World, { phase, epoch }: PhaseRecord): boolean => {
  const { authority, second } = PHASE_RULES[phase]
  return second === null || enough[authority] > epoch
}

/**
 * The process that carried a write out answers: the second side of its phase has the change, or it is no acknowledgement,
 * unless a record has been decided since that asks for none.
 */
export function checkSecond(
  world: World,
  protocol: Protocol,
  { op, record, answer }: GivenAnswer,
): void {
  const { second } = PHASE_RULES[record.phase]
  // A promotion may have taken it away since.
  if (answer.status !== 'acknowledged' || wasEnough(world, record) || world.tailLost) return
  const chain = readChain(world.file, protocol.fencesSegments(world.file))
  if (!(second === 'file' ? chain : world.db.log).some((one) => one.op === op))
    fail(world, `early: ${op} was acknowledged before the ${second} has it`)
}

const has = (log: readonly Entry[], { seq, hash }: { seq: number; hash: string }): boolean =>
  log[seq - 1]?.hash === hash

/** Checks what holds after every step; notes the first violation in the world. */
export function checkWorld(world: World, protocol: Protocol): void {
  if (world.violation !== null) return
  const { db, file } = world
  const chain = readChain(file, protocol.fencesSegments(file))
  const truth = findTruth(world)
  checkAttempt(world, truth)
  const { authority, second } = PHASE_RULES[truth.phase]
  const joined = truth.database === db.identity && db.record?.closed !== true
  const order = joined ? compareHeads(findHeads(chain, db.log)) : 'equal'
  if (second !== null && order === 'forked' && !world.lossTaken) fail(world, 'forked: two chains')
  const own = authority === 'file' ? chain : db.log
  const other = authority === 'file' ? db.log : chain
  // A side that continues the authority fills it up before anything is written or answered.
  const continues =
    second !== null && order === (authority === 'file' ? 'database_continues' : 'file_continues')
  for (const promise of world.promises) {
    if (promise.kind === 'mirror_behind' && world.tailLost) continue
    if (!has(own, promise) && !(continues && has(other, promise)))
      fail(world, `lost: ${promise.op} was ${promise.kind} and is not in the ${authority}`)
  }
  const last = world.promises.findLast(({ kind }) => kind === 'acknowledged')
  for (const promise of world.promises)
    if (promise.kind === 'acknowledged' && last !== undefined && !isOneChain(promise, last))
      fail(world, `split: ${promise.op} and ${last.op} were acknowledged on two chains`)
}

/** A way back ends the signatures of the attempt before, unless a drill takes it. */
function checkAttempt(world: World, truth: PhaseRecord): void {
  const { decided } = world
  if (truth.epoch <= decided.epoch) return
  const way = CUTOVER_PHASES.indexOf(truth.phase) - CUTOVER_PHASES.indexOf(decided.phase)
  if (way < 0 && decided.drillEndsAt === null && truth.attempt <= world.forthAttempt)
    fail(world, `attempt: back to ${truth.phase} under the attempt ${truth.attempt} as before`)
  const isMoved = way !== 0 && decided.drillEndsAt !== null && !world.lossTaken
  if (isMoved && truth.attempt !== decided.attempt)
    fail(world, `attempt: ${truth.attempt} after a drill under ${decided.attempt}`)
  if (isMoved && way > 0) fail(world, `drill: it leads on to ${truth.phase}`)
  if (way > 0) world.forthAttempt = truth.attempt
  world.decided = truth
  const { authority } = PHASE_RULES[truth.phase]
  if (isEnough(truth.phase, authority)) world.enough = { ...world.enough, [authority]: truth.epoch }
}

const isOneChain = (one: { hash: string }, other: { hash: string }): boolean =>
  one.hash.startsWith(other.hash) || other.hash.startsWith(one.hash)
