import { readdir, readFile } from 'node:fs/promises'

/** The code of a system error, such as ENOENT; null where an error has none. */
export const getErrorCode = (error: unknown): string | null =>
  error instanceof Error && 'code' in error ? String(error.code) : null

/** Whether a path leads nowhere: there is no such name, or a file stands where one of its folders should be. */
export const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes(getErrorCode(error) ?? '')

/** What a call comes to, or null where its path leads nowhere. */
export async function nullIfMissing<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/** The bytes of a file, or null where there is none. */
export const readOrNull = (path: string): Promise<Buffer | null> => nullIfMissing(readFile(path))

/** The names in a folder; none where there is no folder. @throws ENOTDIR where it is a file */
export async function listOrEmpty(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return []
    throw error
  }
}
