import { tmpdir } from 'node:os'
import type { Adapters } from '../../../src/ports/adapters.ts'
import { loadChecklist } from '../../../src/features/team-folder/load-gate-files.ts'
import type { ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import type { ProbeRecordTerms } from '../../../src/features/probes/framework/run-probe.ts'
import type { ChecklistItem } from '../../../src/core/gate/types.ts'
import { adapters } from '../../../src/composition.ts'
import { ROOT } from '../../support/run-ff.ts'

export const ITEMS = (await loadChecklist({ root: ROOT, cwd: tmpdir(), checklist: null })).checklist
  .value.items
export function toItem(id: string): ChecklistItem {
  const found = ITEMS.find((one) => one.id === id)
  if (found === undefined) throw new Error(`no item ${id}`)
  return found
}

/** The context of a probe with the real adapters and an embedded server. */
export const toContext = (change: Partial<ProbeContext> = {}): ProbeContext => ({
  root: ROOT,
  cwd: tmpdir(),
  adapters,
  targets: { scratch: { kind: 'embedded' }, database: null, store: null },
  plan: null,
  params: {},
  now: () => new Date(),
  signal: new AbortController().signal,
  progress: () => undefined,
  ...change,
})
/** The real adapters with some replaced. */
export const toAdapters = (change: Partial<Adapters>): Adapters => ({ ...adapters, ...change })

export const TERMS: ProbeRecordTerms = {
  identity: {
    environment: null,
    cutover_id: null,
    attempt: null,
    database: null,
    schema_head: '0002_flags',
    code: 'sha256:of-a-test',
    config_digest: null,
    checklist_digest: null,
  },
  tool_version: '0.0.0',
  repeat: 1,
}
