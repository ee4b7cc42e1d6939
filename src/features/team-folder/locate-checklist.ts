import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { isMissing } from '../../files/read-or-null.ts'
import { ARTEFACTS, packagedArtefact, type ArtefactPlace } from '../../artefacts/load.ts'

/** The package folder, the team folder, and the checklist that `--checklist` names; null for the default one. */
export interface GateFolder {
  readonly root: string
  readonly cwd: string
  readonly checklist: string | null
}

/**
 * Path and shown name of the checklist: the named one, else the team folder's if it is there, else the package's.
 * Only the team's file is looked for. One that cannot be accessed counts as there, so that reading it reports why.
 * A named path is returned as given.
 */
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
    (error: unknown) => !isMissing(error), // Reading an inaccessible file reports why.
  )
