import { join } from 'node:path'
import { gate, type GateRequest } from '../app/gate.ts'
import { newestMigration } from '../app/persistence-inputs.ts'
import type { GateReport } from '../core/report/types.ts'
import type { Context, Invocation } from './context.ts'
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
  return gate(await gateRequest(context, options), context.adapters)
}

/** What a gate is asked of a folder, by the settings that hold there. */
export async function gateRequest(
  { root, cwd, env, adapters, now }: Pick<Context, 'root' | 'cwd' | 'env' | 'adapters' | 'now'>,
  { checklist = null, evidence = join(cwd, '.ff', 'evidence') }: GateOptions,
): Promise<GateRequest> {
  const settings = await readSettings(env, cwd)
  const [code, schema_head] = await Promise.all([
    settings.FF_CODE_VERSION.value ?? adapters.codeVersion(root),
    newestMigration(root),
  ])
  return {
    folder: { root, cwd, checklist },
    evidence,
    trust_pin: settings.FF_TRUST_SHA256.value,
    code,
    schema_head,
    settings: behaviouralSettings(settings),
    now,
  }
}
interface GateOptions {
  readonly checklist?: string | null
  readonly evidence?: string
}
