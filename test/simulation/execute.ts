import { compareHeads } from '../../src/core/cutover/heads.ts'
import type {
  CutoverInstance,
  InstanceEffect,
  InstanceStanding,
} from '../../src/core/cutover/instance.ts'
import type { Registration } from '../../src/core/cutover/leases.ts'
import type { LossEffect } from '../../src/core/cutover/loss.ts'
import { PHASE_RULES } from '../../src/core/cutover/phases.ts'
import type { PhaseRecord, WriteRecord } from '../../src/core/cutover/record.ts'
import type { SwitchEffect, SwitchEvent } from '../../src/core/cutover/switch.ts'
import type { WriteEffect, WriteEvent } from '../../src/core/cutover/write.ts'
import type { WriterEffect, WriterView } from '../../src/core/cutover/writer.ts'
import type { Protocol } from './protocol.ts'
import {
  type Actor,
  appendTo,
  type Entry,
  headOf,
  reachesDatabase,
  readChain,
  type World,
} from './world.ts'

/** What adapters do: each effect on the world, at once. Null: it cannot end yet. */

const last = <T>(list: readonly T[]): T => list.at(-1) as T

/** Appends lines to the segment of a term; to no other one, whatever is newer. */
function appendLines(world: World, term: number, lines: readonly Entry[]): void {
  const { file } = world
  file.segments = file.segments.map((one) =>
    one.term === term && one === file.segments.findLast((other) => other.term === term)
      ? {
          ...one,
          lines: [...one.lines, ...lines],
          durable: file.lies ? one.durable : one.lines.length + lines.length,
        }
      : one,
  )
}

export function register(
  registrations: readonly Registration[],
  next: Registration,
): readonly Registration[] {
  return [...registrations.filter(({ id }) => id !== next.id), next]
}

/** A renewal with its answer. False: the place cannot be reached, and nothing happens. */
export function renew(
  world: World,
  protocol: Protocol,
  { actor, effect }: { actor: Actor; effect: InstanceEffect },
): boolean {
  const { instance } = actor
  if (instance === null) return false
  const { file, db } = world
  const held = instance.record ?? (actor.onFileHost ? file.record : db.record)
  const states = actor.writes.map(({ state }) => state)
  const epoch = held === null ? 0 : protocol.findHeldEpoch(held, states)
  const { counter } = effect
  if (effect.do === 'renew_file') {
    file.registrations = register(file.registrations, {
      id: actor.id,
      place: 'file',
      counter,
      epoch,
    })
    const { record, intent } = file
    const event = { type: 'renewed_file', counter, record, intent } as const
    actor.instance = protocol.stepInstance(instance, event)[0]
    // It reads how far the log is announced, and counts once that is applied.
    actor.applied = file.announced
    return true
  }
  if (!reachesDatabase(world, actor)) return false
  const { server, identity, record, publication } = db
  db.registrations = register(db.registrations, { id: actor.id, place: 'database', counter, epoch })
  const reading = { server, identity, record, publication }
  const event = { type: 'renewed_database', counter, ...reading } as const
  actor.instance = protocol.stepInstance(instance, event)[0]
  return true
}

/** What the writer finds; null where the world has stopped. */
export function look(world: World, protocol: Protocol, actor: Actor): WriterView {
  const { file, db } = world
  const chain = readChain(file, protocol.fencesSegments(file))
  const holder = world.actors.find(({ id }) => id === file.lock)
  const at = world.now
  const frozen =
    holder !== undefined &&
    file.registrations.some(({ id }) => id === holder.id) &&
    protocol.listOldHolders(
      actor.watch,
      file.registrations.filter(({ id }) => id === holder.id),
      { epoch: Infinity, at, leaseMs: world.leaseMs },
    ).length === 0
  return {
    lock:
      file.lock === actor.id ? 'mine' : file.lock === null ? 'free' : frozen ? 'abandoned' : 'held',
    record: file.record,
    intent: file.intent,
    segment: last(file.segments),
    head: headOf(chain),
    database: reachesDatabase(world, actor)
      ? {
          server: db.server,
          identity: db.identity,
          record: db.record,
          heads: findHeads(chain, db.log),
          publication: db.publication,
          counters: Object.fromEntries(db.registrations.map(({ id, counter }) => [id, counter])),
        }
      : null,
  }
}

export function findHeads(chain: readonly Entry[], log: readonly Entry[]) {
  const shorter = Math.min(chain.length, log.length)
  const longer = chain.length > log.length ? chain : log
  return {
    file: headOf(chain),
    database: headOf(log),
    common: shorter === 0 ? '' : (longer[shorter - 1]?.hash ?? null),
  }
}

