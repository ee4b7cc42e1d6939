import { loadArtefact, packagedArtefact } from '../../artefacts/load.ts'
import { findAlertProblems } from '../../artefacts/rules/alert-rules.ts'
import type { AlertRules } from '../../artefacts/types.generated.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'

/**
 * Loads the metrics and alert rules of `contracts/alert_rules.json` in the package, checked by schema and by their own
 * rules.
 *
 * @throws FfError `artefact_invalid` with every problem of the first check that fails
 */
export async function loadAlerts(root: string): Promise<AlertRules> {
  const result = await loadArtefact('alert_rules', packagedArtefact(root, 'alert_rules'))
  if (!result.ok) throw toArtefactError(result.problems)
  const problems = findAlertProblems(result.loaded)
  if (problems.length > 0) throw toArtefactError(problems)
  return result.loaded.value
}
