import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Closable, closeAfter, type KeepOpen } from '../../concurrency/open-all.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { CutoverDatabase, CutoverFile, FileWriter } from '../../ports/cutover.ts'
import type { AuditOptions } from '../../ports/store.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { readLeaseClock } from './lease-clock.ts'
import { type CutoverSides, isUnreachable } from './read-sides.ts'
import { settleAloneStep } from './settle-alone-step.ts'
import { WriterLoop } from './writer-loop.ts'

type CutoverAdapters = Pick<
  Adapters,
  | 'openCutoverFile'
  | 'openFileChain'
  | 'openFileWriter'
  | 'openCutoverDatabase'
  | 'findLockHolder'
  | 'tryLock'
>
/** The file's side, on its host. */
export interface FileRequest {
  /** The folder of the file store. */
  readonly folder: string
  readonly tools: AuditOptions
  readonly adapters: CutoverAdapters
}
export interface DatabaseRequest {
  readonly root: string
  readonly database: TargetSpec
  /** FF_ENV. */
  readonly environment: string
  readonly adapters: CutoverAdapters
}
export interface SidesRequest extends FileRequest, DatabaseRequest {
  /** Told of what the stand-in for a writer could not do. */
  readonly failed: (place: 'file' | 'database', error: unknown) => void
}

/**
 * Opens both sides for reading, runs `use` and closes them.
 *
 * @throws FfError of the file's side; the database opens at its first use
 */
export const withCutoverSides = <T>(
  request: FileRequest & DatabaseRequest,
  use: (sides: CutoverSides, keep: KeepOpen) => Promise<T>,
): Promise<T> =>
  closeAfter(async (keep) => {
    const { folder, adapters } = request
    const file = await adapters.openCutoverFile(folder)
    const chain = await adapters.openFileChain(folder)
    return use({ file, chain, database: await openDatabase(request, keep) }, keep)
  })

/** Opens the database's side; it connects at its first use. Without `tools` no row is written there. */
export async function openDatabase(
  { root, database, environment, adapters, tools }: DatabaseRequest & { tools?: AuditOptions },
  keep: KeepOpen,
): Promise<CutoverDatabase> {
  const { migrations, versions } = await loadPersistence(root)
  const needs = { migrations, versions, environment, ...(tools === undefined ? {} : { tools }) }
  const opening = adapters.openCutoverDatabase(database, needs)
  return keep(opening, (one) => one.end())
}

/** What the command that moves a cutover has at hand beside both sides. */
export interface Coordinated {
  readonly sides: CutoverSides
  /** Null where another process holds the file's lock. */
  readonly writer: FileWriter | null
  /** The work of that writer; null as it. */
  readonly loop: WriterLoop | null
}

/**
 * As `withCutoverSides`, as the one command that moves the cutover: it holds a lock in the folder and, where the database answers,
 * one there. Where no process holds the file's lock it stands in for the writer meanwhile.
 *
 * @throws FfError `cutover_locked` where another command holds a lock; `phase_refused` where a process holds the file's
 *   lock that is no instance of the cutover
 */
export const coordinate = <T>(
  request: SidesRequest,
  use: (coordinated: Coordinated) => Promise<T>,
): Promise<T> =>
  withCutoverSides(request, async (sides, keep) => {
    const { folder, adapters, tools } = request
    await keep(lockFolder(request))
    if (!(await claimIfThere(sides.database))) throw coordinatedError('the database')
    const { phase } = (await sides.file.read()).record
    const limits = { end: false, boundMs: 0 } as const
    const opened = await adapters.openFileWriter(folder, { ...tools, phase }, limits)
    if (opened === null) {
      await requireInstance(request, sides)
      return use({ sides, writer: null, loop: null })
    }
    await keep(Promise.resolve(opened))
    const { writer } = opened
    await settleAloneStep(sides.file, writer)
    const loop = await keep(Promise.resolve(standIn(request, sides, writer)))
    return use({ sides, writer, loop })
  })

/**
 * As `coordinate`, for the process that holds the file's lock. The database is claimed first, so that the lock of the folder
 * is free for `--db-lost` while the database does not answer.
 *
 * @throws FfError `cutover_locked`; of the database
 */
