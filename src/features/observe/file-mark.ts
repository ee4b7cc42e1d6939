import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { getErrorCode } from '../../files/read-or-null.ts'

/** Of each folder; a change of a further one is seen when its reader reads it anyway. */
const MOST_FILES = 1_000

/**
 * Names, sizes and times of the files below folders, as a text that is another one after a change. Reads none of them. A
 * folder that is missing or cannot be read is its error code.
 *
 * @throws an error without a code, which is a bug
 */
export const markFiles = async (folders: readonly string[]): Promise<string> =>
  JSON.stringify(await Promise.all(folders.map(markFolder)))

async function markFolder(folder: string): Promise<readonly string[]> {
  try {
    const names = (await readdir(folder, { recursive: true })).toSorted().slice(0, MOST_FILES)
    return await Promise.all(names.map((name) => markFile(join(folder, name))))
  } catch (error) {
    return [getCodeOrThrow(error)]
  }
}

async function markFile(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(path)
    return `${path} ${ino} ${size} ${mtimeMs}`
  } catch (error) {
    // It may have been removed since it was listed.
    return `${path} ${getCodeOrThrow(error)}`
  }
}

function getCodeOrThrow(error: unknown): string {
  const code = getErrorCode(error)
  if (code === null) throw error
  return code
}
