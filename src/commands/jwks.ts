import { jwksCheck } from '../app/jwks-check.ts'
import { jwksFetch } from '../app/jwks-fetch.ts'
import type { Invocation } from './context.ts'
import { runReport } from './run-report.ts'

export const check = (invocation: Invocation): Promise<void> =>
  runReport(invocation, (signal) => {
    const { root, adapters } = invocation.context
    return jwksCheck({ root, adapters, signal })
  })

export const fetch = (invocation: Invocation): Promise<void> =>
  runReport(invocation, () => {
    const { root, adapters } = invocation.context
    return jwksFetch({ root, adapters, url: invocation.words[0] ?? '' })
  })
