import { canonicalize, findJsonProblems } from '../json/canonical.ts'
import { isJsonNumber, isJsonObject, type JsonNode } from '../json/read.ts'
import type { AuditRecord } from './record.ts'
import { parseSinkStatus, SINK_MEMBERS } from './sink.ts'

/** Converts a member to its value in a record; undefined where it has another form. */
type Form = (member: JsonNode) => string | number | null | undefined
const STORED = { at: '', origin: 'stored' } as const

const text: Form = (member) =>
  typeof member === 'string' && findJsonProblems(member).length === 0 ? member : undefined
const textOrNull: Form = (member) => (member === null ? null : text(member))
const whole: Form = (member) => {
  if (!isJsonNumber(member)) return undefined
  return /^-?\d{1,15}$/.test(member.lexeme) ? Number(member.lexeme) : undefined
}
const row: Form = (member) => {
  if (member === null) return null
  const form = canonicalize(member, STORED)
  return form.ok ? form.text : undefined
}
const FORMS: Readonly<Record<keyof AuditRecord, Form>> = {
  seq: whole,
  audit_id: text,
  occurred_at: text,
  actor: text,
  auth_mode: textOrNull,
  action: text,
  outcome: text,
  target: text,
  before: row,
  after: row,
  request_id: text,
  approval_ref: textOrNull,
  phase: text,
  prev_hash: text,
  hash: text,
}

/**
 * Converts a stored record without loss: `before` and `after` become canonical JSON texts. Null unless it is an
 * object with every record member exactly once, no other member (so sink members must be removed before), and each in
 * its stored form, with integers of at most 15 digits. Checks neither hashes nor the values of enumerations.
 */
export function parseAuditRecord(node: JsonNode): AuditRecord | null {
  if (!isJsonObject(node)) return null
  const read = new Map<string, string | number | null>()
  for (const [name, member] of node.members) {
    const value = Object.hasOwn(FORMS, name) ? FORMS[name as keyof AuditRecord](member) : undefined
    if (value === undefined || read.has(name)) return null
    read.set(name, value)
  }
  return read.size === Object.keys(FORMS).length
    ? (Object.fromEntries(read) as unknown as AuditRecord)
    : null
}

const SINK: ReadonlySet<string> = new Set(SINK_MEMBERS)

/**
 * As `parseAuditRecord`, for a record that may have sink members, as in an exported batch: they are left out. Null also
 * where its `sink_status` is none.
 */
export function parseListedRecord(node: JsonNode): AuditRecord | null {
  if (!isJsonObject(node)) return null
  const status = node.members.find(([name]) => name === 'sink_status')?.[1] ?? 'pending'
  if (typeof status !== 'string' || parseSinkStatus(status) === null) return null
  return parseAuditRecord({ members: node.members.filter(([name]) => !SINK.has(name)) })
}
