import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { KeepOpen } from '../../concurrency/open-all.ts'
import { nameEnvironment } from '../../core/auth/environment.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import { FfError } from '../../errors.ts'
import type { ServeOptions } from '../../ports/adapters.ts'
import type {
  CarriedOut,
  CutoverDatabase,
  CutoverFile,
  InstanceFacts,
  NamedOperation,
  RegisteredInstance,
} from '../../ports/cutover.ts'
import type { ServiceLog } from '../../ports/telemetry.ts'
import { InstanceLoop } from '../cutover/instance-loop.ts'
import { CUTOVER_CLOCK, readLeaseClock } from '../cutover/lease-clock.ts'
import { findOtherLease, otherLeaseError } from '../cutover/other-lease.ts'
import { WriteRunner } from '../cutover/write-runner.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { digestConfiguration, type RunningVersion } from '../team-folder/identity.ts'
import type { Backing } from './backing.ts'
import type { ChangeListeners } from './change-listeners.ts'
import { ManagedFile, type ManagedFileParts } from './managed-file.ts'
import { ManagedStore } from './managed-store.ts'
import { readDigestKey } from './secret-file.ts'
import type { ServeRequest } from './start-plan.ts'

/** How often the instance looks how far the file's rows have come. */
const FOLLOW_MS = 100
/** A failure that stays is logged again after this time. */
const LOG_AGAIN_MS = 30_000

interface ManagedRequest {
  readonly serve: ServeRequest & { readonly version: RunningVersion | null }
  readonly target: TargetSpec
  /** What reads the database. */
  readonly database: Backing
}

/**
 * Joins the cutover as an instance: opens the file where FF_STORE_DIR names it on this host, and what writes to the
 * database; registers, and renews until it is closed. The lock of the file is freed as its last act.
 *
 * @throws FfError of the file's store
 */
export async function openManaged(
  { serve, target, database }: ManagedRequest,
  keep: KeepOpen,
): Promise<ManagedStore> {
  const { adapters, log } = serve
  const { FF_STORE_DIR, FF_CUTOVER_LEASE, FF_STORE_DEADLINE, FF_STALE_MAX } = serve.settings
  const leaseMs = FF_CUTOVER_LEASE * 1_000
  const boundMs = FF_STORE_DEADLINE * 1_000
  const failed = createFailureLog(log)
  // Each of these refers to the others, and is used once all are made.
  const { tools, ...needs } = await readNeeds(serve, () => instance.record?.phase ?? 'file')
  const side = await keep(adapters.openCutoverDatabase(target, { ...needs, tools }), (one) =>
    one.end(),
  )
  const cutover = FF_STORE_DIR === null ? null : await adapters.openCutoverFile(FF_STORE_DIR)
  await refuseOtherLease(cutover ?? { instances: () => listThere(side, failed) }, leaseMs)
  const carryOut = async (operation: NamedOperation): Promise<CarriedOut> =>
    (await runner.run(operation)) ?? NOT_HELD
  const file = createFile(serve, { cutover, target, tools, database: side, carryOut, failed })
  const instance = new InstanceLoop({
    id: randomUUID(),
    facts: describe(serve),
    file: cutover,
    database: side,
    leaseMs,
    now: readLeaseClock,
    writes: () => runner.writes,
    isCurrent: () => file?.rows?.isCurrent() ?? false,
    failed,
  })
  const runner: WriteRunner = new WriteRunner({
    database: side,
    view: () => store.view(),
    held: () => file?.held ?? null,
    changed: instance.changed,
    leaseMs,
    boundMs,
    ended: () => instance.noteWriteEnded(),
    sawDatabase: (server, seq) => instance.sawDatabase(server, seq),
    failed: (error) => failed('write', error),
  })
  const store: ManagedStore = new ManagedStore({
    file: () => file?.rows ?? null,
    onFileHost: file !== null,
    database,
    instance,
    runner,
    held: () => file?.held ?? null,
    staleMaxMs: FF_STALE_MAX * 1_000,
  })
  if (file !== null) await keep(file.followPhase(), () => file.close())
  await keep(instance.start().then(() => instance))
  if (file !== null) {
    const { changes } = database
    await keep(FileFollower.start({ file, instance, store, changes, failed }))
  }
  return store
}

/**
 * An instance with a shorter lease than the others would end a writer that is well.
 *
 * @throws FfError `setting_invalid` where an instance lives with another lease; of the file's side
 */
async function refuseOtherLease(
  { instances }: Pick<CutoverFile, 'instances'>,
  leaseMs: number,
): Promise<void> {
  const { signal } = new AbortController()
  const other = await findOtherLease(instances, { leaseMs, clock: CUTOVER_CLOCK, signal })
  if (other !== null) throw otherLeaseError('setting_invalid', other, leaseMs)
}

/** The instances of the database, for one on another host than the file's; none while it does not answer. */
async function listThere(
  database: CutoverDatabase,
  failed: (place: string, error: unknown) => void,
): Promise<readonly RegisteredInstance[]> {
  try {
    return (await database.look(0)).instances
  } catch (error) {
    failed('database', error)
    return []
  }
}

/** Of each wait of the way back of a drill, in milliseconds. */
const RETURN_BOUND_MS = 30_000

