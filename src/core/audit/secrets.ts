import {
  isJsonArray,
  isJsonNumber,
  isJsonObject,
  type JsonNode,
  parseLosslessJson,
} from '../json/read.ts'
import type { AuditRecord } from './record.ts'

/** Forms of secrets that no audit record may hold in clear. */
const PATTERNS = {
  /** Three parts of base64url, the first of which begins a JSON object. */
  jwt: /\beyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*/,
  authorization:
    /\bbearer\s+(?=\S*\d)[\w.~+/-]{16,}|\bauthorization["']?\s*[:=]\s*["']?(?:basic|bearer|digest|dpop|negotiate)\s+\S{6,}/i,
  /** PEM, or a JWK with its private part. */
  private_key:
    /-----BEGIN [A-Z ]*PRIVATE KEY-----|"(?:d|k)"\s*:[^}]*"kty"\s*:|"kty"\s*:[^}]*"(?:d|k)"\s*:/,
  url_password: /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/@]+@/i,
  password: /\b(?:password|passwd|pwd|passphrase|client_secret)\b["']?\s*[:=]\s*["']?[^\s"',}]+/i,
  api_key:
    /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[opsu]_\w{36}|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{35}|\bsk_live_\w{16,}/,
} as const
/** A kind of secret: one of the forms, or the value of a sensitive flag, which is in clear where it is not sealed. */
export type SecretKind = keyof typeof PATTERNS | 'sensitive_value'

/** A secret in a record. Never holds the secret itself. */
export interface FoundSecret {
  readonly kind: SecretKind
  readonly member: keyof AuditRecord
}

const KINDS = Object.keys(PATTERNS) as (keyof typeof PATTERNS)[]
const SEALED = 'hmac_sha256'
const FLAG_VALUES: ReadonlySet<string> = new Set(['default_value', 'safe_value'])

/**
 * Looks for secrets in audit records, in every member of every record. It follows which flags are sensitive, so it takes
 * the records of a trail from its first one on, in order.
 */
export class SecretScan {
  private readonly sensitive = new Set<string>()

  /** The secrets of the next record: each kind once a member. */
  take(record: AuditRecord): readonly FoundSecret[] {
    const found = Object.entries(record).flatMap(([name, value]) => {
      const member = name as keyof AuditRecord
      const texts = typeof value === 'string' ? listTexts(value) : []
      return KINDS.filter((kind) => texts.some((text) => PATTERNS[kind].test(text))).map(
        (kind): FoundSecret => ({ kind, member }),
      )
    })
    return [...found, ...this.findClearValues(record)]
  }

  /** The rows of a sensitive flag, and of its overrides, that hold a value in clear. */
  private findClearValues({ target, before, after }: AuditRecord): readonly FoundSecret[] {
    const flag = target.slice(target.lastIndexOf('/') + 1)
    const rows = { before: parseMembers(before), after: parseMembers(after) }
    const was = this.sensitive.has(flag) || rows.before.get('sensitive') === true
    const is = rows.after.has('sensitive') ? rows.after.get('sensitive') === true : was
    if (is) this.sensitive.add(flag)
    else this.sensitive.delete(flag)
    if (!was && !is) return []
    return (['before', 'after'] as const).flatMap((member) =>
      hasClearValue(rows[member]) ? [{ kind: 'sensitive_value', member } as const] : [],
    )
  }
}

type Members = ReadonlyMap<string, JsonNode>

function parseMembers(text: string | null): Members {
  const read = text === null ? null : parseLosslessJson(text)
  if (read?.ok !== true || read.node === null || typeof read.node !== 'object') return new Map()
  return isJsonObject(read.node) ? new Map(read.node.members) : new Map()
}

/** Whether a row holds a flag value that is not sealed: `value` of an override, or one of the values of a flag. */
const hasClearValue = (row: Members): boolean =>
  [...row].some(([name, value]) => (name === 'value' || FLAG_VALUES.has(name)) && !isSealed(value))

const isSealed = (value: JsonNode): boolean =>
  typeof value === 'object' &&
  value !== null &&
  isJsonObject(value) &&
  value.members.length === 1 &&
  value.members[0]?.[0] === SEALED

/** A text, what it says without the escapes of a target, and, where it is JSON, each text in it by itself. */
function listTexts(text: string): readonly string[] {
  const plain = text.replace(/%([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  const read = /^[[{"]/.test(text) ? parseLosslessJson(text) : null
  return [...new Set([text, plain]), ...(read?.ok === true ? listLeaves(read.node) : [])]
}

function listLeaves(node: JsonNode): readonly string[] {
  if (typeof node === 'string') return [node]
  if (node === null || typeof node === 'boolean' || isJsonNumber(node)) return []
  if (isJsonArray(node)) return node.flatMap(listLeaves)
  return (node as Exclude<typeof node, readonly JsonNode[]>).members.flatMap(([name, value]) => [
    name,
    ...listLeaves(value),
  ])
}
