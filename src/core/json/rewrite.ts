import { canonicalizeValue } from './plain.ts'

/** Where a value stands in a text: its first character, and the one after its last. */
interface Span {
  readonly from: number
  readonly to: number
  /** Of an object; null for any other value. */
  readonly members: ReadonlyMap<string, Span> | null
  /** Of an array; null for any other value. */
  readonly items: readonly Span[] | null
}

/**
 * The text of a JSON document with another value: every value inside that stays keeps its characters, and so does the
 * space around it. A value that changes, or an object or array with other members, is written anew in the layout of the
 * text: over several lines where it had several, else in one.
 *
 * @param text I-JSON (RFC 7493), which is not checked again
 * @param value values of JSON types
 */
export function rewriteJson(text: string, value: unknown): string {
  const edits = findEdits(readSpan(text, skipSpace(text, 0)), { text, value })
  return edits.reduceRight(
    (before, { from, to, written }) => before.slice(0, from) + written + before.slice(to),
    text,
  )
}

interface Edit {
  readonly from: number
  readonly to: number
  readonly written: string
}
interface Rewrite {
  readonly text: string
  readonly value: unknown
}

/** The edits in the order of the text. */
function findEdits(span: Span, { text, value }: Rewrite): readonly Edit[] {
  const { from, to, members, items } = span
  if (canonicalizeValue(JSON.parse(text.slice(from, to))) === canonicalizeValue(value)) return []
  if (members !== null && isRecord(value) && hasNames(members, value))
    return [...members].flatMap(([name, one]) => findEdits(one, { text, value: value[name] }))
  if (items !== null && Array.isArray(value) && value.length === items.length)
    return items.flatMap((one, at) => findEdits(one, { text, value: value[at] as unknown }))
  return [{ from, to, written: format(span, { text, value }) }]
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const hasNames = (members: ReadonlyMap<string, Span>, value: object): boolean => {
  const names = Object.keys(value)
  return names.length === members.size && names.every((name) => members.has(name))
}

/** Indented by two blanks more than the line on which the value begins. */
function format({ from, to }: Span, { text, value }: Rewrite): string {
  const lines = JSON.stringify(value, null, 2).split('\n')
  if (!text.slice(from, to).includes('\n')) return lines.map((line) => line.trimStart()).join(' ')
  const line = text.slice(text.lastIndexOf('\n', from) + 1, from)
  const indent = line.slice(0, line.length - line.trimStart().length)
  return lines.join(`\n${indent}`)
}

const SPACE = /[ \t\r\n]*/y
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/y
const SCALAR = /[^ \t\r\n,\]}]+/y
/** The end of the match that begins at an offset; JSON always has one there. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  pattern.test(text)
  return pattern.lastIndex
}
const skipSpace = (text: string, at: number): number => skip(SPACE, text, at)

function readSpan(text: string, from: number): Span {
  const first = text.charAt(from)
  if (first === '{') return readObject(text, from)
  if (first === '[') return readArray(text, from)
  return { from, to: skip(first === '"' ? STRING : SCALAR, text, from), members: null, items: null }
}

function readObject(text: string, from: number): Span {
  const members = new Map<string, Span>()
  let at = skipSpace(text, from + 1)
  while (text.charAt(at) !== '}') {
    const end = skip(STRING, text, at)
    const one = readSpan(text, skipSpace(text, skipSpace(text, end) + 1))
    members.set(JSON.parse(text.slice(at, end)) as string, one)
    at = skipComma(text, one.to)
  }
  return { from, to: at + 1, members, items: null }
}

function readArray(text: string, from: number): Span {
  const items: Span[] = []
  let at = skipSpace(text, from + 1)
  while (text.charAt(at) !== ']') {
    const one = readSpan(text, at)
    items.push(one)
    at = skipComma(text, one.to)
  }
  return { from, to: at + 1, members: null, items }
}

/** The beginning of the next member or item, or of the closing bracket. */
function skipComma(text: string, end: number): number {
  const at = skipSpace(text, end)
  return text.charAt(at) === ',' ? skipSpace(text, at + 1) : at
}
