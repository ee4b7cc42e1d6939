import type { AuditChainHead } from '../../src/core/audit/record.ts'
import type {
  CutoverInstance,
  InstanceEffect,
  MirrorPublication,
} from '../../src/core/cutover/instance.ts'
import { startInstance } from '../../src/core/cutover/instance.ts'
import type { HandedEffect, HandedWrite } from '../../src/core/cutover/handed-write.ts'
import type { LeaseWatch, Registration } from '../../src/core/cutover/leases.ts'
import type { LossCommand, LossEffect } from '../../src/core/cutover/loss.ts'
import type { DrillWatch } from '../../src/core/cutover/drill.ts'
import type { CutoverPhase, CutoverSide } from '../../src/core/cutover/phases.ts'
import type { PhaseRecord, StepIntent } from '../../src/core/cutover/record.ts'
import type { CutoverSwitch, SwitchEffect } from '../../src/core/cutover/switch.ts'
import type { CutoverWrite, WriteEffect } from '../../src/core/cutover/write.ts'
import {
  IDLE_WRITER,
  type LogSegment,
  type MirrorWriter,
  type WriterEffect,
} from '../../src/core/cutover/writer.ts'

/** A change or a boundary record. The hash spells the chain, so that one chain continues another where it begins with it. */
export interface Entry extends AuditChainHead {
  readonly op: string
  readonly digest: string
}
export interface Segment extends LogSegment {
  readonly lines: readonly Entry[]
  /** Of the lines, how many outlive a power cut. */
  readonly durable: number
}

/** The store's folder. Objects inside are replaced, never changed, so that a copy of the world shares them. */
export interface FileSide {
  /** Id of the process that holds the file's lock. */
  lock: string | null
  record: PhaseRecord
  intent: StepIntent | null
  segments: readonly Segment[]
  /** What followers may apply. */
  announced: number
  registrations: readonly Registration[]
  /** Where the file ended when a writer had compared the heads first since the host was started; null before. */
  vouched: number | null
  /** The disk says that it has flushed, and has not. */
  lies: boolean
}
export interface DatabaseSide {
  up: boolean
  server: string
  identity: string
  record: PhaseRecord | null
  log: readonly Entry[]
  publication: MirrorPublication | null
  registrations: readonly Registration[]
  /** Sessions that hold the switch lock. */
  exclusive: string | null
  shared: readonly string[]
  /** What a standby has. */
  standby: Pick<DatabaseSide, 'record' | 'log' | 'publication' | 'registrations'> | null
}

export interface WriteAtActor {
  readonly state: CutoverWrite
  readonly queue: readonly WriteEffect[]
  /** The follower that handed it over; null for a client of the writer itself. */
  readonly via: string | null
}
/** A write that a follower has handed over. */
export interface WriteAtFollower {
  readonly state: HandedWrite
  readonly effect: HandedEffect | null
  /** The writer that has it. */
  readonly to: string | null
}
export type Command =
  | { readonly kind: 'switch'; readonly state: CutoverSwitch; readonly effect: SwitchEffect | null }
  | {
      readonly kind: 'loss'
      readonly state: LossCommand
      readonly effect: LossEffect | null
      readonly startedAt: number
    }

/** A process: an instance, or the one that runs a command. */
export interface Actor {
  name: string
  /** Of this start. */
  id: string
  onFileHost: boolean
  alive: boolean
  frozen: boolean
  /** Null for the coordinator. */
  instance: CutoverInstance | null
  renewals: readonly InstanceEffect[]
  writer: MirrorWriter
  writing: WriterEffect | null
  writes: readonly WriteAtActor[]
  handed: readonly WriteAtFollower[]
  command: Command | null
  /** The drill as it sees it while it holds the file's lock, and when it has tried the way back last. */
  drill: DrillWatch | null
  returnedAt: number
  watch: LeaseWatch
  /** The last line that a follower has applied. */
  applied: number
  /** What the invariants remember: the newest change that it acknowledged and that it served unmarked. */
  acknowledged: number
  served: number
}

export interface Pledge {
  readonly op: string
  readonly seq: number
  readonly hash: string
  readonly at: number
  readonly kind: 'acknowledged' | 'mirror_behind'
  /** In `complete`, where the replication of the database promises it. */
  readonly alone: boolean
}

/** An effect of a process that ended while the effect was under way. */
export interface Floating {
  readonly actor: Actor
  readonly effect: WriteEffect | WriterEffect | SwitchEffect
  readonly session: string
}