function describeDrillReturn(
  { root, adapters, settings }: ServeRequest,
  sides: Pick<ManagedFileParts['drill']['request'], 'folder' | 'tools' | 'database'>,
): ManagedFileParts['drill'] {
  const { FF_CUTOVER_LEASE, FF_DRAIN_DELAY } = settings
  return {
    request: { ...sides, root, adapters, environment: nameEnvironment(settings) },
    limits: {
      boundMs: RETURN_BOUND_MS,
      leaseMs: FF_CUTOVER_LEASE * 1_000,
      drainMs: FF_DRAIN_DELAY * 1_000,
    },
    host: hostname(),
  }
}

/** Null on another host than the file's. */
function createFile(
  serve: ServeRequest,
  {
    cutover,
    target,
    carryOut,
    ...parts
  }: Pick<ManagedFileParts, 'tools' | 'database' | 'failed'> & {
    readonly cutover: CutoverFile | null
    readonly target: TargetSpec
    readonly carryOut: (operation: NamedOperation) => Promise<CarriedOut>
  },
): ManagedFile | null {
  const { adapters, settings, log } = serve
  const { FF_STORE_DIR: folder, FF_CUTOVER_LEASE, FF_STORE_DEADLINE } = settings
  if (folder === null || cutover === null) return null
  return new ManagedFile({
    ...parts,
    adapters,
    folder,
    cutover,
    drill: describeDrillReturn(serve, { folder, tools: parts.tools, database: target }),
    leaseMs: FF_CUTOVER_LEASE * 1_000,
    // A take-over after a lease of silence has to fit in.
    handOverMs: Math.max(FF_STORE_DEADLINE, 2 * FF_CUTOVER_LEASE) * 1_000,
    carryOut: (_writer, operation) => carryOut(operation),
    log,
  })
}

/** The lock was freed before the write began. */
const NOT_HELD: CarriedOut = { answer: { status: 'refused', why: 'not_writer' }, result: null }

/** Options of both sides, whose audit records name the phase. */
async function readNeeds(
  { root, settings }: ServeRequest,
  findPhase: () => string,
): Promise<ServeOptions> {
  const { migrations, versions } = await loadPersistence(root)
  const digestKey = await readDigestKey(settings.FF_AUDIT_DIGEST_KEY_FILE)
  const tools = {
    digestKey,
    get phase() {
      return findPhase()
    },
  }
  return { migrations, versions, tools, environment: nameEnvironment(settings) }
}

function describe({ version, settings }: ManagedRequest['serve']): InstanceFacts {
  return {
    host: hostname(),
    pid: process.pid,
    code: version?.code ?? version?.build ?? 'unknown',
    schema_head: Number.parseInt(version?.schema_head ?? '0', 10),
    configuration: digestConfiguration(version?.settings ?? {}, settings.FF_CUTOVER_LEASE * 1_000),
  }
}

interface FollowerParts {
  readonly file: ManagedFile
  readonly instance: InstanceLoop
  readonly store: ManagedStore
  readonly changes: ChangeListeners
  readonly failed: (place: string, error: unknown) => void
}
/** Looks from time to time at the file's record and at how far its rows have come. */
class FileFollower {
  private readonly parts: FollowerParts
  private told = 0
  private timer: NodeJS.Timeout | null = null
  private looking: Promise<void> = Promise.resolve()
  private closed = false

  private constructor(parts: FollowerParts) {
    this.parts = parts
  }

  /** Starts with one look. */
  static async start(parts: FollowerParts): Promise<FileFollower> {
    const follower = new FileFollower(parts)
    await follower.look()
    follower.schedule()
    return follower
  }

  async close(): Promise<void> {
    this.closed = true
    if (this.timer !== null) clearTimeout(this.timer)
    await this.looking
  }

  private schedule(): void {
    if (this.closed) return
    this.timer = setTimeout(() => {
      this.looking = this.look().finally(() => this.schedule())
    }, FOLLOW_MS)
  }

  private async look(): Promise<void> {
    const { file, instance, store, failed } = this.parts
    try {
      instance.noteEpoch((await file.followPhase()).epoch)
      const progress = await file.readProgress()
      if (progress === null) return
      store.noteFile(progress.seq, progress.compared)
      instance.changed.ring()
      this.tell(progress.seq)
    } catch (error) {
      failed('file', error)
    }
  }

  /** The feed brings the changes of the database. */
  private tell(seq: number): void {
    const { store, changes } = this.parts
    if (store.authority === 'file' && seq > this.told) changes.changed(seq)
    this.told = Math.max(this.told, seq)
  }
}

/** Logs a failure of a place at first, and again where it stays. */
function createFailureLog(log: ServiceLog): (place: string, error: unknown) => void {
  const logged = new Map<string, number>()
  return (place, error) => {
    const isKnown = error instanceof FfError
    const reason = isKnown ? error.code : String(error)
    const key = `${place} ${reason}`
    const at = performance.now()
    if (at - (logged.get(key) ?? -Infinity) < LOG_AGAIN_MS) return
    logged.set(key, at)
    if (isKnown) log.warn({ place, code: reason, reason: error.message }, 'the cutover waits')
    else log.error({ place, error: reason }, 'bug in the cutover')
  }
}
