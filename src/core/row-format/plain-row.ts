import { isCanonicalText } from '../json/canonical-text.ts'
import type { RowKey, TableName } from '../rows/rows.ts'

/** A row that is in form as it stands: its members as texts, null where it has none. */
export interface PlainRow {
  readonly key: RowKey
  /** Digits. */
  readonly revision: string
  /** JSON texts by name. */
  readonly members: Readonly<Record<string, string | undefined>>
}

const DAY =
  '(?:(?:0[13-9]|1[0-2])-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8])|(?:0[13578]|1[02])-31)'
const TIME = `"[1-9]\\d{3}-${DAY}T(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d\\.\\d{3}Z"`
const ID = '"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}"'
const FLAG = '"ff\\.[a-z0-9]+(?:[._-][a-z0-9]+)*"'
const REF = '"APP-\\d{1,60}-[A-Za-z0-9]{1,60}"'
/** Printable ASCII without quote and backslash, shorter than any bound of page 1. */
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

/** A snapshot's line of one table, its members in the order of RFC 8785; the value comes last, if there is one. */
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
 * Recognises at a glance what most lines of a snapshot are: an override whose every member is in the form
 * of page 1. Null says nothing against a line, only that it takes a closer look (`decodeRow`), as a flag
 * always does.
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

/** What the form of the line leaves open: live with a value, or a bare tombstone; and what takes more than a form. */
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
/** Page 1, and its quotes. */
const MAX_FLAG_KEY = 130
/** What is no object was seen to be in form by its own look. */
const isPlainValue = (value: string | undefined): boolean =>
  value === undefined || !value.startsWith('{') || isCanonicalText(value)
/** A value may be longer; then it takes the closer look. */
const MAX_PLAIN = 8_192