export interface World {
  now: number
  leaseMs: number
  /** Wall clock of each host less the true time. */
  wall: { file: number; other: number }
  /** Links that are cut. */
  cut: { file: boolean; other: boolean }
  db: DatabaseSide
  file: FileSide
  actors: Actor[]
  floating: readonly Floating[]
  promises: readonly Pledge[]
  nextOp: number
  nextStart: number
  /** An operator has decided with one side. */
  lossTaken: boolean
  /** A side has lost what it alone had: by such a decision, a promotion, or a disk that lied. */
  tailLost: boolean
  /** The newest record that was decided, and the attempt under which the last step forth was taken. */
  decided: PhaseRecord
  forthAttempt: number
  /** The newest epoch decided in which a side was enough by itself. */
  enough: Readonly<Record<CutoverSide, number>>
  /** How the last command ended. */
  ended: string | null
  /** The writer has stopped everything. */
  halted: string | null
  violation: string | null
}

export const EMPTY: AuditChainHead = { seq: 0, hash: '' }

export const appendTo = (head: AuditChainHead, op: string, digest: string): Entry => ({
  op,
  digest,
  seq: head.seq + 1,
  hash: `${head.hash}.${op}`,
})

export const headOf = (log: readonly Entry[]): AuditChainHead => log.at(-1) ?? EMPTY

/** The lines that count: what an older segment holds past the head of a newer one does not. */
export function readChain(file: FileSide, fences = true): readonly Entry[] {
  if (file.segments.length === 1) return file.segments[0]?.lines ?? []
  const chain: Entry[] = []
  for (const { follows, lines } of file.segments) {
    if (fences && chain.length > follows.seq) chain.length = follows.seq
    for (const line of lines) chain.push(line)
  }
  return chain
}

const RECORD: PhaseRecord = {
  epoch: 1,
  phase: 'file',
  armed: false,
  attempt: 1,
  database: null,
  survivor: 'file',
  scratch: false,
  drillEndsAt: null,
  closed: false,
}

export interface WorldOptions {
  readonly phase?: CutoverPhase
  readonly survivor?: CutoverSide
  /** The end of a drill that is under way. */
  readonly drillEndsAt?: number
  /** Names of instances; those of another host begin with `o`. */
  readonly instances?: readonly string[]
  readonly leaseMs?: number
}

/** A world at rest in a phase, with one change that both sides have. */
export function createWorld(options: WorldOptions = {}): World {
  const { phase = 'file', survivor = 'file', drillEndsAt = null } = options
  const { instances = ['a', 'b'], leaseMs = 3 } = options
  const joined = phase !== 'file'
  const record = { ...RECORD, survivor, phase, drillEndsAt, database: joined ? 'db1' : null }
  const first = appendTo(EMPTY, 'w0', 'w0')
  const segment = { epoch: 0, term: 0, follows: EMPTY, lines: [first], durable: 1 }
  const world: World = {
    now: 0,
    leaseMs,
    wall: { file: 0, other: 0 },
    cut: { file: false, other: false },
    db: {
      up: true,
      server: 's1',
      identity: 'db1',
      record: joined ? record : null,
      log: joined ? [first] : [],
      publication: null,
      registrations: [],
      exclusive: null,
      shared: [],
      standby: null,
    },
    file: {
      lock: null,
      record,
      intent: null,
      segments: [segment],
      announced: 1,
      registrations: [],
      vouched: 0,
      lies: false,
    },
    actors: [],
    floating: [],
    promises: [{ op: 'w0', seq: 1, hash: first.hash, at: 0, kind: 'acknowledged', alone: false }],
    nextOp: 1,
    nextStart: 1,
    lossTaken: false,
    tailLost: false,
    decided: record,
    forthAttempt: record.attempt,
    enough: { file: phase === 'file' ? 1 : 0, database: 0 },
    ended: null,
    halted: null,
    violation: null,
  }
  for (const name of [...instances, 'k']) world.actors.push(startActor(world, name))
  return world
}

export function startActor(world: World, name: string): Actor {
  const id = `${name}${world.nextStart++}`
  const onFileHost = !name.startsWith('o')
  return {
    name,
    id,
    onFileHost,
    alive: true,
    frozen: false,
    instance: name === 'k' ? null : startInstance(id, onFileHost),
    renewals: [],
    writer: IDLE_WRITER,
    writing: null,
    writes: [],
    handed: [],
    command: null,
    drill: null,
    returnedAt: -1,
    watch: {},
    applied: onFileHost ? world.file.announced : 0,
    acknowledged: 0,
    served: 0,
  }
}

/** A copy that may be changed; what is replaced as a whole is shared. */
export const copyWorld = (world: World): World => ({
  ...world,
  wall: { ...world.wall },
  cut: { ...world.cut },
  db: { ...world.db },
  file: { ...world.file },
  actors: world.actors.map((actor) => ({ ...actor })),
})

export const reachesDatabase = (world: World, actor: Actor): boolean =>
  world.db.up && !(actor.onFileHost ? world.cut.file : world.cut.other)
