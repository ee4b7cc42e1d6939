import { parseLosslessJson, type JsonNode } from '../json/read.ts'
import { decodeUtf8OrNull } from '../text/utf8.ts'

/** The formats of an access log: Common or Combined Log Format with the body at the end, or one JSON object a line. */
export const LOG_FORMATS = ['common', 'ndjson'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/** What a line of a log holds of a request. */
export interface LogLine {
  readonly method: string
  /** Without its query. */
  readonly path: string
  /** As `2026-01-15 09:00:00 +0100`. */
  readonly time: string
  /** The body of the request; null where the line has none. */
  readonly body: JsonNode | null
}
/** Why a line cannot be read. */
export type LogLineFault = 'line_unreadable' | 'body_unreadable'

const TEXT = String.raw`"(?:[^"\\]|\\.)*"`
const COMMON = new RegExp(
  String.raw`^\S+ \S+ \S+ \[(?<day>\d{2})/(?<month>[A-Z][a-z]{2})/(?<year>\d{4}):(?<clock>\d{2}:\d{2}:\d{2}) (?<zone>[+-]\d{4})\] ` +
    String.raw`"(?<method>[A-Z]+) (?<path>[^\s"?#]+)[^"]*" \d{3} (?:\d+|-)(?: ${TEXT} ${TEXT})?(?: (?<body>\{.*\}|${TEXT}))?$`,
)
type Field = 'day' | 'month' | 'year' | 'clock' | 'zone' | 'method' | 'path'
type Fields = Readonly<Record<Field, string> & { body?: string }>
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/**
 * Reads a line of the Common or Combined Log Format of Apache and nginx, with the body of the request as a last field:
 * JSON as it is, or in quotes with `\xHH` (nginx) or `\"` (Apache).
 */
export function readCommonLine(text: string): LogLine | LogLineFault {
  const fields = COMMON.exec(text.trimEnd())?.groups as Fields | undefined
  if (fields === undefined) return 'line_unreadable'
  const { day, month, year, clock, zone, method, path, body } = fields
  const number = String(MONTHS.indexOf(month) + 1).padStart(2, '0')
  const node = body === undefined || body === '"-"' ? null : readBody(body)
  if (node === undefined) return 'body_unreadable'
  return { method, path, time: `${year}-${number}-${day} ${clock} ${zone}`, body: node }
}

/** Undefined for what is no JSON. */
function readBody(field: string): JsonNode | undefined {
  const text = field.startsWith('"') ? unquote(field.slice(1, -1)) : field
  const read = text === null ? null : parseLosslessJson(text)
  return read?.ok === true ? read.node : undefined
}

const QUOTED = /((?:\\x[0-9A-Fa-f]{2})+)|\\(.)/g
const CONTROLS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }
/** Null where the escaped bytes are not UTF-8. */
function unquote(text: string): string | null {
  let isUtf8 = true
  const plain = text.replaceAll(QUOTED, (_, run: string | undefined, one: string) => {
    if (run === undefined) return CONTROLS[one] ?? one
    const bytes = run.slice(2).split('\\x')
    const decoded = decodeUtf8OrNull(Uint8Array.from(bytes, (hex) => Number.parseInt(hex, 16)))
    isUtf8 &&= decoded !== null
    return decoded ?? ''
  })
  return isUtf8 ? plain : null
}
