import type { InputDigests } from '../../core/gate/types.ts'
import { canonicalizeValue } from '../../core/json/plain.ts'
import { digestFiles } from '../../core/signoff/decision-file.ts'
import type { BoundFiles, SignoffDependencies } from '../../core/signoff/types.ts'
import type { GateFiles } from './load-gate-files.ts'
import { SIGNOFF_FILES } from './signoff-files.ts'

/**
 * The SHA-256, in hexadecimal, of each file of a team folder that a record may depend on, by path: plan and rollback
 * triggers, the runbook and the files of team commands; and of each member of the plan in canonical form (RFC 8785),
 * by `checklists/plan.json#/member`. Reads no file; a missing one has no digest.
 */
export function digestInputs(
  texts: BoundFiles,
  { plan }: Pick<GateFiles, 'plan'>,
  tools: SignoffDependencies,
): InputDigests {
  const own = (['plan', 'rollback_triggers'] as const).flatMap((name) => {
    const text = texts[name]
    return text === null ? [] : [[SIGNOFF_FILES[name], tools.sha256(text)] as const]
  })
  const members = Object.entries(plan ?? {}).map(
    ([name, value]) =>
      [`${SIGNOFF_FILES.plan}#/${name}`, tools.sha256(canonicalizeValue(value))] as const,
  )
  return { ...digestFiles(texts, tools), ...Object.fromEntries([...own, ...members]) }
}
