import { isCanonicalText } from '../json/canonical-text.ts'
import type { RowKey, TableName } from '../rows/rows.ts'

/** A row whose line is already canonical. */
export interface PlainRow {
  readonly key: RowKey
  /** Decimal digits. */
  readonly revision: string
  /** JSON texts by member name. */
  readonly members: Readonly<Record<string, string | undefined>>
}

const DAY =
  '(?:(?:0[13-9]|1[0-2])-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8])|(?:0[13578]|1[02])-31)'
const TIME = `"[1-9]\\d{3}-${DAY}T(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d\\.\\d{3}Z"`
/** An id whose JSON text needs no escape. */
const ID = '"[!#-\\[\\]-~]{1,255}"'
const FLAG = '"ff\\.[a-z0-9]+(?:[._-][a-z0-9]+)*"'
const REF = '"APP-\\d{1,60}-[A-Za-z0-9]{1,60}"'
/** Printable ASCII without quote and backslash, shorter than any limit of a row's text. */
const TEXT = '"[ !#-\\[\\]-~]{0,2000}"'
const SCALAR = `true|false|0|-?[1-9]\\d{0,14}|${TEXT}`

type Part = readonly [name: string, form: string, optional?: 'optional']
const overrideParts = (scope: string): readonly Part[] =>
  (
    [
      ['approval_ref', REF, 'optional'],
      ['created_at', TIME],
      ['created_by', ID],
      ['deleted_at', TIME, 'optional'],
      ['expires_at', TIME, 'optional'],
      ['flag_key', FLAG],
      ['note', TEXT, 'optional'],
      ['revision', '[1-9]\\d{0,14}'],
      [scope, ID],
      ['updated_at', TIME],
      ['updated_by', ID],
    ] satisfies readonly Part[]
  ).toSorted(([a], [b]) => (a < b ? -1 : 1))

/** One line of a snapshot: the members in the order of RFC 8785; the value comes last, where there is one. */
function lineForm(table: TableName, parts: readonly Part[]): RegExp {
  const members = parts.map(([name, form, optional], index) => {
    const member = `"${name}":(?<${name}>${form})${index === parts.length - 1 ? '' : ','}`
    return optional === undefined ? member : `(?:${member})?`
  })
  const value = `(?:,"value":(?<value>${SCALAR}|\\{.*\\}))?`
  return new RegExp(`^\\{"row":\\{${members.join('')}${value}\\},"table":"${table}"\\}$`)
}
const LINES = {
  tenant_override: lineForm('tenant_override', overrideParts('tenant_id')),
  user_override: lineForm('user_override', overrideParts('user_id')),
} as const

/**
 * A fast path for most lines of a snapshot: overrides of `table` whose every member matches a plain form. Null for
 * flags, lines over 8,192 UTF-16 units and all other lines; it decides nothing: `decodeRow` then decides.
 */
export function parsePlainRow(table: TableName, line: string): PlainRow | null {
  if (table === 'flag_registry' || line.length > MAX_PLAIN) return null
  const found = LINES[table].exec(line)?.groups as MatchedParts | undefined
  if (found === undefined || !isWhole(found)) return null
  const { flag_key, revision, tenant_id = '', user_id = '' } = found
  const scope = table === 'tenant_override' ? tenant_id : user_id
  const key = { scope_id: scope.slice(1, -1), flag_key: flag_key.slice(1, -1) }
  return { key, revision, members: found }
}
type MatchedParts = Readonly<Record<'flag_key' | 'revision', string>> &
  Readonly<Partial<Record<string, string>>>

/** The rules that the pattern leaves open: live with a value, or a bare tombstone; the length of the key; an object's form. */
function isWhole({
  flag_key,
  value,
  deleted_at,
  approval_ref,
  note,
  expires_at,
}: MatchedParts): boolean {
  const extra = approval_ref ?? note ?? expires_at ?? value
  if (deleted_at === undefined ? value === undefined : extra !== undefined) return false
  return flag_key.length <= MAX_FLAG_KEY && isPlainValue(value)
}
/** 128 bytes and two quotes. */
const MAX_FLAG_KEY = 130
/** The pattern already matched any value that is not an object. */
const isPlainValue = (value: string | undefined): boolean =>
  value === undefined || !value.startsWith('{') || isCanonicalText(value)
/** A longer line goes to `decodeRow`. */
const MAX_PLAIN = 8_192
