import {
  canonicalize,
  type CanonicalJson,
  type TextOrigin,
  findJsonProblems,
} from '../json/canonical.ts'
import { appendPointer } from '../json/pointer.ts'
import { isJsonArray, isJsonNumber, isJsonObject, type JsonNode } from '../json/read.ts'
import { type Problem, makeProblem, type ProblemCode } from '../problem.ts'
import {
  isApprovalRef,
  isFlagKey,
  isScopeId,
  MAX_TEXT_BYTES,
  MAX_VALUE_BYTES,
  MAX_VALUE_DEPTH,
  utf8Bytes,
} from './grammar.ts'
import { parseInstant } from './instant.ts'
import {
  FLAG_STATES,
  REQUIRED_AUTH,
  type RowOf,
  type RowOrBroken,
  type TableName,
  detectValueType,
  VALUE_TYPES,
} from './rows.ts'

/** Parses one member: its value, or the code of its fault. */
type Member = (node: JsonNode) => { readonly value: unknown } | { readonly code: ProblemCode }
interface MemberRule {
  /** A flag value is parsed separately (see `Draft.value`), as its faults have pointers of their own. */
  readonly read: Member | 'value'
  readonly required: boolean
}

const text =
  (holds: (text: string) => boolean): Member =>
  (node) => {
    if (typeof node !== 'string') return { code: 'type_wrong' }
    return holds(node) ? { value: node } : { code: 'form_wrong' }
  }
const oneOf = (words: readonly string[]): Member => text((word) => words.includes(word))
const prose: Member = (node) => {
  if (typeof node !== 'string') return { code: 'type_wrong' }
  const [bad] = findJsonProblems(node)
  if (bad !== undefined) return { code: bad.code }
  return utf8Bytes(node) > MAX_TEXT_BYTES ? { code: 'text_too_long' } : { value: node }
}
const time: Member = (node) => {
  if (typeof node !== 'string') return { code: 'type_wrong' }
  const value = parseInstant(node)
  return value === undefined ? { code: 'time_not_canonical' } : { value }
}
const yesNo: Member = (node) =>
  typeof node === 'boolean' ? { value: node } : { code: 'type_wrong' }
const count: Member = (node) => {
  if (node === null || typeof node !== 'object' || !isJsonNumber(node))
    return { code: 'type_wrong' }
  const value = /^[1-9][0-9]{0,15}$/.test(node.lexeme) ? Number(node.lexeme) : Number.NaN
  return Number.isSafeInteger(value) ? { value } : { code: 'form_wrong' }
}

const must = (read: MemberRule['read']): MemberRule => ({ read, required: true })
const may = (read: MemberRule['read']): MemberRule => ({ read, required: false })

const OVERRIDE = {
  flag_key: must(text(isFlagKey)),
  value: may('value'),
  approval_ref: may(text(isApprovalRef)),
  note: may(prose),
  expires_at: may(time),
  created_by: must(text(isScopeId)),
  updated_by: must(text(isScopeId)),
  revision: must(count),
  created_at: must(time),
  updated_at: must(time),
  deleted_at: may(time),
}
/** The members of each table in the order of the DDL; a row may hold no others. */
export const ROW_MEMBERS: { readonly [T in TableName]: Readonly<Record<string, MemberRule>> } = {
  flag_registry: {
    flag_key: must(text(isFlagKey)),
    value_type: must(oneOf(VALUE_TYPES)),
    default_value: must('value'),
    safe_value: must('value'),
    sensitive: must(yesNo),
    required_auth: must(oneOf(REQUIRED_AUTH)),
    state: must(oneOf(FLAG_STATES)),
    description: must(prose),
    owner: must(prose),
    revision: must(count),
    created_at: must(time),
    updated_at: must(time),
  },
  tenant_override: { tenant_id: must(text(isScopeId)), ...OVERRIDE },
  user_override: { user_id: must(text(isScopeId)), ...OVERRIDE },
}

