import { jwksCheck } from '../features/tokens/jwks-check.ts'
import { jwksFetch } from '../features/tokens/jwks-fetch.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'
import { loadSettings, parseKeyServerUrl } from './settings.ts'

/**
 * `ff jwks check`: checks every row of the mode matrix with the token fixtures, over key servers on loopback, prints a
 * report and sets its exit.
 * @throws FfError `artefact_invalid` for a bad contract or fixtures, and the errors of `runReportCommand`, such as
 * `output_failed`
 */
export const runJwksCheck = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, (signal) => {
    const { root, adapters } = invocation.context
    return jwksCheck({ root, adapters, signal })
  })

/**
 * `ff jwks fetch URL`: fetches a key set once, prints a report on its keys and sets its exit; a fetch that fails is an
 * item.
 * @throws FfError `secret_in_option` or `setting_invalid` for the URL, `setting_invalid` for FF_JWT_* settings,
 * `artefact_invalid`, and the errors of `runReportCommand`, such as `output_failed`
 */
export const runJwksFetch = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, async () => {
    const { root, adapters, env, cwd } = invocation.context
    const { values: settings } = await loadSettings(env, cwd)
    const url = parseKeyServerUrl(invocation.words[0] ?? '')
    return jwksFetch({ root, adapters, settings, url })
  })
