import { type Problem, makeProblem } from '../problem.ts'
import { appendPointer } from './pointer.ts'
import { isJsonArray, isJsonNumber, isJsonObject, type JsonNode, type JsonObject } from './read.ts'

declare const canonical: unique symbol
/**
 * A JSON text in RFC 8785 form that is also I-JSON (RFC 7493) and holds no number that a double or
 * `jsonb` would change. Two such texts are the same value exactly when they are the same string.
 */
export type CanonicalJson = string & { readonly [canonical]: true }

export type CanonicalResult =
  | { readonly ok: true; readonly text: CanonicalJson }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** A submitted text may spell a number differently (`1.0` counts as `1`); a stored text must already be canonical. */
export type TextOrigin = 'submitted' | 'stored'
export interface JsonPlace {
  readonly at: string
  readonly origin: TextOrigin
}
const ROOT: JsonPlace = { at: '', origin: 'submitted' }

/**
 * Writes a node in RFC 8785 form (`ok`, `text`), or returns every breach that `findJsonProblems` finds (`problems`).
 *
 * @param place pointer and origin of the node; by default the root of a submitted text
 */
export function canonicalize(node: JsonNode, place: JsonPlace = ROOT): CanonicalResult {
  const problems = findJsonProblems(node, place)
  return problems.length > 0
    ? { ok: false, problems }
    : { ok: true, text: write(node) as CanonicalJson }
}

/**
 * Every breach of I-JSON (RFC 7493) and of the number rule of `canonicalizeNumber`, each with its JSON pointer:
 * `duplicate_member`, `lone_surrogate`, `nul_character` (which `jsonb` refuses) and `number_not_canonical`. Only the
 * first bad character of a text is reported. A number of a stored text must also be spelled canonically. Empty where
 * there is no breach.
 */
export function findJsonProblems(node: JsonNode, place: JsonPlace = ROOT): readonly Problem[] {
  const found: Problem[] = []
  inspect(node, place, found)
  return found
}

function inspect(node: JsonNode, place: JsonPlace, found: Problem[]): void {
  if (typeof node === 'string') return inspectString(node, place.at, found)
  if (typeof node !== 'object' || node === null) return
  if (isJsonArray(node))
    return node.forEach((item, index) => inspect(item, toChildPlace(place, index), found))
  if (isJsonObject(node)) return inspectObject(node, place, found)
  if (!isAllowedNumber(node.lexeme, place.origin))
    found.push(makeProblem('number_not_canonical', place.at))
}

function inspectObject(node: JsonObject, place: JsonPlace, found: Problem[]): void {
  const seen = new Set<string>()
  for (const [name, value] of node.members) {
    const here = toChildPlace(place, name)
    if (seen.has(name)) found.push(makeProblem('duplicate_member', here.at))
    seen.add(name)
    inspectString(name, here.at, found)
    inspect(value, here, found)
  }
}

const toChildPlace = ({ at, origin }: JsonPlace, token: string | number): JsonPlace => ({
  at: appendPointer(at, token),
  origin,
})

function isAllowedNumber(lexeme: string, origin: TextOrigin): boolean {
  const form = canonicalizeNumber(lexeme)
  return origin === 'stored' ? form === lexeme : form !== undefined
}

// `jsonb` cannot hold U+0000 (22P05), and a lone surrogate is no Unicode string (RFC 7493, 2.1).
const NOT_TEXT = /[\u0000\ud800-\udfff]/u
function inspectString(text: string, at: string, found: Problem[]): void {
  const bad = NOT_TEXT.exec(text)?.[0]
  if (bad !== undefined)
    found.push(makeProblem(bad === '\u0000' ? 'nul_character' : 'lone_surrogate', at))
}

/**
 * The RFC 8785 form of a number. Undefined where that form denotes another decimal or needs an exponent: a double or
 * `jsonb` would then change the number.
 *
 * @param lexeme a JSON number; other text is not refused reliably
 */
export function canonicalizeNumber(lexeme: string): string | undefined {
  const form = String(Number(lexeme))
  if (form === lexeme) return form.includes('e') ? undefined : form
  if (!/^-?[0-9.]+$/.test(form)) return undefined
  return normalizeDecimal(lexeme) === normalizeDecimal(form) ? form : undefined
}

/**
 * One spelling for each decimal, to compare JSON numbers exactly: a sign if negative, digits without outer zeros,
 * `e`, and the power of ten of the last digit (`-1.50` becomes `-15e-1`). Every zero becomes `0`.
 *
 * @param lexeme a JSON number
 */
export function normalizeDecimal(lexeme: string): string {
  const [mantissa, exponent = '0'] = lexeme.toLowerCase().split('e') as [string, string?]
  const [whole, fraction = ''] = mantissa.replace('-', '').split('.') as [string, string?]
  const digits = (whole + fraction).replace(/^0+/, '')
  const kept = withoutTrailingZeros(digits)
  if (kept === '') return '0'
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - kept.length)
  return `${mantissa.startsWith('-') ? '-' : ''}${kept}e${power}`
}

/** One pass: `/0+$/` restarts at every zero, which is quadratic in the length of the number. */
function withoutTrailingZeros(digits: string): string {
  let end = digits.length
  while (digits[end - 1] === '0') end -= 1
  return digits.slice(0, end)
}

function write(node: JsonNode): string {
  if (typeof node !== 'object' || node === null) return JSON.stringify(node)
  if (isJsonNumber(node)) return canonicalizeNumber(node.lexeme) as string
  if (isJsonArray(node)) return `[${node.map(write).join(',')}]`
  // RFC 8785, 3.2.3: members sorted by the UTF-16 code units of their names.
  const sorted = [...node.members].sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${write(value)}`).join(',')}}`
}
