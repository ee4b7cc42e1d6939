import { createPublicKey, type KeyObject, verify as verifyBytes } from 'node:crypto'
import type { Condition } from '../../../src/core/auth/modes.ts'
import type { Jwk } from './hostile-tokens.ts'

/** Result of an independent verification with node:crypto and `JSON.parse`, without code of the verifier. */
export interface Opinion {
  /** Whether the signature of exactly these bytes is valid under a key of the set. */
  readonly signed: boolean
  /** Condition of the checks before the claims; null for JSON in a form that `JSON.stringify` does not produce. */
  readonly condition: Condition | null
}

const HASH: Readonly<Record<string, string | null>> = {
  RS256: 'sha256',
  ES256: 'sha256',
  EdDSA: null,
  Ed25519: null,
}
const decode = (segment: string): Buffer => Buffer.from(segment, 'base64url')

/** @param keys several, each with a distinct kid and an alg */
export function makeOpinion(keys: readonly Jwk[]): (token: string) => Opinion {
  const held = keys.map((jwk) => ({ jwk, key: createPublicKey({ key: jwk, format: 'jwk' }) }))
  return (token) => {
    const [head = '', payload = '', signature = ''] = token.split('.')
    const holds = ({ jwk, key }: Held): boolean =>
      holdsUnder(key, jwk['alg'] ?? '', `${head}.${payload}`, decode(signature))
    return { signed: held.some(holds), condition: getCondition(token, held, holds) }
  }
}
interface Held {
  readonly jwk: Jwk
  readonly key: KeyObject
}
const holdsUnder = (key: KeyObject, alg: string, input: string, bytes: Buffer): boolean =>
  verifyBytes(HASH[alg], Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }, bytes)

function getCondition(
  token: string,
  held: readonly Held[],
  holds: (one: Held) => boolean,
): Condition | null {
  const segments = token.split('.')
  const isForm = token.length <= 8192 && segments.length === 3 && segments.every(isOneSpelling)
  const [header = '', claims = ''] = segments.map((one) => decode(one).toString())
  if (![header, claims].every((text, at) => decode(segments[at] ?? '').equals(Buffer.from(text))))
    return 'token_malformed' // Not UTF-8.
  if (!isForm || repeatsName(header) || repeatsName(claims)) return 'token_malformed'
  const [first, second] = [plainObject(header), plainObject(claims)]
  return first === null || second === null ? null : conditionOfForm([first, second], held, holds)
}

function conditionOfForm(
  [header, claims]: readonly [Plain, Plain],
  held: readonly Held[],
  holds: (one: Held) => boolean,
): Condition {
  const { alg, kid, crit, b64 } = header
  if (kid !== undefined && typeof kid !== 'string') return 'token_malformed'
  const times = [claims['exp'], claims['nbf']]
  if (times.some((time) => time !== undefined && typeof time !== 'number')) return 'token_malformed'
  if (crit !== undefined || b64 === false) return 'crit_unsupported'
  if (typeof alg !== 'string' || !Object.hasOwn(HASH, alg)) return 'alg_not_allowed'
  if (kid === undefined) return 'kid_ambiguous'
  const named = held.find(({ jwk }) => jwk['kid'] === kid)
  if (named === undefined) return 'kid_absent'
  // Two names of one algorithm (RFC 9864, 2.2).
  const names = alg.startsWith('Ed') ? ['EdDSA', 'Ed25519'] : [alg]
  if (!names.includes(named.jwk['alg'] ?? '')) return 'key_not_usable'
  return holds(named) ? 'verified' : 'signature_invalid'
}

/** Whether a segment is the canonical encoding of its bytes. */
const isOneSpelling = (segment: string): boolean =>
  decode(segment).toString('base64url') === segment

type Plain = Readonly<Record<string, unknown>>
/** Parses an object in the form of `JSON.stringify`; null for any other text. */
function plainObject(text: string): Plain | null {
  const value = parsed(text)
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  const isDeep = /[[{]{10}|(?:"a":\{){10}/.test(text)
  return isObject && !isDeep && JSON.stringify(value) === text ? (value as Plain) : null
}

/** Whether the top-level object has two members of one name, also if escaped differently. */
function repeatsName(text: string): boolean {
  if (parsed(text) === undefined) return false
  const names: unknown[] = []
  let depth = 0
  for (const [part] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[[{}\]]/g)) {
    if (part === '{' || part === '[') depth += 1
    else if (part === '}' || part === ']') depth -= 1
    else if (depth === 1 && part.endsWith(':')) names.push(JSON.parse(part.slice(0, -1)))
  }
  return new Set(names).size < names.length
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // Not JSON.
  }
}
