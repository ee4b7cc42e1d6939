import { createPublicKey, type KeyObject, verify as verifyBytes } from 'node:crypto'
import type { Condition } from '../../../src/core/auth/modes.ts'
import type { Jwk } from './hostile-tokens.ts'

/** What somebody else makes of a token: node:crypto and `JSON.parse`, and nothing of the verifier. */
export interface Opinion {
  /** Whether the signature over exactly these bytes holds under a key of the set. */
  readonly signed: boolean
  /** What the checks before the claims come to. Null where its JSON is written as `JSON.stringify` would not. */
  readonly condition: Condition | null
}

const HASH: Readonly<Record<string, string | null>> = {
  RS256: 'sha256',
  ES256: 'sha256',
  EdDSA: null,
}
const decode = (segment: string): Buffer => Buffer.from(segment, 'base64url')

/** @param keys each with a kid and an alg of its own, several of them */
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
  if (named.jwk['alg'] !== alg) return 'key_not_usable'
  return holds(named) ? 'verified' : 'signature_invalid'
}

/** The segment is what encoding its bytes gives. */
const isOneSpelling = (segment: string): boolean =>
  decode(segment).toString('base64url') === segment

type Plain = Readonly<Record<string, unknown>>
/** An object that comes out of `JSON.stringify` as it went in; null where it is none. */
function plainObject(text: string): Plain | null {
  const value = parsed(text)
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  const isDeep = /[[{]{10}|(?:"a":\{){10}/.test(text)
  return isObject && !isDeep && JSON.stringify(value) === text ? (value as Plain) : null
}

/** Whether an object, read to its end, has two members of one name, in whatever spelling. */
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
    return undefined // Not JSON: nothing is said of it.
  }
}
