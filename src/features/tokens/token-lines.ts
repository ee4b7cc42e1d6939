import { nodeToValue } from '../../core/json/plain.ts'
import { hasRepeatedMember, parseLosslessJson } from '../../core/json/read.ts'
import type { AuthSettings } from '../../core/auth/contract.ts'
import type { ExitName } from '../../core/exit.ts'
import type { KeySourceSpec, OpenAuthenticator } from '../../ports/auth.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { checkAlgorithms } from './auth-settings.ts'
import {
  judgeToken,
  listChecks,
  toTokenExit,
  type VerificationStep,
  type VerifyOptions,
} from './token-verify.ts'

/** One line of input: a token, with the key set and algorithms that replace those of the settings. */
interface TokenLine {
  readonly id: unknown
  readonly token: string
  readonly jwks: readonly Jwk[] | null
  readonly algs: readonly string[] | null
}
type Jwk = Readonly<Record<string, unknown>>
/** One line of output; `id` is that of the input line. */
export interface LineAnswer {
  readonly id: unknown
  readonly verdict: 'verified' | 'decode-only' | 'refused' | 'error'
  readonly code: string | null
  readonly checks?: readonly VerificationStep[]
}

/**
 * Whether the input is lines of JSON, judged by one line: a JSON object without a repeated member that has `token` or
 * `id`. Any other text is verified as a single token.
 */
export function isTokenLine(text: string): boolean {
  const { token, id } = toObject(text) ?? {}
  return token !== undefined || id !== undefined
}

/** Verifies lines one after the other; lines without their own keys share the authenticator of the settings. */
export class TokenLines {
  private readonly adapters: Adapters
  private readonly settings: AuthSettings
  private readonly options: VerifyOptions
  private readonly live: OpenAuthenticator

  constructor(
    live: OpenAuthenticator,
    settings: AuthSettings,
    more: { readonly adapters: Adapters; readonly options: VerifyOptions },
  ) {
    this.live = live
    this.settings = settings
    this.adapters = more.adapters
    this.options = more.options
  }

  /**
   * Verifies the token of one line. Returns the line of output, with its checks if `explain` is set, and its exit. A
   * line of wrong form gives the verdict `error` with `line_invalid`, a forbidden algorithm one with
   * `algorithm_not_allowable`; both exit with `usage`. A line with its own keys gets an authenticator that is closed
   * afterwards; a line never makes ff fetch a URL.
   *
   * @throws errors of an authenticator
   */
  async answer(text: string): Promise<{ readonly answer: LineAnswer; readonly exit: ExitName }> {
    const line = parseTokenLine(text)
    if (line === null)
      return makeErrorAnswer(parseId(toObject(text)?.['id']) ?? null, 'line_invalid')
    const { id, token, jwks, algs } = line
    if (algs?.some((one) => !this.settings.contract.algorithms.allowable.includes(one)) === true)
      return makeErrorAnswer(id, 'algorithm_not_allowable')
    const authenticator = await this.authenticatorFor(jwks, algs)
    try {
      const verdict = await judgeToken(authenticator, token, this.options)
      const checks = listChecks(verdict, this.options.signatureOnly)
      const answer = { id, verdict: verdict.verdict, code: verdict.code }
      return {
        answer: this.options.explain ? { ...answer, checks } : answer,
        exit: toTokenExit(verdict),
      }
    } finally {
      if (authenticator !== this.live) await authenticator.close()
    }
  }

  private async authenticatorFor(
    jwks: readonly Jwk[] | null,
    algs: readonly string[] | null,
  ): Promise<OpenAuthenticator> {
    if (jwks === null) return this.live
    const algorithms =
      algs === null ? this.settings.algorithms : checkAlgorithms(this.settings.contract, algs)
    const from: KeySourceSpec = { keys: jwks }
    return this.adapters.openAuthenticator(from, { ...this.settings, algorithms })
  }
}

const makeErrorAnswer = (id: unknown, code: string): { answer: LineAnswer; exit: ExitName } => ({
  answer: { id, verdict: 'error', code },
  exit: 'usage',
})

/** The parsed line; null if its form is wrong. Keys are inline: a line never makes ff fetch a URL. */
function parseTokenLine(text: string): TokenLine | null {
  const { id: givenId = null, token, jwks, algs } = toObject(text) ?? {}
  const id = parseId(givenId)
  if (id === undefined) return null
  const keys = jwks === undefined ? null : parseKeys(jwks)
  if (typeof token !== 'string' || keys === undefined) return null
  if (algs !== undefined && !isStringList(algs)) return null
  // A line may narrow the algorithms only for its own keys; the settings hold those of the endpoint.
  if (algs !== undefined && keys === null) return null
  return { id, token, jwks: keys, algs: algs ?? null }
}

/** An id that JSON returns unchanged: a string, null, or a safe integer; undefined for any other value. */
const parseId = (id: unknown): string | number | null | undefined =>
  id === null || typeof id === 'string' || Number.isSafeInteger(id)
    ? (id as string | number | null)
    : undefined

function parseKeys(jwks: unknown): readonly Jwk[] | undefined {
  const keys: unknown = Array.isArray(jwks) ? jwks : isRecord(jwks) ? jwks['keys'] : undefined
  return Array.isArray(keys) && keys.every(isRecord) ? keys : undefined
}
const isRecord = (value: unknown): value is Jwk =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isStringList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string')

function toObject(text: string): Jwk | null {
  const read = parseLosslessJson(text)
  if (!read.ok || hasRepeatedMember(read.node)) return null
  const plain = nodeToValue(read.node)
  return isRecord(plain) ? plain : null
}
