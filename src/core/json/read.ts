/**
 * A JSON text without loss: number lexemes, member order and repeated members are kept.
 * `JSON.parse` silently rounds 2^53+1 and drops all but the last of repeated members.
 */
export type JsonNode = null | boolean | string | JsonNumber | readonly JsonNode[] | JsonObject
export interface JsonNumber {
  /** The characters of the number, exactly as in the text. */
  readonly lexeme: string
}
export interface JsonObject {
  /** In the order of the text, repeated names included. */
  readonly members: readonly JsonMember[]
}
export type JsonMember = readonly [name: string, value: JsonNode]

export type JsonReadCode = 'json_empty' | 'json_malformed' | 'json_too_deep'
export type JsonRead =
  | { readonly ok: true; readonly node: JsonNode }
  | {
      readonly ok: false
      readonly code: JsonReadCode
      readonly line: number
      readonly column: number
    }

/** Levels of nesting: more than any artefact or stored value uses, and far below any stack limit. */
export const MAX_DEPTH = 64

/** Whether a node is a number, which is an object with its lexeme. */
export const isJsonNumber = (node: JsonNode): node is JsonNumber =>
  typeof node === 'object' && node !== null && 'lexeme' in node
/** Whether a node is an object with members; false for an array. */
export const isJsonObject = (node: JsonNode): node is JsonObject =>
  typeof node === 'object' && node !== null && 'members' in node
/** Whether a node is an array. */
export const isJsonArray = (node: JsonNode): node is readonly JsonNode[] => Array.isArray(node)

/**
 * Parses one JSON text (RFC 8259) into a node. Otherwise returns `json_empty` (nothing but space), `json_malformed`
 * (also for a byte order mark) or `json_too_deep` (a value within more than 64 objects and arrays) with line and
 * column from 1. Never throws; keeps repeated members and lone surrogates.
 */
export const parseLosslessJson = (text: string): JsonRead => read(text, new Reader(text))

/**
 * As `parseLosslessJson`, in a small part of the memory for a large text of small objects: one of at most 65,536
 * characters is its place in the text, and read again when its members are asked for. The text stays in memory.
 */
export const parseLargeJson = (text: string): JsonRead =>
  read(text, new Reader(text, { placed: new PlacedText(text) }))

function read(text: string, reader: Reader): JsonRead {
  try {
    return { ok: true, node: reader.readDocument() }
  } catch (error) {
    if (!(error instanceof ReadFault)) throw error
    return { ok: false, code: error.code, ...findPosition(text, error.offset) }
  }
}

class ReadFault extends Error {
  readonly code: JsonReadCode
  readonly offset: number
  constructor(code: JsonReadCode, offset: number) {
    super(code)
    this.code = code
    this.offset = offset
  }
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
// Everything up to the first quote, backslash or control character.
const PLAIN = /[^"\\\u0000-\u001f]*/y
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}
const LITERALS: Readonly<Record<string, readonly [string, JsonNode]>> = {
  t: ['true', true],
  f: ['false', false],
  n: ['null', null],
}

/** Characters of an object that is kept as its place. */
const MOST_PLACED = 65_536

/** An object as its place in a text that was read without a fault. */
class PlacedObject implements JsonObject {
  private readonly text: PlacedText
  private readonly at: number

  constructor(text: PlacedText, at: number) {
    this.text = text
    this.at = at
  }

  get members(): readonly JsonMember[] {
    return this.text.readMembers(this.at)
  }
}

class PlacedText {
  private readonly text: string
  /** The object that was read last: its members are asked for one after the other. */
  private last: { readonly at: number; readonly members: readonly JsonMember[] } | null = null

  constructor(text: string) {
    this.text = text
  }

  readMembers(at: number): readonly JsonMember[] {
    if (this.last?.at !== at)
      this.last = { at, members: new Reader(this.text, { at }).readObject(0).members }
    return this.last.members
  }
}

class Reader {
  private readonly text: string
  private readonly placed: PlacedText | null
  private at: number

