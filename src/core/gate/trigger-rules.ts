/** A condition for switching back, as `checklists/rollback_triggers.json` states it. */
export interface RollbackTrigger {
  readonly id: string
  readonly metric: string
  readonly action: string
  readonly owner: string
}

/** Placeholders of the template, in lower case. */
const BLANKS: ReadonlySet<string> = new Set(['to be named', ''])
const isBlank = (text: string): boolean => BLANKS.has(text.trim().toLowerCase())

/**
 * What of the rollback triggers is missing: the ids of those without an action or an owner, and of those whose metric no
 * instance serves.
 *
 * @param series names of the metrics that are served
 */
export function checkTriggers(
  triggers: readonly RollbackTrigger[],
  series: ReadonlySet<string>,
): { readonly incomplete: readonly string[]; readonly missing: readonly string[] } {
  return {
    incomplete: triggers
      .filter(({ action, owner }) => isBlank(action) || isBlank(owner))
      .map(({ id }) => id),
    missing: triggers.filter(({ metric }) => !series.has(metric)).map(({ metric }) => metric),
  }
}