/** Replaces a copy of the record. */
function writeRecord(
  world: World,
  protocol: Protocol,
  { side, record, over }: WriteRecord,
): boolean {
  const place = side === 'file' ? world.file : world.db
  const held = place.record
  if (held === record || (held?.epoch === record.epoch && held.phase === record.phase)) return true
  if (held !== null && held.epoch > over && !protocol.writesOver) return false
  if (side === 'database') {
    if (held?.closed === true && protocol.refusesLeft) return false
    if (record.database !== null && record.database !== world.db.identity) return false
  }
  place.record = record
  if (side === 'file' && PHASE_RULES[record.phase].second === null) flush(world)
  return true
}

/** Where the file is alone the disk says the truth: that is assumed. */
export function flush({ file }: World): void {
  file.lies = false
  file.segments = file.segments.map((one) => ({ ...one, durable: one.lines.length }))
}

/** What the writer does; false where it had no effect. */
export function runWriter(
  world: World,
  protocol: Protocol,
  { actor, effect, late }: { actor: Actor; effect: WriterEffect; late: boolean },
): boolean {
  const { file, db } = world
  const reaches = late ? db.up : reachesDatabase(world, actor)
  const fences = protocol.fencesSegments(file)
  switch (effect.do) {
    case 'take_file_lock':
      return takeLock(world, actor, effect.end)
    case 'begin_segment': {
      const newest = last(file.segments)
      if (file.lock !== actor.id || effect.segment.term < newest.term) return false
      const chain = readChain(file, fences)
      const segments = file.lies
        ? file.segments
        : file.segments.map((one) => ({ ...one, durable: one.lines.length }))
      const next = { ...effect.segment, follows: headOf(chain), lines: [], durable: 0 }
      file.segments = [...segments, next]
      file.announced = chain.length
      return true
    }
    case 'write_record':
      if (effect.side === 'database' ? !reaches : late) return false
      return writeRecord(world, protocol, effect)
    case 'close_database':
      if (!reaches || db.record === null || db.identity !== effect.identity) return false
      db.record = { ...db.record, closed: true }
      db.exclusive = null
      db.shared = []
      return true
    case 'copy':
      return reaches && copy(world, protocol, { actor, effect, late })
    case 'publish': {
      const { publication } = effect
      if (!reaches || db.server !== publication.server || db.record?.closed !== false) return false
      if (protocol.checksEpoch && db.record.epoch !== publication.epoch) return false
      db.publication = publication
      return true
    }
    case 'halt':
      world.halted = `halted by ${actor.id}`
      return true
  }
}

function takeLock(world: World, actor: Actor, end: boolean): boolean {
  const holder = world.actors.find(({ id }) => id === world.file.lock)
  if (holder !== undefined && !end) return false
  if (holder !== undefined) crash(world, holder)
  world.file.lock = actor.id
  return true
}

/** Ends a process: the kernel frees its lock; the server keeps its sessions until it notices. */
export function crash(world: World, actor: Actor): void {
  actor.alive = false
  actor.frozen = false
  if (world.file.lock === actor.id) world.file.lock = null
  actor.renewals = []
  actor.writing = null
  actor.writes = []
  actor.handed = []
  actor.command = null
}

function copy(
  world: World,
  protocol: Protocol,
  { actor, effect, late }: { actor: Actor; effect: WriterEffect & { do: 'copy' }; late: boolean },
): boolean {
  const { file, db } = world
  const chain = readChain(file, protocol.fencesSegments(file))
  const [from, to] = effect.side === 'file' ? [db.log, chain] : [chain, db.log]
  if (protocol.copiesAtHead && headOf(to).hash !== effect.after.hash) return false
  const next = from[effect.after.seq]
  if (next === undefined || !next.hash.startsWith(effect.after.hash)) return false
  if (effect.side === 'file') {
    const newest = last(file.segments)
    if (newest.term !== actor.writer.term || newest.epoch !== effect.epoch) return false
    if (!late && file.lock !== actor.id) return false
    appendLines(world, newest.term, [next])
    file.announced = next.seq
    return true
  }
  if (db.record === null || db.record.closed) return false
  if (protocol.checksEpoch && db.record.epoch !== effect.epoch) return false
  db.log = [...db.log, next]
  return true
}

