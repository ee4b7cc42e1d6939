import { open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { getErrorCode } from './read-or-null.ts'

type Piece = string | Uint8Array
/** A text, or what is written piece by piece. */
export type Content = string | Iterable<Piece> | AsyncIterable<Piece>

interface NewFileOptions {
  /** Default: what the umask leaves of 666. */
  readonly mode?: number
  /** Whether it has to survive a power cut. Default true. */
  readonly durable?: boolean
}
interface ReplaceOptions extends NewFileOptions {
  /**
   * Name of the temporary file beside the path, for a caller that holds a lock on the folder: what a killed run left
   * there is removed. Default: a name of its own, so that two writers do not meet.
   */
  readonly temporary?: string
}

/**
 * Replaces a file whole: written beside its path, synced, renamed, and the folder synced, without which a power cut
 * could take the new name back. A reader sees the old content or the new, never a part.
 *
 * @throws the system's error, or what `content` throws; then the path holds what it held
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

/** Creates a file, and makes it and its name durable. @throws the system's `EEXIST` rather than overwrite one */
export async function createFile(
  path: string,
  content: Content,
  options: NewFileOptions = {},
): Promise<void> {
  await writeNewFile(path, content, options)
  if (options.durable !== false) await syncFolder(dirname(path))
}

/** As `createFile`, but its name is durable only once the caller has synced the folder. */
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

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } catch (error) {
    // A file system without an fsync for folders, such as CIFS, says EINVAL (fsync(2)): there is nothing to wait for.
    if (getErrorCode(error) !== 'EINVAL') throw error
  } finally {
    await handle.close()
  }
}