  /** @param placed null keeps each object as its members */
  constructor(
    text: string,
    { placed = null, at = 0 }: { readonly placed?: PlacedText | null; readonly at?: number } = {},
  ) {
    this.text = text
    this.placed = placed
    this.at = at
  }

  readDocument(): JsonNode {
    this.skipSpace()
    if (this.at === this.text.length) throw new ReadFault('json_empty', this.at)
    const node = this.readValue(0)
    this.skipSpace()
    if (this.at < this.text.length) this.fail()
    return node
  }

  private readValue(depth: number): JsonNode {
    if (depth > MAX_DEPTH) throw new ReadFault('json_too_deep', this.at)
    const first = this.text.charAt(this.at)
    if (first === '{') return this.readObject(depth)
    if (first === '[') return this.readArray(depth)
    if (first === '"') return this.readString()
    const literal = LITERALS[first]
    if (literal === undefined) return { lexeme: this.match(NUMBER, 1) }
    if (!this.text.startsWith(literal[0], this.at)) this.fail()
    this.at += literal[0].length
    return literal[1]
  }

  readObject(depth: number): JsonObject {
    const { at, placed } = this
    const members = this.readMembers(depth)
    return placed === null || this.at - at > MOST_PLACED
      ? { members }
      : new PlacedObject(placed, at)
  }

  private readMembers(depth: number): readonly JsonMember[] {
    const members: JsonMember[] = []
    this.at += 1
    this.skipSpace()
    if (this.consume('}')) return members
    do {
      this.skipSpace()
      if (this.text.charAt(this.at) !== '"') this.fail()
      const name = this.readString()
      this.skipSpace()
      if (!this.consume(':')) this.fail()
      this.skipSpace()
      members.push([name, this.readValue(depth + 1)])
      this.skipSpace()
    } while (this.consume(','))
    if (!this.consume('}')) this.fail()
    return members
  }

  private readArray(depth: number): readonly JsonNode[] {
    const items: JsonNode[] = []
    this.at += 1
    this.skipSpace()
    if (this.consume(']')) return items
    do {
      this.skipSpace()
      items.push(this.readValue(depth + 1))
      this.skipSpace()
    } while (this.consume(','))
    if (!this.consume(']')) this.fail()
    return items
  }

  private readString(): string {
    this.at += 1
    let out = this.match(PLAIN, 0)
    while (!this.consume('"')) {
      if (!this.consume('\\')) this.fail()
      out += this.readEscape() + this.match(PLAIN, 0)
    }
    return out
  }

  private readEscape(): string {
    const letter = this.text.charAt(this.at)
    this.at += 1
    if (letter !== 'u') return ESCAPES[letter] ?? this.fail()
    const digits = this.text.slice(this.at, this.at + 4)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail()
    this.at += 4
    return String.fromCharCode(Number.parseInt(digits, 16))
  }

  private match(pattern: RegExp, least: number): string {
    const { at } = this
    pattern.lastIndex = at
    // `test` makes no array of groups, as `exec` does for each text and number.
    const end = pattern.test(this.text) ? pattern.lastIndex : at
    if (end - at < least) this.fail()
    this.at = end
    return this.text.slice(at, end)
  }

  private consume(character: string): boolean {
    if (this.text.charAt(this.at) !== character) return false
    this.at += 1
    return true
  }

  private skipSpace(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.at += 1
    }
  }

  private fail(): never {
    throw new ReadFault('json_malformed', this.at)
  }
}

function findPosition(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return { line, column: offset - before.lastIndexOf('\n') }
}

/** Whether any object, at any depth, has two members of one name, which parsers resolve differently (RFC 8259, 4). */
export function hasRepeatedMember(node: JsonNode): boolean {
  if (typeof node !== 'object' || node === null || isJsonNumber(node)) return false
  if (isJsonArray(node)) return node.some(hasRepeatedMember)
  const names = new Set(node.members.map(([name]) => name))
  return (
    names.size < node.members.length || node.members.some(([, value]) => hasRepeatedMember(value))
  )
}
