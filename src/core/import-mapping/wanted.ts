import type { JsonNode } from '../json/read.ts'
import { serializeNode } from '../parity/node-text.ts'
import { FLAG_STATES, REQUIRED_AUTH, type TableName, VALUE_TYPES } from '../rows/rows.ts'
import { truncateText } from '../text/quote.ts'
import type { MappingRefusalCode } from './types.ts'

/** What is refused, and why. */
interface RefusedMember {
  readonly table: TableName
  readonly name: string
  readonly code: MappingRefusalCode
  /** The value after the steps before the fault; undefined for none. */
  readonly node: JsonNode | undefined
  readonly reason?: string | undefined
}

/** Describes a refused member for display: the member, its value, the form wanted, and the reason where known. */
export function describeMember({ table, name, code, node, reason }: RefusedMember): string {
  const value = node === undefined ? 'absent' : truncateText(serializeNode(node), MOST_SHOWN)
  const wanted = FORM_CODES.has(code) ? [`wanted: ${FORMS[name] ?? ANY_FORM}`] : []
  return [
    `${name} of ${table} is ${value}`,
    ...(reason === undefined ? [] : [reason]),
    ...wanted,
  ].join('; ')
}

const MOST_SHOWN = 60

/** The refusals that the form of the member explains. */
const FORM_CODES: ReadonlySet<MappingRefusalCode> = new Set<MappingRefusalCode>([
  'member_missing',
  'type_wrong',
  'form_wrong',
  'time_not_canonical',
  'time_not_convertible',
  'value_type_unsupported',
])

const ID = 'a text of 1 to 255 characters of visible ASCII'
const VALUE = 'true, false, a text, a number or an object'
const TIME = 'a time such as 2026-01-15T09:00:00.000Z'
const ANY_FORM = 'a text of at most 2,048 bytes'
/** The form of each member that is not free text. */
const FORMS: Readonly<Record<string, string>> = {
  flag_key:
    'ff. and lower-case letters or digits in words joined by one of . _ -, at most 128 characters',
  value_type: `one of ${VALUE_TYPES.join(', ')}`,
  default_value: VALUE,
  safe_value: VALUE,
  value: VALUE,
  sensitive: 'true or false',
  required_auth: `one of ${REQUIRED_AUTH.join(', ')}`,
  state: `one of ${FLAG_STATES.join(', ')}`,
  revision: 'a whole number from 1 to 9007199254740991',
  created_at: TIME,
  updated_at: TIME,
  expires_at: TIME,
  deleted_at: TIME,
  tenant_id: ID,
  user_id: ID,
  created_by: ID,
  updated_by: ID,
  approval_ref: 'APP-, digits, -, then letters or digits, such as APP-100001-abcd',
}
