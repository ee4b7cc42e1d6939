import {
  type Alias,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import { type JsonMember, type JsonNode, MAX_DEPTH } from '../../core/json/read.ts'
import type { YamlRead } from '../../ports/yaml.ts'

/** Values within aliases: far more than a flag file has; aliases of aliases grow without end. */
const MAX_REPEATED = 100_000

/**
 * Reads one YAML 1.2 document without loss: numbers and repeated keys stay as they are written. Refused with line and
 * column: what YAML 1.1 and 1.2 take for different values, such as a plain `yes` or `012`, tags, merge keys, numbers
 * that JSON cannot write, several documents, and a document that is nested or repeated too much. Never throws.
 */
export function readYaml(text: string): YamlRead {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    logLevel: 'silent',
    merge: false,
    uniqueKeys: false,
    version: '1.2',
  })
  const [document] = documents
  if (document === undefined || !('contents' in document) || documents.length !== 1)
    return { ok: false, problems: [`it holds ${documents.length} documents in place of one`] }
  if (document.errors.length > 0)
    return {
      ok: false,
      problems: document.errors.map(({ message, pos: [at] }) =>
        place(lines, at, message.split('\n')[0] ?? ''),
      ),
    }
  // By another version the parser itself takes `yes` for true and a date for a time.
  const { version } = document.directives.yaml
  if (version !== '1.2') return { ok: false, problems: [`it is in YAML ${version}; wanted: 1.2`] }
  const converter = new Converter(lines)
  const node = converter.convert(document.contents, 0)
  const { problems } = converter
  return problems.length > 0 ? { ok: false, problems } : { ok: true, node }
}

function place(lines: LineCounter, at: number, what: string): string {
  const { line, col } = lines.linePos(at)
  return `line ${line}, column ${col}: ${what}`
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/
/** Plain texts of YAML 1.2 that are booleans, numbers or merge keys of YAML 1.1. */
const AMBIGUOUS =
  /^(?:y|n|yes|no|on|off|<<|=|[-+]?(?:0b[01_]+|0x[\da-f_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:e[-+]?\d+)?|\d[\d_]*(?::[0-5]?\d)+(?:\.\d*)?))$/i

class Converter {
  readonly problems: string[] = []
  private readonly lines: LineCounter
  /** The last node so far with each anchor, which an alias stands for. */
  private readonly anchors = new Map<string, Node>()
  /** Number of aliases around the current value. */
  private aliases = 0
  private repeated = 0

  constructor(lines: LineCounter) {
    this.lines = lines
  }

  convert(node: unknown, depth: number): JsonNode {
    if (this.aliases > 0) this.repeated += 1
    if (depth > MAX_DEPTH || this.repeated > MAX_REPEATED)
      return this.refuse(
        node,
        `more than ${MAX_DEPTH} levels, or ${MAX_REPEATED} values of aliases`,
      )
    if (isAlias(node)) return this.convertAlias(node, depth)
    this.keepAnchor(node)
    if (hasTag(node)) return this.refuse(node, 'a tag; write the value without it')
    if (isSeq(node)) return node.items.map((one) => this.convert(one, depth + 1))
    if (isMap(node)) return { members: this.convertMembers(node, depth) }
    return isScalar(node) ? this.convertScalar(node) : null
  }

  private convertAlias(alias: Alias, depth: number): JsonNode {
    const target = this.anchors.get(alias.source)
    if (target === undefined) return this.refuse(alias, 'an alias of nothing')
    this.aliases += 1
    const node = this.convert(target, depth)
    this.aliases -= 1
    return node
  }

  /** The nodes come in the order of the text, except for those of an alias. */
  private keepAnchor(node: unknown): void {
    if (this.aliases === 0 && isNode(node) && !isAlias(node) && node.anchor !== undefined)
      this.anchors.set(node.anchor, node)
  }

  private convertMembers({ items }: YAMLMap, depth: number): readonly JsonMember[] {
    return items.map(({ key, value }) => [this.convertKey(key), this.convert(value, depth + 1)])
  }

  /** A key that is a whole number is the text of its digits, as in JSON. */
  private convertKey(key: unknown): string {
    this.keepAnchor(key)
    const node = isScalar(key) && !hasTag(key) ? this.convertScalar(key) : null
    if (typeof node === 'string') return node
    if (typeof node === 'object' && node !== null && 'lexeme' in node) return node.lexeme
    this.refuse(key, 'a key that is no text; quote it')
    return ''
  }

  private convertScalar(node: Scalar): JsonNode {
    const { value, source = '', type } = node
    if (type !== 'PLAIN') return typeof value === 'string' ? value : null
    if (typeof value === 'number' || typeof value === 'bigint')
      return NUMBER.test(source)
        ? { lexeme: source }
        : this.refuse(
            node,
            `${source}, which is not the same number everywhere; quote it, or write it as in JSON`,
          )
    if (typeof value === 'string')
      return AMBIGUOUS.test(source)
        ? this.refuse(node, `${source}, which YAML 1.1 and 1.2 read differently; quote it`)
        : value
    return typeof value === 'boolean' ? value : null
  }

  private refuse(node: unknown, what: string): null {
    if (this.problems.length < MAX_PROBLEMS)
      this.problems.push(place(this.lines, getOffset(node), what))
    return null
  }
}
const MAX_PROBLEMS = 100

const getOffset = (node: unknown): number =>
  isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? (node.range?.[0] ?? 0) : 0
const hasTag = (node: unknown): boolean =>
  (isScalar(node) || isMap(node) || isSeq(node)) && node.tag !== undefined
