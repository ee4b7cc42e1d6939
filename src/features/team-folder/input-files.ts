import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { ARTEFACTS, parseArtefact } from '../../artefacts/load.ts'
import type { ArtefactCode } from '../../artefacts/problem.ts'
import { listCommandWords } from '../../core/gate/inputs.ts'
import type { SignoffTexts } from '../../core/signoff/types.ts'
import { readBounded } from '../../files/read-bounded.ts'
import { getErrorCode } from '../../files/read-or-null.ts'

/** The runbook, which the plan names by its digest; relative to the team's folder. */
export const RUNBOOK = 'checklists/runbook.md'
/** The largest runbook or file of a team command. */
export const MAX_INPUT_BYTES = 16_777_216

/**
 * The bytes of the runbook, and of each word of a team command that is a file of the folder, as base64url by path; a
 * missing file is left out. A checklist that does not parse has no commands.
 *
 * @throws FfError `artefact_invalid` for a file that is too large or cannot be read
 */
export async function readInputFiles(
  cwd: string,
  checklist: string | null,
): Promise<SignoffTexts['inputs']> {
  const shown = ARTEFACTS.cutover_readiness_checklist.file
  const read = parseArtefact('cutover_readiness_checklist', { text: checklist ?? '', shown })
  const words = read.ok ? read.loaded.value.items.flatMap(listCommandWords) : []
  const paths = [...new Set([RUNBOOK, ...words.filter((word) => isInside(cwd, word))])]
  const entries: [path: string, bytes: string][] = []
  for (const path of paths) {
    const bytes = await readInput(cwd, path)
    if (bytes !== null) entries.push([path, bytes.toString('base64url')])
  }
  return Object.fromEntries(entries)
}

/** Whether a word names a place below the folder; programs of the system are not the team's to bind. */
function isInside(cwd: string, word: string): boolean {
  const path = relative(cwd, resolve(cwd, word))
  return path !== '' && path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path)
}

/** What the system says of a word that is no path of a file. */
const NO_FILE: ReadonlySet<string | null> = new Set([
  'ENOENT',
  'ENOTDIR',
  'ENAMETOOLONG',
  'ERR_INVALID_ARG_VALUE',
])

async function readInput(cwd: string, path: string): Promise<Buffer | null> {
  const refuse = (code: ArtefactCode, detail: string) =>
    toArtefactError([{ file: path, pointer: '', code, detail }])
  try {
    const read = await readBounded(isAbsolute(path) ? path : join(cwd, path), MAX_INPUT_BYTES)
    if (read.ok) return read.bytes
    if (read.fault === 'not_a_file') return null
  } catch (error) {
    const code = getErrorCode(error)
    if (NO_FILE.has(code)) return null
    throw code === null ? error : refuse('file_unreadable', code)
  }
  throw refuse('file_too_large', `over ${MAX_INPUT_BYTES} bytes`)
}