/** What a write does; null where it cannot end yet. */
export function runWrite(
  world: World,
  protocol: Protocol,
  {
    actor,
    effect,
    session,
    late,
  }: {
    actor: Actor
    effect: WriteEffect
    session: string
    late: boolean
  },
): WriteEvent | 'ended' | null {
  const { file, db } = world
  const reaches = late ? db.up : reachesDatabase(world, actor)
  switch (effect.do) {
    case 'lock_shared': {
      if (!reaches || db.record === null || db.record.closed) return { type: 'failed' }
      if (db.exclusive !== null) return null
      db.shared = [...db.shared, session]
      const { instance } = actor
      const view = viewWrite(world, protocol, actor)
      if (instance === null || view === null) return { type: 'failed' }
      return { type: 'locked', epoch: db.record.epoch, view }
    }
    case 'free_lock':
      db.shared = db.shared.filter((one) => one !== session)
      return 'ended'
    case 'append_file': {
      const newest = last(file.segments)
      const { term } = actor.writer
      const isOwn = newest.term === term && newest.epoch === effect.epoch
      if (!late && (file.lock !== actor.id || (!isOwn && protocol.checksEpoch)))
        return { type: 'failed' }
      const chain = readChain(file, protocol.fencesSegments(file))
      const known = chain.find(({ op }) => op === effect.op)
      if (known !== undefined) return { type: 'durable', seq: known.seq, digest: known.digest }
      // A late write lands in the segment that it was begun in, after what that segment has.
      const own = file.segments.findLast((one) => one.term === term)
      if (own === undefined) return { type: 'failed' }
      const before = isOwn ? headOf(chain) : (own.lines.at(-1) ?? own.follows)
      const line = appendTo(before, effect.op, effect.digest)
      appendLines(world, own.term, [line])
      if (!late) file.announced = line.seq
      return { type: 'durable', seq: line.seq, digest: line.digest }
    }
    case 'commit_database': {
      if (!reaches || db.record === null || (db.record.closed && protocol.refusesLeft))
        return { type: 'failed' }
      const isHeld = db.shared.includes(session) && db.server === effect.server
      if (protocol.checksSession && !isHeld) return { type: 'failed' }
      db.shared = db.shared.filter((one) => one !== session)
      const known = db.log.find(({ op }) => op === effect.op)
      if (known !== undefined) return { type: 'durable', seq: known.seq, digest: known.digest }
      const row = appendTo(headOf(db.log), effect.op, effect.digest)
      db.log = [...db.log, row]
      return { type: 'durable', seq: row.seq, digest: row.digest }
    }
    case 'await_copy': {
      if (actor.writer.copied >= effect.seq) return { type: 'mirrored' }
      const view = viewWrite(world, protocol, actor)
      return view === null ? null : { type: 'moved', view }
    }
    case 'await_publication': {
      if (!reaches) return null
      const row = db.log.find(({ op }) => op === effect.op)
      if (row === undefined) return { type: 'gone' }
      const { record } = db
      const isOver =
        record !== null && !record.closed && PHASE_RULES[record.phase].second !== 'file'
      return isOver || (db.publication?.seq ?? 0) >= row.seq ? { type: 'mirrored' } : null
    }
    case 'answer':
      return 'ended'
  }
}

/** What an instance may do now, as a write sees it; null without a record. */
export function viewWrite(world: World, protocol: Protocol, actor: Actor) {
  const { instance } = actor
  if (instance?.record === undefined || instance.record === null) return null
  const { record } = instance
  const { refusal } = assess(world, protocol, { actor, instance })
  return { record, refusal, server: instance.server }
}

/** What an instance sees of its authority. */
export function readAuthority(world: World, protocol: Protocol, actor: Actor): readonly Entry[] {
  const { file, db } = world
  const phase = actor.instance?.record?.phase
  if (phase !== undefined && PHASE_RULES[phase].authority === 'database') return db.log
  const own = file.lock === actor.id ? file.announced : actor.applied
  return readChain(file, protocol.fencesSegments(file)).slice(0, own)
}

export function assess(
  world: World,
  protocol: Protocol,
  { actor, instance }: { actor: Actor; instance: CutoverInstance },
): InstanceStanding {
  const { record } = instance
  const writes =
    record !== null && world.file.lock === actor.id && protocol.mayWriteFile(actor.writer, record)
  const at = protocol.readClock(world, actor)
  const seen = Math.max(actor.served, actor.acknowledged)
  const rules = record === null ? null : PHASE_RULES[record.phase]
  const isPaired = rules?.authority === 'file' && rules.second !== null
  const known = isPaired ? (world.file.vouched ?? Infinity) : 0
  const behind = readAuthority(world, protocol, actor).length < Math.max(seen, known)
  return protocol.assessInstance(instance, { at, leaseMs: world.leaseMs, writes, behind })
}

/** Whether the writer has compared the heads under the epoch that stands, and the database has not failed over since. */
export const isCompared = ({ actors, file, db }: World): boolean =>
  actors.some(
    ({ id, writer }) =>
      id === file.lock &&
      writer.compared?.epoch === file.record.epoch &&
      writer.compared.server === db.server,
  )

/** Whether the holder of the file's lock answers a command: it runs, its segment is the newest, and it appends nothing. */
export function answersAsWriter({ actors, file }: World, command: Actor): boolean {
  const holder = actors.find(({ id }) => id === file.lock)
  if (holder === undefined || holder === command) return holder !== undefined
  const isAppending = holder.writes.some(({ queue }) => queue[0]?.do === 'append_file')
  const isNewest = holder.writer.term === last(file.segments).term
  return holder.alive && !holder.frozen && isNewest && !isAppending
}

