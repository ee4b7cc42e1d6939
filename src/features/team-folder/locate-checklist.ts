import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { isMissing } from '../../files/read-or-null.ts'
import { ARTEFACTS, packagedArtefact, type ArtefactPlace } from '../../artefacts/load.ts'

/** Where somebody looks for the files of a gate; a null path is looked for in `checklists` below the folder. */
export interface GateFolder {
  readonly root: string
  readonly cwd: string
  readonly checklist: string | null
}

/** The checklist named, else the folder's own, else the package's. */
export async function locateChecklist({
  root,
  cwd,
  checklist,
}: GateFolder): Promise<ArtefactPlace> {
  if (checklist !== null) return { path: checklist, shown: checklist }
  const shown = ARTEFACTS.cutover_readiness_checklist.file
  const own = join(cwd, shown)
  return (await isThere(own))
    ? { path: own, shown }
    : packagedArtefact(root, 'cutover_readiness_checklist')
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    (error: unknown) => !isMissing(error), // One that is there and cannot be read: reading it says why.
  )
