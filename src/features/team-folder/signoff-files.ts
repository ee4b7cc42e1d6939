import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readTextFile } from '../../artefacts/read-text.ts'
import type { SignoffTexts } from '../../core/signoff/types.ts'
import { FfError } from '../../errors.ts'
import { listOrEmpty } from '../../files/read-or-null.ts'
import { replaceFile } from '../../files/replace-file.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { locateChecklist, type GateFolder } from './locate-checklist.ts'

/** Where a team's folder keeps what is signed and who signs; the checklist may be the package's own. */
export const SIGNOFF_FILES = {
  waivers: 'checklists/waivers.json',
  plan: 'checklists/plan.json',
  rollback_triggers: 'checklists/rollback_triggers.json',
  trust: 'checklists/trust.json',
  trust_chain: 'checklists/trust-chain.json',
  signoff: 'checklists/signoff.json',
} as const
/** A next version of the trust file on its way, and the sign-offs that were replaced. */
export const TRUST_NEXT = 'checklists/trust-next.json'
export const TRUST_ROTATION = 'checklists/trust-rotation.json'
export const PAST_SIGNOFFS = 'checklists/signoffs'

/** @throws FfError `artefact_invalid` where a file is there and cannot be read */
export async function readSignoffFiles(where: GateFolder): Promise<SignoffTexts> {
  const checklist = await locateChecklist(where)
  const names = Object.keys(SIGNOFF_FILES) as (keyof typeof SIGNOFF_FILES)[]
  const entries = await Promise.all([
    readFileIfPresent(checklist.path, checklist.shown).then((text) => ['checklist', text] as const),
    ...names.map(async (name) => {
      const shown = SIGNOFF_FILES[name]
      return [name, await readFileIfPresent(join(where.cwd, shown), shown)] as const
    }),
  ])
  return Object.fromEntries(entries) as SignoffTexts
}

export async function readFileIfPresent(path: string, shown: string): Promise<string | null> {
  const read = await readTextFile(path, shown)
  if (read.ok) return read.text
  if (read.problem.code === 'file_missing') return null
  throw toArtefactError([read.problem])
}

/** @throws FfError `artefact_invalid` where it is not there either */
export async function readNamedText(path: string): Promise<string> {
  const read = await readTextFile(path, path)
  if (read.ok) return read.text
  throw toArtefactError([read.problem])
}

/** Writes a file below the folder, whole or not at all. @throws FfError `output_failed` */
export async function writeBelow(cwd: string, shown: string, text: string): Promise<void> {
  const path = join(cwd, shown)
  try {
    await mkdir(dirname(path), { recursive: true })
    await replaceFile(path, text)
  } catch (cause) {
    throw new FfError('output_failed', `${shown} could not be written.`, {
      hint: 'Check that its folder may be written and has room.',
      cause,
    })
  }
}

/** The texts of the sign-offs that were replaced. */
export async function readPastSignoffs(cwd: string): Promise<readonly string[]> {
  const names = await listOrEmpty(join(cwd, PAST_SIGNOFFS))
  return Promise.all(names.map((name) => readNamedText(join(cwd, PAST_SIGNOFFS, name))))
}
