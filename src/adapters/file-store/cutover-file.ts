import type { FileHandle } from 'node:fs/promises'
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { PhaseRecord, StepIntent } from '../../core/cutover/record.ts'
import { FfError } from '../../errors.ts'
import { readBounded } from '../../files/read-bounded.ts'
import { listOrEmpty, nullIfMissing } from '../../files/read-or-null.ts'
import { replaceFile, syncFolder } from '../../files/replace-file.ts'
import type {
  AloneStep,
  CutoverFile,
  FileRenewal,
  RegisteredInstance,
} from '../../ports/cutover.ts'
import { tryLock } from '../file-lock/file-lock.ts'
import { askWriter } from './ask-writer.ts'
import { sealLogLine, unsealLogLine } from './lines.ts'
import { identifyProcess } from './process-identity.ts'
import { listSegments } from './segments.ts'
import { readSnapshotHeader } from './snapshot.ts'
import { toStoreError } from './store-error.ts'

/** The folder of the cutover's files in a store's folder. */
export const CUTOVER = 'cutover'
const RECORD = 'record.json'
const INTENT = 'intent.json'
const ALONE_STEP = 'alone-step.json'
const LOCK = '.lock'
const INSTANCE = /^instance-([\w.-]{1,128})\.json$/
const MAX_BYTES = 65_536
/** How long a change of the record waits for another one. */
const LOCK_WAIT_MS = 5_000
const RETRY_MS = 20
/** A registration that was not renewed for this long goes, once its process has ended. */
const KEPT_MS = 3_600_000

type Registered = Omit<RegisteredInstance, 'place'>

/**
 * The cutover's files in a store's folder: record, intent, and a file for each instance. Each is one sealed line, replaced
 * as a whole and fsynced. Record and intent are replaced under a lock that dies with its process. A renewal needs none: it
 * registers first and reads then, so a command that replaces the record and lists the instances then sees the
 * registration, or the instance reads the new record.
 */
class CutoverFolder implements CutoverFile {
  private readonly folder: string
  private readonly home: string

  constructor(folder: string) {
    this.folder = folder
    this.home = join(folder, CUTOVER)
  }

  read = (): Promise<FileRenewal> => this.run(() => this.readBoth())

  renew = (instance: Registered): Promise<FileRenewal> =>
    this.run(async () => {
      await this.replace(toInstanceName(instance.id), { ...instance, place: 'file' })
      return this.readBoth()
    })

  instances = (): Promise<readonly RegisteredInstance[]> =>
    this.run(async () => {
      const names = (await listOrEmpty(this.home)).filter((name) => INSTANCE.test(name)).sort()
      const found = await Promise.all(names.map((name) => this.readInstance(name)))
      return found.filter((one) => one !== null)
    })

  forget = (id: string): Promise<void> =>
    this.run(() => rm(join(this.home, toInstanceName(id)), { force: true }))

  writeRecord = (record: PhaseRecord, over: number): Promise<boolean> =>
    this.run(() =>
      this.underLock(async () => {
        const held = await this.readRecord()
        // A command that does not know whether its first attempt took place tries again.
        if (isDeepStrictEqual(held, record)) return true
        if (held.epoch > over || held.epoch >= record.epoch) return false
        await this.replace(RECORD, record)
        return true
      }),
    )

  writeIntent = (intent: StepIntent): Promise<void> =>
    this.run(() => this.underLock(() => this.replace(INTENT, intent)))

  readAloneStep = (): Promise<AloneStep | null> =>
    this.run(() => this.readFile<AloneStep>(ALONE_STEP))

  writeAloneStep = (step: AloneStep | null): Promise<void> =>
    this.run(() =>
      step === null
        ? rm(join(this.home, ALONE_STEP), { force: true })
        : this.replace(ALONE_STEP, step),
    )

  askWriter = (boundMs: number): Promise<boolean> => this.run(() => askWriter(this.folder, boundMs))

