import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FfError } from '../errors.ts'
import type { Invocation } from './context.ts'
import { findNearestWord } from './settings.ts'

const FOLDER = 'contracts/schemas'
const ENDING = '.schema.json'

/** The names of the schemas of the package below `root`, sorted. @throws the system's error of the folder */
export const listSchemas = async (root: string): Promise<readonly string[]> =>
  (await readdir(join(root, FOLDER)))
    .filter((name) => name.endsWith(ENDING))
    .map((name) => name.slice(0, -ENDING.length))
    .sort()

/**
 * `ff schema [NAME]`: prints the JSON Schema of that name as the package holds it, or the names of all, and ends `ok`.
 * @throws FfError `option_invalid` for an unknown name, naming the nearest one
 */
export async function runSchema({ context, words }: Invocation): Promise<void> {
  const { root, io } = context
  const names = await listSchemas(root)
  const [name] = words
  if (name === undefined) await io.stdout(`${names.join('\n')}\n`)
  else if (names.includes(name))
    await io.stdout(await readFile(join(root, FOLDER, name + ENDING), 'utf8'))
  else
    throw new FfError('option_invalid', `There is no schema "${name}".`, {
      hint: `Did you mean \`ff schema ${findNearestWord(name, names)}\`? \`ff schema\` lists them.`,
    })
  context.exit = 'ok'
}
