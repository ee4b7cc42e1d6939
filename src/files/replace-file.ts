import { open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { getErrorCode } from './read-or-null.ts'

type Piece = string | Uint8Array
/** Content of a file: a text, or pieces that are written one after the other. */
export type Content = string | Iterable<Piece> | AsyncIterable<Piece>

interface NewFileOptions {
  /** Permission bits. Default: 666 less the umask. */
  readonly mode?: number
  /** Whether to sync file and folder, so that the file survives a power cut. Default true. */
  readonly durable?: boolean
}
interface ReplaceOptions extends NewFileOptions {
  /**
   * Name of the temporary file in the same folder, for a caller that holds a lock on it: a leftover of a killed run is
   * replaced. Default: a random name, so that two writers do not collide.
   */
  readonly temporary?: string
}

/**
 * Creates or replaces a file atomically: writes a temporary file, syncs it, renames it, and syncs the folder; without
 * that, a power cut could undo the rename. A reader sees the old content or the new, never a part.
 *
 * @throws the system's error, or the error of `content`; the path then keeps its old content, unless only the sync of
 * the folder failed
 */
export async function replaceFile(
  path: string,
  content: Content,
  { temporary, ...options }: ReplaceOptions = {},
): Promise<void> {
  const temporaryPath = join(dirname(path), temporary ?? `.ff-output-${crypto.randomUUID()}`)
  if (temporary !== undefined) await rm(temporaryPath, { force: true })
  await writeNewFile(temporaryPath, content, options)
  try {
    await rename(temporaryPath, path)
  } catch (error) {
    await rm(temporaryPath, { force: true })
    throw error
  }
  if (options.durable !== false) await syncFolder(dirname(path))
}

/**
 * Creates a file and syncs it and its folder, unless `durable` is false. Never overwrites; removes the file again if
 * writing it fails.
 *
 * @throws the system's errors, such as `EEXIST`, and the error of `content`
 */
export async function createFile(
  path: string,
  content: Content,
  options: NewFileOptions = {},
): Promise<void> {
  await writeNewFile(path, content, options)
  if (options.durable !== false) await syncFolder(dirname(path))
}

/** As `createFile`, without the sync of the folder: the caller calls `syncFolder`. @throws as `createFile` */
export async function writeNewFile(
  path: string,
  content: Content,
  { mode, durable = true }: NewFileOptions,
): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    for await (const piece of typeof content === 'string' ? [content] : content)
      await file.writeFile(piece)
    if (durable) await file.sync()
  } catch (error) {
    await rm(path, { force: true }).catch(() => undefined) // The first error is the one to report.
    throw error
  } finally {
    await file.close()
  }
}

/**
 * Syncs a folder, so that the names of its files survive a power cut. Does nothing on a file system that cannot sync
 * one (`EINVAL`).
 *
 * @throws the system's other errors
 */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } catch (error) {
    // A file system without fsync for folders, such as CIFS, fails with EINVAL (fsync(2)); no sync is possible.
    if (getErrorCode(error) !== 'EINVAL') throw error
  } finally {
    await handle.close()
  }
}
