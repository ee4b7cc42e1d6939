import type { Report } from '../core/report/types.ts'
import { formatJson } from '../core/text/terminal.ts'

/** The JSON name of the list of items, by kind of report. */
const LIST: Readonly<Record<Report['kind'], string>> = {
  parity_run: 'vectors',
  parity_exhaustive: 'cells',
  parity_replay: 'requests',
  audit_export: 'items',
  audit_reconcile: 'items',
  audit_verify: 'items',
  artefacts: 'items',
  export: 'items',
  import: 'items',
  parity_diff: 'items',
  doctor: 'items',
  migrate_down: 'items',
  migrate_status: 'items',
  migrate_up: 'items',
  migrate_verify: 'items',
  jwks_check: 'items',
  jwks_fetch: 'items',
  mapping_check: 'items',
  parity_fuzz: 'items',
  parity_preflight: 'items',
  parity_selftest: 'items',
  plan_check: 'items',
  probe_run: 'items',
  probe_selftest: 'items',
  token_verify: 'items',
  gate: 'items',
  signoff_verify: 'items',
  trust_show: 'items',
  waiver_lint: 'items',
  waiver_list: 'items',
  evidence_list: 'items',
}

/**
 * The report as indented JSON with a line feed. The items follow the other members, under `vectors`, `cells`,
 * `requests` or `items` by kind; times stand last, so that two reports can be compared without them.
 */
export function formatJsonReport(report: Report): string {
  const { items, ...rest } = report
  const { timing, ...facts } = 'timing' in rest ? rest : { ...rest, timing: undefined }
  return `${formatJson({ ...facts, [LIST[report.kind]]: items, ...(timing && { timing }) })}\n`
}
