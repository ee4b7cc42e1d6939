import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { withDeadline } from '../../concurrency/deadline.ts'
import type { AuditChainHead } from '../../core/audit/record.ts'
import type { ChainReader, HeldFileWriter } from '../../ports/cutover.ts'
import type { AuditOptions } from '../../ports/store.ts'
import { tryLock } from '../file-lock/file-lock.ts'
import { FileChain } from './file-chain.ts'
import { FileStore } from './file-store.ts'
import { createFileWriter } from './file-writer.ts'
import { readLastHead } from './log-history.ts'
import { endHolder, identifyProcess } from './process-identity.ts'
import { readSnapshotHeader } from './snapshot.ts'
import { toStoreError } from './store-error.ts'
import { claimLock, lockedError } from './store-lock.ts'
import { connectToWriter } from './writer-connection.ts'
import { findWriterSocket } from './writer-server.ts'

/** How long a writer may take to say where its log ends. */
const SAY_MS = 1_000
const RETRY_MS = 5

/**
 * Opens the chain of a folder for reading, without a lock, beside its writer: it ends where the writer says, or with the
 * last whole line where none answers. Holds nothing open.
 *
 * @throws FfError `target_unreachable` for a missing folder, `store_corrupt`, or another of `toStoreError`
 */
export async function openFileChain(folder: string): Promise<ChainReader> {
  const findHead = (): Promise<AuditChainHead> =>
    findDurableHead(folder).catch((error: unknown) => {
      throw toStoreError(error, folder)
    })
  await findHead()
  return new FileChain(folder, findHead)
}

async function findDurableHead(folder: string): Promise<AuditChainHead> {
  const announced = await askWriter(folder)
  // Before the log: a snapshot includes no record behind the log's end.
  const { head } = await readSnapshotHeader(folder)
  return announced ?? (await readLastHead(folder)) ?? head
}

/** What a live writer announces first; null where none answers. */
async function askWriter(folder: string): Promise<AuditChainHead | null> {
  const socket = await findWriterSocket(folder)
  if (socket === null) return null
  let take: (head: AuditChainHead) => void = () => undefined
  const said = new Promise<AuditChainHead>((resolve) => {
    take = resolve
  })
  const channel = await connectToWriter(folder, socket, (message) => {
    if (message.kind === 'durable') take(message.head)
  })
  if (channel === null) return null
  const ended = channel.ended.then(() => null)
  const head = await withDeadline(Promise.race([said, ended]), SAY_MS, () => null)
  channel.end()
  return head
}

/** The process that holds the lock of a folder as its writer; null where none says so. @throws FfError of `toStoreError` */
export async function findLockHolder(folder: string): Promise<{ readonly pid: number } | null> {
  try {
    const socket = await findWriterSocket(folder)
    if (socket === null) return null
    const { pid, start } = socket.process
    return (await identifyProcess(pid))?.start === start ? { pid } : null
  } catch (error) {
    throw toStoreError(error, folder)
  }
}

/**
 * Takes the lock of a folder and opens its writer, also during a cutover; null where another process holds the lock. With
 * `end` that process is ended with SIGKILL, if its socket names it, until the lock is free.
 *
 * @throws FfError `store_locked` where the lock is not free after `boundMs`, or as `FileStore.open`
 */
export async function openFileWriter(
  folder: string,
  tools: AuditOptions,
  { end, boundMs }: { readonly end: boolean; readonly boundMs: number },
): Promise<HeldFileWriter | null> {
  const held = await takeWriterLock(folder, { end, boundMs }).catch((error: unknown) => {
    throw toStoreError(error, folder)
  })
  if (held === null) return null
  const store = await FileStore.openLocked(folder, tools, { durable: true, held })
  return { writer: createFileWriter(store), close: () => store.close() }
}

async function takeWriterLock(
  folder: string,
  { end, boundMs }: { readonly end: boolean; readonly boundMs: number },
): ReturnType<typeof tryLock> {
  const path = join(folder, '.lock')
  // A missing folder is no store, and gets no lock.
  await (await open(folder)).close()
  return end ? endAndLock(folder, path, boundMs) : tryLock(path)
}

/**
 * Claims the next turn of the lock first, so that no follower takes it over from the process that is ended, and is ended
 * too: the kernel wakes a process that queues, and does not hand the lock to it.
 */
async function endAndLock(
  folder: string,
  path: string,
  boundMs: number,
): ReturnType<typeof tryLock> {
  const until = performance.now() + boundMs
  let claim: FileHandle | null = null
  try {
    for (;;) {
      claim ??= await claimLock(folder)
      const lock = claim === null ? null : await endOrLock(folder, path)
      if (lock !== null) return lock
      if (performance.now() > until) throw lockedError(folder)
      await sleep(RETRY_MS)
    }
  } finally {
    await claim?.close()
  }
}

async function endOrLock(folder: string, path: string): ReturnType<typeof tryLock> {
  const socket = await findWriterSocket(folder)
  if (socket !== null) await endHolder(socket.process, path)
  return tryLock(path)
}
