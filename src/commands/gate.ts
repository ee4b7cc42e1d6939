import { join } from 'node:path'
import { gate } from '../app/gate.ts'
import { newestMigration } from '../app/persistence-inputs.ts'
import type { GateReport } from '../core/report/types.ts'
import type { Invocation } from './context.ts'
import { runReport } from './run-report.ts'
import { behaviouralSettings, readSettings } from './settings.ts'

/** `ff gate`: the verdict. */
export const judge = (invocation: Invocation): Promise<void> =>
  runReport(invocation, () => verdictOf(invocation))

/** `ff report`: the same verdict, and the same exit, in a form to hand on. */
export const report = (invocation: Invocation): Promise<void> => {
  const { format = 'markdown' } = invocation.options
  const options = { ...invocation.options, format }
  return runReport({ ...invocation, options }, () => verdictOf(invocation))
}

async function verdictOf({ context, options }: Invocation): Promise<GateReport> {
  const { root, cwd, env, adapters, now } = context
  const settings = await readSettings(env, cwd)
  const [code, schema_head] = await Promise.all([
    settings.FF_CODE_VERSION.value ?? adapters.codeVersion(root),
    newestMigration(root),
  ])
  return gate(
    {
      folder: { root, cwd, checklist: options.checklist ?? null },
      evidence: options.evidence ?? join(cwd, '.ff', 'evidence'),
      trust_pin: settings.FF_TRUST_SHA256.value,
      code,
      schema_head,
      settings: behaviouralSettings(settings),
      now,
    },
    adapters,
  )
}
