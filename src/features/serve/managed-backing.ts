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
  FileWriter,
  InstanceFacts,
  ManagedFileStore,
  NamedOperation,
} from '../../ports/cutover.ts'
import type { AuditOptions } from '../../ports/store.ts'
import type { ServiceLog } from '../../ports/telemetry.ts'
import { ComparedMark } from '../cutover/compared-mark.ts'
import { InstanceLoop } from '../cutover/instance-loop.ts'
import { readLeaseClock } from '../cutover/lease-clock.ts'
import { type HeldFile, WriteRunner } from '../cutover/write-runner.ts'
import { WriterLoop } from '../cutover/writer-loop.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { digestSettings, type RunningVersion } from '../team-folder/identity.ts'
import type { Backing } from './backing.ts'
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
export async function openManaged(request: ManagedRequest, keep: KeepOpen): Promise<ManagedStore> {
  const { adapters, settings, log } = request.serve
  const joining = new Joining(request, createFailureLog(log))
  const needs = await joining.readNeeds()
  const side = await keep(adapters.openCutoverDatabase(request.target, needs), (one) => one.end())
  const { FF_STORE_DIR } = settings
  const file = FF_STORE_DIR === null ? null : await adapters.openCutoverFile(FF_STORE_DIR)
  const instance = joining.join(side, file)
  const rows =
    FF_STORE_DIR === null ? null : await keep(joining.openFile(FF_STORE_DIR, needs.tools))
  const store = joining.createStore(rows)
  await keep(instance.start().then(() => instance))
  await keep(joining.follow(), () => joining.close())
  return store
}

/** The parts of an instance that refer to each other, while they are opened one after the other. */
class Joining {
  private readonly request: ManagedRequest
  private readonly failed: (place: string, error: unknown) => void
  private held: HeldFile | null = null
  private side: CutoverDatabase | null = null
  private file: CutoverFile | null = null
  private instance: InstanceLoop | null = null
  private runner: WriteRunner | null = null
  private rows: ManagedFileStore | null = null
  private store: ManagedStore | null = null
  private mark: ComparedMark | null = null
  private told = 0
  private timer: NodeJS.Timeout | null = null

  constructor(request: ManagedRequest, failed: (place: string, error: unknown) => void) {
    this.request = request
    this.failed = failed
  }

  private get leaseMs(): number {
    return this.request.serve.settings.FF_CUTOVER_LEASE * 1_000
  }
  private get boundMs(): number {
    return this.request.serve.settings.FF_STORE_DEADLINE * 1_000
  }

  async readNeeds(): Promise<ServeOptions> {
    const { root, settings } = this.request.serve
    const { migrations, versions } = await loadPersistence(root)
    const digestKey = await readDigestKey(settings.FF_AUDIT_DIGEST_KEY_FILE)
    const findPhase = (): string => this.instance?.record?.phase ?? 'file'
    const tools: AuditOptions = {
      digestKey,
      get phase() {
        return findPhase()
      },
    }
    return { migrations, versions, tools, environment: nameEnvironment(settings) }
  }

  join(side: CutoverDatabase, file: CutoverFile | null): InstanceLoop {
    const { leaseMs, boundMs, failed } = this
    const instance = new InstanceLoop({
      id: randomUUID(),
      facts: this.describe(),
      file,
      database: side,
      leaseMs,
      now: readLeaseClock,
      writes: () => runner.writes,
      isCurrent: () => this.rows?.isCurrent() ?? false,
      failed,
    })
    const runner = new WriteRunner({
      database: side,
      view: () => this.store?.view() ?? null,
      held: () => this.held,
      changed: instance.changed,
      leaseMs,
      boundMs,
      ended: () => instance.noteWriteEnded(),
      sawDatabase: (server, seq) => instance.sawDatabase(server, seq),
      failed: (error) => failed('write', error),
    })
    Object.assign(this, { side, file, instance, runner })
    return instance
  }

  private describe(): InstanceFacts {
    const { version, settings } = this.request.serve
    const { FF_CUTOVER_LEASE } = settings
    const lease = { FF_CUTOVER_LEASE: String(FF_CUTOVER_LEASE) }
    return {
      host: hostname(),
      pid: process.pid,
      code: version?.code ?? version?.build ?? 'unknown',
      schema_head: Number.parseInt(version?.schema_head ?? '0', 10),
      configuration: digestSettings({ ...version?.settings, ...lease }),
    }
  }

  async openFile(folder: string, tools: AuditOptions): Promise<ManagedFileStore> {
    const { leaseMs, boundMs } = this
    this.mark = new ComparedMark(folder)
    this.rows = await this.request.serve.adapters.openManagedFile(folder, tools, {
      leaseMs,
      // A take-over after a lease of silence has to fit in.
      handOverMs: Math.max(boundMs, 2 * leaseMs),
      carryOut: (_writer, operation) => this.carryOut(operation),
      leading: (writer) => this.lead(writer),
    })
    return this.rows
  }

  createStore(rows: ManagedFileStore | null): ManagedStore {
    const { instance, runner } = this
    if (instance === null || runner === null) throw new Error('the instance is not joined yet')
    const { FF_STALE_MAX } = this.request.serve.settings
    this.store = new ManagedStore({
      file: rows,
      database: this.request.database,
      instance,
      runner,
      held: () => this.held,
      staleMaxMs: FF_STALE_MAX * 1_000,
    })
    return this.store
  }

  /** Notes how far the file's rows have come, now and from time to time. */
  async follow(): Promise<void> {
    try {
      await this.look()
    } catch (error) {
      this.failed('file', error)
    }
    this.timer = setTimeout(() => void this.follow(), FOLLOW_MS)
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer)
  }

  private async look(): Promise<void> {
    const { rows, store, mark, file, instance } = this
    if (rows === null || store === null || mark === null) return
    if (file !== null) instance?.noteEpoch((await file.read()).record.epoch)
    const { seq } = await rows.auditHead()
    const vouched = this.held?.loop.status().vouched ?? null
    if (vouched !== null) await mark.note(vouched)
    store.noteFile(seq, await mark.read())
    instance?.changed.ring()
    if (store.authority === 'file') this.tell(seq)
  }

  /** The feed brings the changes of the database. */
  private tell(seq: number): void {
    if (seq > this.told) this.request.database.changes.changed(seq)
    this.told = Math.max(this.told, seq)
  }

  private async carryOut(operation: NamedOperation): Promise<CarriedOut> {
    const carried = (await this.runner?.run(operation)) ?? null
    // The lock was freed in between.
    return carried ?? { answer: { status: 'refused', why: 'not_writer' }, result: null }
  }

  private async lead(writer: FileWriter | null): Promise<void> {
    const before = this.held
    this.held = null
    await before?.loop.close()
    const { side, file, failed } = this
    if (writer === null || side === null || file === null) return
    const { log } = this.request.serve
    const loop = new WriterLoop({
      writer,
      file,
      database: side,
      now: readLeaseClock,
      failed,
      halted: (heads) =>
        log.error(
          { code: 'chains_forked', file: heads.file.seq, database: heads.database.seq },
          'file and database go on differently; nothing is written until an operator decides',
        ),
    })
    this.held = { writer, loop }
    loop.start()
    log.info({ term: writer.term }, 'holds the lock of the file')
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
