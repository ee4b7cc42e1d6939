import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readTextFile } from '../../artefacts/read-text.ts'
import type { SignoffTexts } from '../../core/signoff/types.ts'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { getErrorCode, listOrEmpty } from '../../files/read-or-null.ts'
import { replaceFile } from '../../files/replace-file.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { readInputFiles } from './input-files.ts'
import { locateChecklist, type GateFolder } from './locate-checklist.ts'

/** Paths below the team folder, of the files that are signed and of the signatures. */
export const SIGNOFF_FILES = {
  waivers: 'checklists/waivers.json',
  plan: 'checklists/plan.json',
  rollback_triggers: 'checklists/rollback_triggers.json',
  trust: 'checklists/trust.json',
  trust_chain: 'checklists/trust-chain.json',
  signoff: 'checklists/signoff.json',
  withdrawals: 'checklists/withdrawals.json',
} as const
/** The next trust file, the rotation with its signatures, and the folder of archived sign-offs. */
export const TRUST_NEXT = 'checklists/trust-next.json'
export const TRUST_ROTATION = 'checklists/trust-rotation.json'
export const PAST_SIGNOFFS = 'checklists/signoffs'

/**
 * Reads the checklist and all signed files by subject, null for each missing one, and the runbook and the files of team
 * commands. Verifies nothing.
 *
 * @throws FfError `artefact_invalid` where a file is unreadable
 */
export async function readSignoffFiles(where: GateFolder): Promise<SignoffTexts> {
  const checklist = await locateChecklist(where)
  const text = await readFileIfPresent(checklist.path, checklist.shown)
  const names = Object.keys(SIGNOFF_FILES) as (keyof typeof SIGNOFF_FILES)[]
  const entries = await Promise.all([
    readInputFiles(where.cwd, text).then((inputs) => ['inputs', inputs] as const),
    ...names.map(async (name) => {
      const shown = SIGNOFF_FILES[name]
      return [name, await readFileIfPresent(join(where.cwd, shown), shown)] as const
    }),
  ])
  return Object.fromEntries([['checklist', text] as const, ...entries]) as SignoffTexts
}

/**
 * The text of a file; null where it is missing. `shown` is its name in an error.
 *
 * @throws FfError `artefact_invalid` where it is unreadable
 */
export async function readFileIfPresent(path: string, shown: string): Promise<string | null> {
  const read = await readTextFile(path, shown)
  if (read.ok) return read.text
  if (read.problem.code === 'file_missing') return null
  throw toArtefactError([read.problem])
}

/** The text of a file that the user named. @throws FfError `artefact_invalid` where it is missing or unreadable */
export async function readNamedText(path: string): Promise<string> {
  const read = await readTextFile(path, path)
  if (read.ok) return read.text
  throw toArtefactError([read.problem])
}

/** Replaces a file below the team folder atomically, and creates its folders. @throws FfError `output_failed` */
export const writeBelow = (cwd: string, shown: string, text: string): Promise<void> =>
  replaceText(join(cwd, shown), text)

/** Removes a file below the team folder, if it is there. @throws FfError `output_failed` */
export async function removeBelow(cwd: string, shown: string): Promise<void> {
  try {
    await rm(join(cwd, shown), { force: true })
  } catch (cause) {
    throw new FfError('output_failed', `${quoteValue(shown)} could not be removed.`, {
      hint: `See who may write there with \`ls -la ${quoteForShell(dirname(join(cwd, shown)))}\`, then run the same command again.`,
      cause,
    })
  }
}

/** Replaces a file atomically, and creates its folders. @throws FfError `output_failed` */
export async function replaceText(path: string, text: string): Promise<void> {
  const folder = quoteForShell(dirname(path))
  try {
    await mkdir(dirname(path), { recursive: true })
    await replaceFile(path, text)
  } catch (cause) {
    throw new FfError(
      'output_failed',
      `${quoteValue(path)} could not be written (${getErrorCode(cause) ?? 'unknown cause'}).`,
      {
        hint: `Check the folder and its free space with \`ls -ld ${folder} && df -h ${folder}\`, then run the same command again.`,
        cause,
      },
    )
  }
}

/**
 * The texts of the archived sign-offs, in no order; empty where their folder is missing.
 *
 * @throws FfError `artefact_invalid` where a file is unreadable, and the system's error for the folder
 */
export async function readPastSignoffs(cwd: string): Promise<readonly string[]> {
  const names = await listOrEmpty(join(cwd, PAST_SIGNOFFS))
  return Promise.all(names.map((name) => readNamedText(join(cwd, PAST_SIGNOFFS, name))))
}
