import type { Stats } from 'node:fs'
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { quoteValue } from '../core/text/quote.ts'
import { FfError } from '../errors.ts'
import { nullIfMissing } from '../files/read-or-null.ts'
import type { Context } from './context.ts'
import { loadSettings } from './settings.ts'

/** The options by which commands name a file or folder to write. */
const OUTPUT_OPTIONS = ['output', 'decision', 'out']
const NOT_INPUTS: ReadonlySet<string> = new Set([...OUTPUT_OPTIONS, 'format'])

interface Call {
  readonly context: Pick<Context, 'root' | 'cwd' | 'env'>
  readonly words: readonly string[]
  readonly options: object
}
/** A path as given, with its real path, and its status where it exists. */
interface Place {
  readonly given: string
  readonly real: string
  readonly stats: Stats | null
}

/**
 * Refuses a command whose report or other output (also the job summary of `--format github`) would overwrite an input:
 * any file below `.ff` or `checklists` of the folder or in the package, `ff.config.json`, whatever the other options,
 * arguments and settings name, and another output of the same command. By real path and by inode, so that links and
 * other spellings make no difference. Opens none of them but the configuration file; does nothing without outputs.
 * @throws FfError `output_over_input`
 */
export async function refuseInputsAsOutputs(call: Call): Promise<void> {
  const { cwd } = call.context
  const outputs = await Promise.all(listOutputs(call).map((path) => findPlace(cwd, path)))
  if (outputs.length === 0) return
  const inputs = await listInputs(call)
  for (const [at, output] of outputs.entries()) {
    if (output.stats !== null && !output.stats.isFile() && !output.stats.isDirectory()) continue
    const input =
      inputs.find((one) => isOver(output, one)) ??
      outputs.slice(0, at).find((one) => isSame(output, one)) ??
      (await findLinked(output, inputs))
    if (input === undefined) continue
    throw new FfError(
      'output_over_input',
      `The output ${quoteValue(output.given)} would overwrite ${quoteValue(input.given)}, so nothing was done.`,
      { hint: 'Name another file, for example below `reports`.' },
    )
  }
}

function listOutputs({ context: { env }, options }: Call): readonly string[] {
  const given = new Map(Object.entries(options) as [string, unknown][])
  const summary = given.get('format') === 'github' ? (env['GITHUB_STEP_SUMMARY'] ?? '') : ''
  const named = OUTPUT_OPTIONS.flatMap((name) => listTexts(given.get(name), 'path'))
  return [...named, summary].filter((path) => path !== '')
}

async function listInputs({ context, words, options }: Call): Promise<readonly Place[]> {
  const { root, cwd, env } = context
  const own = ['.ff', 'checklists', 'ff.config.json'].map((name) => join(cwd, name))
  const packaged = ['bin', 'checklists', 'contracts', 'dist', 'vectors', 'package.json']
  const always = [...own, ...packaged.map((name) => join(root, name))]
  const others = Object.entries(options).filter(([name]) => !NOT_INPUTS.has(name))
  const texts = [...words, ...others.flatMap(([, value]) => listTexts(value))]
  const named = [...texts, ...(await listSettingTexts({ env, cwd }))]
    .map((text) => text.replace(/^file:/, ''))
    .filter((text) => text !== '')
  const find = (path: string): Promise<Place> => findPlace(cwd, path)
  // A word, such as the id of an item, is an input where it is there as a file.
  const found = (await Promise.all(named.map(find))).filter(({ stats }) => stats !== null)
  return [...(await Promise.all(always.map(find))), ...found]
}

/** The texts of all settings; some of them name files. */
async function listSettingTexts({
  env,
  cwd,
}: Pick<Context, 'env' | 'cwd'>): Promise<readonly string[]> {
  try {
    const { given } = await loadSettings(env, cwd)
    return Object.values(given).flatMap(({ value }) => value ?? [])
  } catch (error) {
    if (error instanceof FfError) return [] // The command itself reports it, or needs no setting.
    throw error
  }
}

/** The texts in a value: a text, or those of a list; of an object the named member. */
function listTexts(value: unknown, member?: string): readonly string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap((one: unknown) => listTexts(one, member))
  if (member === undefined || typeof value !== 'object' || value === null) return []
  return listTexts((value as Readonly<Record<string, unknown>>)[member])
}

/** A path of a file that may not exist: the real path of the folder that does, and the rest. */
async function findPlace(cwd: string, given: string): Promise<Place> {
  const path = resolve(cwd, given)
  return { given, real: await findReal(path), stats: await statOrNull(path) }
}

async function statOrNull(path: string): Promise<Stats | null> {
  try {
    return await nullIfMissing(stat(path))
  } catch {
    return null // Not accessible, or no path at all, such as a URL: writing it fails, which reports it.
  }
}

/** Enough for any chain of links that is no loop (`ELOOP` comes at 40). */
const MOST_LINKS = 40

async function findReal(path: string, links = 0): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    const parent = dirname(path)
    if (parent === path || links > MOST_LINKS) return path
    const link = await readLink(path)
    if (link !== null) return findReal(resolve(parent, link), links + 1)
    return join(await findReal(parent, links), basename(path))
  }
}

/** Where a link to a missing file leads; null for anything else. */
async function readLink(path: string): Promise<string | null> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : null
  } catch {
    return null // Not there, or not accessible.
  }
}

const isSame = (one: Place, other: Place): boolean =>
  one.real === other.real ||
  (one.stats !== null &&
    other.stats !== null &&
    one.stats.ino === other.stats.ino &&
    one.stats.dev === other.stats.dev)

/** Whether an output is an input, or in a folder that is one. */
const isOver = (output: Place, input: Place): boolean =>
  isSame(output, input) ||
  (input.stats?.isDirectory() !== false && !isAbove(relative(input.real, output.real)))

const isAbove = (path: string): boolean => path === '..' || path.startsWith(`..${sep}`)

/** The file in an input folder that an output is another name of (a hard link). */
async function findLinked(output: Place, inputs: readonly Place[]): Promise<Place | undefined> {
  if (output.stats === null || output.stats.isDirectory() || output.stats.nlink < 2)
    return undefined
  for (const folder of inputs.filter(({ stats }) => stats?.isDirectory())) {
    const names = await readdir(folder.real, { recursive: true })
    for (const name of names) {
      const given = join(folder.given, name)
      const file = { given, real: join(folder.real, name) }
      const found = { ...file, stats: await statOrNull(file.real) }
      if (isSame(output, found)) return found
    }
  }
  return undefined
}
