import { createHash } from 'node:crypto'
import type { CutoverIdentity } from '../../core/gate/types.ts'
import { canonicalizeValue } from '../../core/json/plain.ts'
import type { GateFiles } from './load-gate-files.ts'

/** What runs, as whoever runs it says. */
export interface RunningVersion {
  readonly code: string | null
  /** Behavioural settings by name; null is the default. */
  readonly settings: Readonly<Record<string, string | null>>
  /** The newest migration that the package knows. */
  readonly schema_head: string | null
}

/** The identity that evidence has to have to count (page 9): where and which cutover the plan says, the rest is what runs. */
export function buildIdentity(
  { code, settings, schema_head }: RunningVersion,
  { plan, checklist }: Pick<GateFiles, 'plan' | 'checklist'>,
): CutoverIdentity {
  return {
    environment: plan?.environment ?? null,
    cutover_id: plan?.cutover_id ?? null,
    attempt: plan?.attempt ?? null,
    database: plan?.database ?? null,
    schema_head,
    code,
    config_digest: createHash('sha256').update(canonicalizeValue(settings)).digest('hex'),
    checklist_digest: checklist.digest,
  }
}
