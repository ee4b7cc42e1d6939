import { loadArtefact, packaged } from '../../artefacts/load.ts'
import { alertProblems } from '../../artefacts/rules/alert-rules.ts'
import type { AlertRules } from '../../artefacts/types.generated.ts'
import { artefactError } from '../../artefacts/artefact-error.ts'

/** The metrics and alert rules of the contract. @throws FfError `artefact_invalid` */
export async function loadAlerts(root: string): Promise<AlertRules> {
  const result = await loadArtefact('alert_rules', packaged(root, 'alert_rules'))
  if (!result.ok) throw artefactError(result.problems)
  const problems = alertProblems(result.loaded)
  if (problems.length > 0) throw artefactError(problems)
  return result.loaded.value
}
