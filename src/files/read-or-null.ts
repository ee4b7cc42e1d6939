import { readdir } from 'node:fs/promises'

/** The `code` of an error as text, such as `ENOENT`; null for an error without one and for any other value. */
export const getErrorCode = (error: unknown): string | null =>
  error instanceof Error && 'code' in error ? String(error.code) : null

/** Whether an error says that a path does not exist: `ENOENT`, or `ENOTDIR` where a parent is a file. */
export const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes(getErrorCode(error) ?? '')

/**
 * The result of a promise; null where it rejects with `ENOENT` or `ENOTDIR`. @throws its other errors
 */
export async function nullIfMissing<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/**
 * The names in a folder, in the order of the system; empty where it does not exist.
 *
 * @throws the system's other errors, such as `ENOTDIR` for a file
 */
export async function listOrEmpty(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (getErrorCode(error) === 'ENOENT') return []
    throw error
  }
}