export const coordinateAsWriter = <T>(
  request: FileRequest & DatabaseRequest,
  writer: FileWriter,
  use: (coordinated: Pick<Coordinated, 'sides' | 'writer'>) => Promise<T>,
): Promise<T> =>
  withCutoverSides(request, async (sides, keep) => {
    if (!(await claimDatabase(sides.database))) throw coordinatedError('the database')
    await keep(lockFolder(request))
    return use({ sides, writer })
  })

/** The lock of the command that moves a cutover, in the folder of the store. */
const COORDINATOR = '.coordinator'

/** @throws FfError `cutover_locked` */
export async function lockFolder({ adapters, folder }: FileRequest): Promise<Closable> {
  const lock = await adapters.tryLock(join(folder, COORDINATOR))
  if (lock === null) throw coordinatedError(folder)
  return lock
}

/** The server frees the lock of a command that has ended only once it has ended its session. */
const CLAIMS = 10
const CLAIM_MS = 100
/** Claims the database for this command. @returns whether no other command has it */
export async function claimDatabase(database: CutoverDatabase): Promise<boolean> {
  for (let tries = 0; tries < CLAIMS; tries++) {
    if (await database.coordinate()) return true
    await sleep(CLAIM_MS)
  }
  return false
}

/** As `claimDatabase`; one that does not answer is no reason to refuse, since the step says so. */
async function claimIfThere(database: CutoverDatabase): Promise<boolean> {
  try {
    return await claimDatabase(database)
  } catch (error) {
    if (isUnreachable(error)) return true
    throw error
  }
}

export const coordinatedError = (where: string): FfError =>
  new FfError(
    'cutover_locked',
    `Another command moves this cutover: it holds the lock of ${where}.`,
    { hint: 'Wait for it; `ff cutover status` shows how far it is.' },
  )

/** An instance that has just taken the lock listens a moment later. */
const HOLDER_TRIES = 20
const HOLDER_MS = 100
/** A service that is no instance would go on writing to the file alone. @throws FfError `phase_refused` */
async function requireInstance(request: FileRequest, { file }: CutoverSides): Promise<void> {
  const { isInstance, pid } = await findHolder(request, file)
  if (isInstance) return
  throw new FfError(
    'phase_refused',
    `${pid === null ? 'A process' : `Process ${pid}`} holds the lock of ${request.folder} and is no instance of the cutover.`,
    {
      hint: `Start that service again with FF_BACKING=managed; \`fuser -v '${join(request.folder, '.lock')}'\` names it.`,
    },
  )
}

/** Waits for at most two seconds until an instance of this host holds the lock of the file; not at all without instances. */
export async function untilHeld(request: FileRequest): Promise<void> {
  const file = await request.adapters.openCutoverFile(request.folder)
  if ((await file.instances()).length > 0) await findHolder(request, file)
}

/** The process that holds the lock; asks again for at most two seconds until it is an instance. */
async function findHolder(
  { folder, adapters }: FileRequest,
  file: Pick<CutoverFile, 'instances'>,
): Promise<{ readonly isInstance: boolean; readonly pid: number | null }> {
  let pid: number | null = null
  for (let tries = 0; tries < HOLDER_TRIES; tries++) {
    if (tries > 0) await sleep(HOLDER_MS)
    pid = (await adapters.findLockHolder(folder))?.pid ?? null
    const instances = await file.instances()
    if (instances.some(({ facts }) => facts.pid === pid)) return { isInstance: true, pid }
  }
  return { isInstance: false, pid }
}

/** Starts the work of a writer. */
function standIn(
  { failed }: Pick<SidesRequest, 'failed'>,
  { file, database }: CutoverSides,
  writer: FileWriter,
): WriterLoop {
  // What is forked is said by the step that meets it.
  const halted = (): void => undefined
  // The command itself leads out of a drill, or says what does.
  const drillOver = (): void => undefined
  const now = readLeaseClock
  const loop = new WriterLoop({ writer, file, database, now, failed, halted, drillOver })
  loop.start()
  return loop
}
