import { jwksCheck } from '../features/tokens/jwks-check.ts'
import { jwksFetch } from '../features/tokens/jwks-fetch.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'
import { loadSettings, parseKeyServerUrl } from './settings.ts'

export const runJwksCheck = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, (signal) => {
    const { root, adapters } = invocation.context
    return jwksCheck({ root, adapters, signal })
  })

export const runJwksFetch = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, async () => {
    const { root, adapters, env, cwd } = invocation.context
    const { values: settings } = await loadSettings(env, cwd)
    const url = parseKeyServerUrl(invocation.words[0] ?? '')
    return jwksFetch({ root, adapters, settings, url })
  })