  private async run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw toStoreError(error, this.folder)
    }
  }

  private async readBoth(): Promise<FileRenewal> {
    // A step writes its intent before its record: read in this order, a decided step is never without both.
    const record = await this.readRecord()
    return { record, intent: await this.readFile<StepIntent>(INTENT) }
  }

  private async readRecord(): Promise<PhaseRecord> {
    return (await this.readFile<PhaseRecord>(RECORD)) ?? makeFirstRecord(await this.readEpoch())
  }

  /** Of the store itself: the newest segment's, or the snapshot's. */
  private async readEpoch(): Promise<number> {
    const { epoch } = await readSnapshotHeader(this.folder)
    return Math.max(epoch, (await listSegments(this.folder)).at(-1)?.epoch ?? 0)
  }

  private async readInstance(name: string): Promise<RegisteredInstance | null> {
    const path = join(this.home, name)
    const found = await this.readFile<RegisteredInstance>(name)
    if (found === null) return null
    const age = Date.now() - ((await nullIfMissing(stat(path)))?.mtimeMs ?? 0)
    // The wall clock may have jumped: the process has to be gone as well.
    if (age < KEPT_MS || (await identifyProcess(found.facts.pid)) !== null) return found
    await rm(path, { force: true })
    return null
  }

  /** Null where there is no such file. @throws FfError `store_corrupt` */
  private async readFile<T>(name: string): Promise<T | null> {
    const path = join(this.home, name)
    const read = await nullIfMissing(readBounded(path, MAX_BYTES))
    if (read === null) return null
    const json =
      read.ok && read.bytes.at(-1) === 0x0a ? unsealLogLine(read.bytes.subarray(0, -1)) : null
    if (json === null) throw damagedError(path, INSTANCE.test(name))
    // The checksum holds what `ff` wrote, so the members are not looked at one by one.
    return JSON.parse(json) as T
  }

  private async replace(name: string, value: object): Promise<void> {
    await mkdir(this.home, { recursive: true, mode: 0o700 })
    const content = sealLogLine(JSON.stringify(value))
    await replaceFile(join(this.home, name), content, { temporary: `.${name}.new`, mode: 0o600 })
  }

  private async underLock<T>(work: () => Promise<T>): Promise<T> {
    await mkdir(this.home, { recursive: true, mode: 0o700 })
    // Each time: the process that made the folder may have ended before its own sync.
    await syncFolder(this.folder)
    const lock = await this.takeLock()
    try {
      return await work()
    } finally {
      await lock.close()
    }
  }

  private async takeLock(): Promise<FileHandle> {
    const path = join(this.home, LOCK)
    const end = performance.now() + LOCK_WAIT_MS
    for (;;) {
      const lock = await tryLock(path)
      if (lock !== null) return lock
      if (performance.now() > end) throw lockedRecordError(path)
      await sleep(RETRY_MS)
    }
  }
}

/**
 * Opens the cutover's files of a store's folder, which they are made in at the first change. Holds nothing open.
 *
 * @throws FfError `target_unreachable` for a missing folder, `store_corrupt` for damage, `cutover_locked` where another
 *   process holds the record's lock for 5 s, or another of `toStoreError`; so does each member
 */
export async function openCutoverFolder(folder: string): Promise<CutoverFile> {
  const opened = new CutoverFolder(folder)
  await opened.read()
  return opened
}

/** @throws FfError `phase_refused` where the folder is in a cutover, so that managed instances alone write to it */
export async function requireFilePhase(folder: string): Promise<void> {
  const { record } = await new CutoverFolder(folder).read()
  if (record.phase === 'file') return
  throw new FfError(
    'phase_refused',
    `Cannot write to the file store ${folder}: its cutover is in phase ${record.phase}.`,
    {
      hint: 'Serve it with FF_BACKING=managed and ship from the database, or go back to phase file: `ff cutover rollback`.',
    },
  )
}

const makeFirstRecord = (epoch: number): PhaseRecord => ({
  epoch: Math.max(1, epoch),
  phase: 'file',
  armed: false,
  attempt: 1,
  database: null,
  survivor: 'file',
  scratch: false,
  drillEndsAt: null,
  closed: false,
})

function toInstanceName(id: string): string {
  const name = `instance-${id}.json`
  if (!INSTANCE.test(name)) throw new Error(`no instance is called ${JSON.stringify(id)}`)
  return name
}

const damagedError = (path: string, isInstance: boolean): FfError =>
  new FfError('store_corrupt', `The cutover's file ${path} is damaged.`, {
    hint: isInstance
      ? `Its instance writes it again at its next renewal; if that instance has ended, remove the file: \`rm '${path}'\`.`
      : 'Restore this file from the last good copy of the folder; ff does not guess at the phase of a cutover.',
  })

const lockedRecordError = (path: string): FfError =>
  new FfError('cutover_locked', `Another process holds the lock ${path} of the cutover's record.`, {
    hint: `Find that process with \`fuser -v '${path}'\`; the lock is free once it has ended.`,
  })
