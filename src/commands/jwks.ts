import { jwksCheck } from '../app/jwks-check.ts'
import { jwksFetch } from '../app/jwks-fetch.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { authTexts } from './auth-texts.ts'
import { runReport } from './run-report.ts'
import { readSettings } from './settings.ts'

export const check = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReport(invocation, (signal) => {
    const { root, adapters } = invocation.context
    return jwksCheck({ root, adapters, signal })
  })

export const fetch = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReport(invocation, async () => {
    const { root, adapters, env, cwd } = invocation.context
    const auth = authTexts(await readSettings(env, cwd))
    return jwksFetch({ root, adapters, auth, url: invocation.words[0] ?? '' })
  })
