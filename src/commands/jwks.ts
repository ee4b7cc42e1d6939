import { jwksCheck } from '../features/tokens/jwks-check.ts'
import { jwksFetch } from '../features/tokens/jwks-fetch.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'
import { loadSettings, parseKeyServerUrl } from './settings.ts'

/** `ff jwks check`: checks every row of the mode matrix with the token fixtures, prints a report and sets its exit. */
export const runJwksCheck = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, (signal) => {
    const { root, adapters } = invocation.context
    return jwksCheck({ root, adapters, signal })
  })

/**
 * `ff jwks fetch URL`: fetches a key set, prints a report on its keys and sets its exit.
 *
 * @throws FfError `secret_in_option` or `setting_invalid` for the URL
 */
export const runJwksFetch = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, async () => {
    const { root, adapters, env, cwd } = invocation.context
    const { values: settings } = await loadSettings(env, cwd)
    const url = parseKeyServerUrl(invocation.words[0] ?? '')
    return jwksFetch({ root, adapters, settings, url })
  })