const listRequired = (table: TableName): readonly string[] =>
  Object.entries(ROW_MEMBERS[table]).flatMap(([name, { required }]) => (required ? [name] : []))
const REQUIRED: Readonly<Record<TableName, readonly string[]>> = {
  flag_registry: listRequired('flag_registry'),
  tenant_override: listRequired('tenant_override'),
  user_override: listRequired('user_override'),
}

/**
 * Validates one row (contracts/persistence_schema.json): the row with its values in canonical form, or every fault with
 * code and JSON pointer. Does not check that a value fits its flag's `value_type`, which requires the flag.
 *
 * @param origin a store holds only canonical rows, so a stored `1.0` is a fault
 */
export function decodeRow<T extends TableName>(
  table: T,
  node: JsonNode,
  origin: TextOrigin = 'submitted',
): RowOrBroken<RowOf[T]> {
  if (node === null || typeof node !== 'object' || !isJsonObject(node)) {
    return { broken: [makeProblem('type_wrong', '')] }
  }
  const row = new Draft(origin)
  for (const [name, value] of node.members) row.take(ROW_MEMBERS[table], name, value)
  const missing = REQUIRED[table]
    .filter((name) => !(name in row.members))
    .map((name) => makeProblem('member_missing', appendPointer('', name)))
  const tombstone = table === 'flag_registry' ? [] : findTombstoneProblems(row.members)
  const broken = [...row.broken, ...missing, ...tombstone]
  return broken.length > 0 ? { broken } : { row: row.members as unknown as RowOf[T] }
}

/** The members of a row parsed so far, and their faults. */
class Draft {
  readonly members: Record<string, unknown> = {}
  readonly broken: Problem[] = []
  private readonly origin: TextOrigin

  constructor(origin: TextOrigin) {
    this.origin = origin
  }

  take(rules: Readonly<Record<string, MemberRule>>, name: string, node: JsonNode): void {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
    if (rule === undefined) return this.refuse('member_unknown', name)
    if (name in this.members) return this.refuse('duplicate_member', name)
    this.members[name] =
      rule.read === 'value' ? this.value(node, name) : this.member(rule.read(node), name)
  }

  private member(result: ReturnType<Member>, name: string): unknown {
    if ('value' in result) return result.value
    return this.refuse(result.code, name)
  }

  private value(node: JsonNode, name: string): CanonicalJson | undefined {
    if (measureDepth(node) > MAX_VALUE_DEPTH) return this.refuse('json_too_deep', name)
    const result = canonicalize(node, { at: appendPointer('', name), origin: this.origin })
    if (!result.ok) {
      this.broken.push(...result.problems)
      return undefined
    }
    if (detectValueType(result.text) === null) this.refuse('value_type_unsupported', name)
    else if (utf8Bytes(result.text) > MAX_VALUE_BYTES) this.refuse('value_too_large', name)
    return result.text
  }

  private refuse(code: ProblemCode, name: string): undefined {
    this.broken.push(makeProblem(code, appendPointer('', name)))
    return undefined
  }
}

/** Counts the levels of nested objects and arrays; 0 for a value that is neither, 1 for an empty one. */
export function measureDepth(node: JsonNode): number {
  if (typeof node !== 'object' || node === null || isJsonNumber(node)) return 0
  const inner = isJsonArray(node) ? node : node.members.map(([, value]) => value)
  return 1 + Math.max(0, ...inner.map(measureDepth))
}

/** A live override has a value; a tombstone has no value, ref, note or expiry. */
function findTombstoneProblems(row: Readonly<Record<string, unknown>>): readonly Problem[] {
  if (!('deleted_at' in row)) return 'value' in row ? [] : [makeProblem('member_missing', '/value')]
  return ['value', 'approval_ref', 'note', 'expires_at']
    .filter((name) => name in row)
    .map((name) => makeProblem('tombstone_not_bare', appendPointer('', name)))
}
