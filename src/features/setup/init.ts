import { lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { getErrorCode } from '../../files/read-or-null.ts'
import type { Adapters } from '../../ports/adapters.ts'

/** Files of the package that are copied under the same names. */
const COPIED = [
  'checklists/cutover_readiness_checklist.json',
  'checklists/templates/plan.json',
  'checklists/templates/rollback_triggers.json',
  'checklists/templates/waivers.json',
  'checklists/templates/team_commands.json',
  'checklists/templates/trust.json',
] as const
/** CI jobs, pinned to the version of the package. */
const CI_JOBS = [
  { from: 'checklists/templates/ff-gate.yml', to: '.github/workflows/ff-gate.yml' },
  {
    from: 'checklists/templates/ff-gate.gitlab-ci.yml',
    to: '.gitlab/ff-gate.gitlab-ci.yml',
  },
] as const
const VERSION_MARK = '@FF_VERSION@'
/** Digests and the pin are over bytes, so git changes no line ending there. */
const ATTRIBUTES = {
  path: '.gitattributes',
  text: '.ff/evidence/** -text\nchecklists/** -text\n',
} as const
/** The key of the runner; the `.gitignore` beside it keeps the key out of the repository. */
const RUNNER = {
  ignore: '.ff/.gitignore',
  key: '.ff/runner.pem',
  public: '.ff/runner.pub.json',
} as const

/** The default values, written out to show which settings exist. */
const CONFIG = {
  $schema: 'node_modules/@pty-flags/ff/contracts/schemas/config.schema.json',
  jwtAudience: 'pty-feature-flags',
  jwtAlgorithms: 'RS256,ES256,EdDSA,Ed25519',
  jwtLeeway: '0',
}

/** The package folder, the folder to fill, and the version that its CI jobs are pinned to. */
interface InitRequest {
  readonly root: string
  readonly cwd: string
  readonly version: string
}

/**
 * `ff init`: creates the starter files of a team and the key of its runner in `cwd`; templates come from the package.
 *
 * @returns the names of the files that were written, relative to the folder
 * @throws FfError `file_exists` where one of them exists, with those names as details: then none is written;
 *   `output_failed` after removing the written files, created folders excepted
 * @throws the system's error where a template of the package cannot be read
 */
export async function initFolder(
  { root, cwd, version }: InitRequest,
  { makeRunner }: Pick<Adapters, 'makeRunner'>,
): Promise<readonly string[]> {
  const texts = new Map<string, string>([
    ['ff.config.json', jsonText(CONFIG)],
    [ATTRIBUTES.path, ATTRIBUTES.text],
  ])
  for (const name of COPIED) texts.set(name, await readFile(join(root, name), 'utf8'))
  for (const { from, to } of CI_JOBS)
    texts.set(to, (await readFile(join(root, from), 'utf8')).replaceAll(VERSION_MARK, version))
  const names = [...texts.keys(), RUNNER.ignore, RUNNER.key, RUNNER.public]
  await requireAbsent(cwd, names)
  const written: string[] = []
  try {
    for (const [name, text] of texts) await writeNew(cwd, name, { text, written })
    written.push(RUNNER.ignore)
    written.push(RUNNER.key, RUNNER.public)
    await makeRunner(join(cwd, RUNNER.key))
  } catch (cause) {
    for (const name of written) await rm(join(cwd, name), { force: true })
    throw new FfError(
      'output_failed',
      `The starter files could not be written to ${quoteValue(cwd)}, so none was kept.`,
      {
        hint: `Check the folder and its free space with \`ls -ld ${quoteForShell(cwd)} && df -h ${quoteForShell(cwd)}\`, then run \`ff init\` again.`,
        cause,
      },
    )
  }
  return names
}

const jsonText = (value: object): string => `${JSON.stringify(value, null, 2)}\n`

async function requireAbsent(cwd: string, names: readonly string[]): Promise<void> {
  const existing: string[] = []
  for (const name of names) if (await isThere(join(cwd, name))) existing.push(name)
  if (existing.length === 0) return
  throw new FfError(
    'file_exists',
    `${existing.length} of the starter files exist already, so none was written.`,
    {
      hint: 'Start in an empty folder with `mkdir cutover && cd cutover && ff init`, or move the listed files away.',
      details: existing,
    },
  )
}

/** Whether a path is taken, also by a dangling link. */
const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    // Any other error means that the path is blocked, for example by a file in place of a folder.
    (error: unknown) => getErrorCode(error) !== 'ENOENT',
  )

async function writeNew(
  cwd: string,
  name: string,
  { text, written }: { readonly text: string; readonly written: string[] },
): Promise<void> {
  const path = join(cwd, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text, { flag: 'wx' })
  written.push(name)
}
