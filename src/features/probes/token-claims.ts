import { resolveNamedContext } from '../../core/auth/authenticate.ts'
import { type AuthResult, isAuthRefusal, makeAuthRefusal } from '../../core/auth/types.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { TEST_TENANT } from '../../core/parity/scene.ts'
import { instantFromMs, type Instant } from '../../core/rows/instant.ts'
import type { TestAuthenticator } from '../../ports/auth.ts'
import {
  defineAuthenticatorProbe,
  plantVerifier,
  type VerifierParts,
} from './framework/authenticator-probe.ts'
import { readNumberParam } from './framework/probe.ts'
import {
  signTestToken,
  loadTestKeys,
  withAuthenticator,
  TEST_NOW_SECONDS,
  type TestKeys,
} from './testbed/test-tokens.ts'

/** One token, verified at one instant. */
interface Case {
  readonly what: string
  readonly change: object
  /** Seconds after TEST_NOW. */
  readonly after: number
  /** The expected refusal code; null where the token is accepted. */
  readonly code: string | null
  /** The tenant that the request names; absent where it names none. */
  readonly tenant_id?: string
}

/**
 * A2: tokens with one wrong claim that the authenticator does not refuse with the code expected, good tokens that it
 * refuses, both also at `edge_s` before and after `nbf` and `exp`, at both leeways of the contract; and codes shared by
 * different faults. A sample is a token. The controls verify every token at the time of the first one, and refuse with
 * one code.
 */
export const tokenClaims = defineAuthenticatorProbe<'wrong_outcomes' | 'codes_shared'>({
  version: 1,
  faulty: { wrong_outcomes: plantVerifier(stopClock), codes_shared: plantVerifier(refuseAlike) },
  measure: async (openAuthenticator, context): Promise<Measurement> => {
    const testKeys = await loadTestKeys(context)
    const edge = readNumberParam(context, 'edge_s')
    const { leeway_s, max_leeway_s } = testKeys.settings.contract.claims
    const summary = new ClaimCounts()
    let requests = 0
    for (const leeway of new Set([leeway_s, max_leeway_s])) {
      const settings = { ...testKeys.settings, leeway_s: leeway }
      requests += await withAuthenticator(
        openAuthenticator,
        { keys: [testKeys.keys.rsa], settings },
        async (authenticator) => {
          for (const one of [...FAULTS, ...buildEdges(leeway, edge)])
            summary.add(one, getCode(await verifyCase(one, authenticator, testKeys)))
          return authenticator.server.requests()
        },
      )
    }
    return {
      measured: { wrong_outcomes: summary.wrong.length, codes_shared: summary.countShared() },
      met: { key_server: 'one on loopback', key_server_requests: requests, tokens: summary.judged },
      sample_size: summary.judged,
      example: summary.wrong[0] ?? null,
    }
  },
})

class ClaimCounts {
  judged = 0
  readonly wrong: string[] = []
  /** Refusal codes seen, by the expected code. */
  private readonly codes = new Map<string, Set<string>>()

  add({ what, code }: Case, result: string | null): void {
    this.judged += 1
    if (result !== code)
      this.wrong.push(`${what}: ${result ?? 'accepted'} instead of ${code ?? 'accepted'}`)
    if (code !== null && result !== null)
      this.codes.set(code, (this.codes.get(code) ?? new Set()).add(result))
  }

  /** How many codes are shared between faults that expect different ones. */
  countShared(): number {
    const all = [...this.codes.values()].flatMap((codes) => [...codes])
    return all.length - new Set(all).size
  }
}

/** The planted fault: verifies every token at the time of the first one. */
function stopClock({
  authenticator: { verifier },
}: VerifierParts): TestAuthenticator['verifier']['verify'] {
  let stopped: Instant | null = null
  return (token, at) => {
    stopped ??= at.now
    return verifier.verify(token, { ...at, now: stopped })
  }
}

/** The planted fault: refuses every token with the same code. */
function refuseAlike({
  authenticator: { verifier },
}: VerifierParts): TestAuthenticator['verifier']['verify'] {
  return async (token, at) => {
    const result = await verifier.verify(token, at)
    return isAuthRefusal(result) ? makeAuthRefusal('token_expired') : result
  }
}

const HOUR_S = 3_600
/** The first token is good, so that a verifier that refuses everything fails. */
const FAULTS: readonly Case[] = [
  { what: 'a good token', change: {}, after: 0, code: null },
  {
    what: 'another issuer',
    change: { iss: 'https://other.example' },
    after: 0,
    code: 'issuer_mismatch',
  },
  { what: 'another audience', change: { aud: 'pty-other' }, after: 0, code: 'audience_mismatch' },
  { what: 'other audiences', change: { aud: ['pty-other'] }, after: 0, code: 'audience_mismatch' },
  ...['exp', 'iss', 'aud', 'sub'].map((name) => ({
    what: `no ${name}`,
    change: { [name]: undefined },
    after: 0,
    code: 'claim_missing',
  })),
  { what: 'long expired', change: {}, after: 2 * HOUR_S, code: 'token_expired' },
  {
    what: 'not valid for an hour yet',
    change: { nbf: TEST_NOW_SECONDS + HOUR_S },
    after: 0,
    code: 'token_not_yet_valid',
  },
  { what: 'a tenant that is no id', change: { tid: 'a b' }, after: 0, code: 'context_invalid' },
  { what: 'its own tenant', change: {}, after: 0, code: null, tenant_id: TEST_TENANT },
  { what: 'another tenant', change: {}, after: 0, code: 'context_mismatch', tenant_id: 'T-other' },
]

/** RFC 7519, 4.1.4 and 4.1.5: valid from `nbf` minus the leeway until before `exp` plus the leeway. */
function buildEdges(leeway: number, edge: number): readonly Case[] {
  const lasts = 600
  const change = { nbf: TEST_NOW_SECONDS + lasts, exp: TEST_NOW_SECONDS + 2 * lasts }
  const [begin, end] = [lasts - leeway, 2 * lasts + leeway]
  const rows: readonly (readonly [number, string | null])[] = [
    [begin - edge, 'token_not_yet_valid'],
    [begin, null],
    [begin + edge, null],
    [end - edge, null],
    [end, 'token_expired'],
    [end + edge, 'token_expired'],
  ]
  return rows.map(([after, code]) => ({
    what: `${after} s later, with ${leeway} s of leeway`,
    change,
    after,
    code,
  }))
}

async function verifyCase(
  { change, after, tenant_id }: Case,
  authenticator: TestAuthenticator,
  testKeys: TestKeys,
): Promise<AuthResult> {
  const token = signTestToken(testKeys.keys.rsa, testKeys.claims(change))
  const now = instantFromMs((TEST_NOW_SECONDS + after) * 1000)
  const result = await authenticator.verifier.verify(token, { now, environment: 'prod' })
  return resolveNamedContext(result, { tenant_id: tenant_id ?? null, user_id: null })
}

const getCode = (result: AuthResult): string | null =>
  isAuthRefusal(result) ? result.refused : null
