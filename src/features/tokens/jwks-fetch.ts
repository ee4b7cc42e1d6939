import type { CheckReport } from '../../core/report/types.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { ServedKey } from '../../ports/auth.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { loadAuth } from './jwks-check.ts'
import { checkAuth } from './auth-settings.ts'

export interface JwksFetchRequest {
  /** The package folder. */
  readonly root: string
  readonly url: URL
  readonly settings: SettingValues
  readonly adapters: Adapters
}

/**
 * `ff jwks fetch`: fetches a key set once. Returns `endpoint` with how long it is kept, `usable`, failed if no key is,
 * and one item for each key: usable, for another purpose (a pass), or faulty and why. If the fetch fails, returns
 * `endpoint` alone: inconclusive if unreachable, else failed.
 *
 * @throws FfError `setting_invalid` for bad FF_JWT_* settings, `artefact_invalid` for a bad contract or fixtures
 */
export async function jwksFetch(request: JwksFetchRequest): Promise<CheckReport> {
  const { root, adapters, settings, url } = request
  const { notes } = await loadAuth(root)
  const { algorithms } = checkAuth(notes, settings, '')
  const fetched = await adapters.fetchKeys(url, notes, algorithms)
  if (!fetched.ok) {
    const { kind, detail } = fetched
    const state = kind === 'unreachable' ? 'inconclusive' : 'fail'
    const findings = [{ code: `jwks_${kind}`, pointer: null, detail }]
    const next = 'Request the endpoint from this machine with curl -i, and correct what it reports.'
    return buildCheckReport('jwks_fetch', [
      { id: 'endpoint', title: detail, state, findings, next },
    ])
  }
  const { keys, headers, cache_s } = fetched.served
  const caching = headers.map(([name, value]) => `${name}: ${value}`).join('; ')
  const usable = keys.filter(({ fault }) => fault === null).length
  return buildCheckReport('jwks_fetch', [
    passResult(
      'endpoint',
      `kept for ${cache_s} s (${caching === '' ? 'no caching headers' : caching})`,
    ),
    usable > 0
      ? passResult('usable', `${usable} of ${keys.length} keys`)
      : {
          id: 'usable',
          title: `none of ${keys.length} keys`,
          state: 'fail',
          findings: [{ code: 'key_not_usable', pointer: '/keys', detail: '' }],
          next: `Publish a key for ${algorithms.join(' or ')} with use sig.`,
        },
    ...keys.map(toItem),
  ])
}

/** Faults that only mark a key for another purpose, which a key set may hold; any other fault fails the key. */
const OTHER_PURPOSE_FAULTS: ReadonlySet<string> = new Set([
  'kty_unknown',
  'use_not_sig',
  'key_ops_without_verify',
  'alg_unknown',
  'alg_not_allowed',
  'curve_unknown',
])

function toItem({ kid, words, fault }: ServedKey, at: number): CheckResult {
  const id = kid === null ? `key ${at + 1}, without kid` : `key ${kid}`
  if (fault === null) return passResult(id, words.join(' '))
  if (OTHER_PURPOSE_FAULTS.has(fault))
    return passResult(id, `${words.join(' ')}: left alone (${fault})`)
  return {
    id,
    title: words.join(' '),
    state: 'fail',
    findings: [{ code: fault, pointer: `/keys/${at}`, detail: '' }],
    next: 'Correct this key at the issuer, or remove it from the key set.',
  }
}