const DONE: SwitchEvent = { type: 'done' }
const FAILED: SwitchEvent = { type: 'failed' }
const result = (done: boolean): SwitchEvent => (done ? DONE : FAILED)

/** What a command that moves the cutover does; null where it cannot end yet. */
export function runSwitch(
  world: World,
  protocol: Protocol,
  { actor, effect, late }: { actor: Actor; effect: SwitchEffect; late: boolean },
): SwitchEvent | null {
  const { file, db } = world
  const reaches = late ? db.up : reachesDatabase(world, actor)
  const chain = (): readonly Entry[] => readChain(file, protocol.fencesSegments(file))
  switch (effect.do) {
    case 'read_records': {
      if (!reaches) return FAILED
      return { type: 'records', file: file.record, database: db.record, intent: file.intent }
    }
    case 'write_record':
      if (effect.side === 'database' && !reaches) return FAILED
      return result(writeRecord(world, protocol, effect))
    case 'leave_mirror': {
      const { server, publication, record } = db
      const isOwn = publication?.server === server && publication.epoch === record?.epoch
      if (!reaches || !isOwn) return FAILED
      return result(
        writeRecord(world, protocol, { ...effect, do: 'write_record', side: 'database' }),
      )
    }
    case 'await_held': {
      const known = reaches ? [...file.registrations, ...db.registrations] : file.registrations
      const { epoch } = effect
      const scope = { epoch, at: world.now, leaseMs: world.leaseMs }
      return protocol.listOldHolders(actor.watch, known, scope).length === 0 ? DONE : null
    }
    case 'await_compared': {
      if (!reaches) return FAILED
      return isCompared(world) ? DONE : null
    }
    case 'await_caught_up': {
      if (!reaches) return FAILED
      const { authority } = PHASE_RULES[file.record.phase]
      const behind = authority === 'file' ? db.log.length : chain().length
      const ahead = authority === 'file' ? chain().length : db.log.length
      return behind >= ahead ? DONE : null
    }
    case 'write_intent':
      file.intent = effect.intent
      return DONE
    case 'drain':
      return DONE
    case 'lock_exclusive':
      if (!reaches || db.record === null) return FAILED
      if (db.exclusive === actor.id) return DONE
      if (db.exclusive !== null || db.shared.length > 0) return null
      db.exclusive = actor.id
      return DONE
    case 'await_writer':
      return answersAsWriter(world, actor) ? DONE : null
    case 'check_heads': {
      if (!reaches || db.exclusive !== actor.id) return FAILED
      return result(compareHeads(findHeads(chain(), db.log)) === 'equal')
    }
    case 'decide': {
      if (!reaches || db.record?.epoch !== effect.record.epoch - 1) return FAILED
      if (protocol.checksSession && db.exclusive !== actor.id) return FAILED
      db.record = effect.record
      db.log = [...db.log, appendTo(headOf(db.log), `#${effect.record.epoch}`, 'boundary')]
      return DONE
    }
    case 'free_lock':
      if (!reaches) return FAILED
      if (db.exclusive === actor.id) db.exclusive = null
      return DONE
    case 'rebuild_mirror': {
      if (!reaches) return FAILED
      const head = headOf(chain())
      if (head.seq > 0 && db.log[head.seq - 1]?.hash !== head.hash) return FAILED
      const newest = last(file.segments)
      appendLines(world, newest.term, db.log.slice(head.seq))
      file.announced = db.log.length
      return DONE
    }
  }
}

/** What a command that decides with one side does; null where it cannot end yet. */
export function runLoss(
  world: World,
  protocol: Protocol,
  { actor, effect, startedAt }: { actor: Actor; effect: LossEffect; startedAt: number },
): boolean | null {
  const { file } = world
  switch (effect.do) {
    case 'end_writer':
      return takeLock(world, actor, true)
    case 'await_lease':
      return world.now > startedAt + world.leaseMs ? true : null
    case 'take_lines': {
      const { epoch, term } = last(file.segments)
      const segment = { epoch, term: term + 1 }
      const begin = { do: 'begin_segment', segment } as const
      return runWriter(world, protocol, { actor, effect: begin, late: false })
    }
    case 'write_record':
      if (effect.side === 'database' && !reachesDatabase(world, actor)) return false
      return writeRecord(world, protocol, effect)
  }
}

/** The record that decides, by all that is durable. */
export function findTruth({ file, db }: World): PhaseRecord {
  if (file.record.database === null || db.record === null || db.record.closed) return file.record
  return db.record.epoch > file.record.epoch ? db.record : file.record
}
