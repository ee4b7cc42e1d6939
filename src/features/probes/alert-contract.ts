import { loadArtefact, packagedArtefact } from '../../artefacts/load.ts'
import { findAlertProblems } from '../../artefacts/rules/alert-rules.ts'
import type { AlertRules } from '../../artefacts/types.generated.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'

/** Loads `contracts/alert_rules.json`: its metrics and alert rules. @throws FfError `artefact_invalid` */
export async function loadAlerts(root: string): Promise<AlertRules> {
  const result = await loadArtefact('alert_rules', packagedArtefact(root, 'alert_rules'))
  if (!result.ok) throw toArtefactError(result.problems)
  const problems = findAlertProblems(result.loaded)
  if (problems.length > 0) throw toArtefactError(problems)
  return result.loaded.value
}
