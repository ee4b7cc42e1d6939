import type { JsonNode } from '../../../src/core/json/read.ts'
import { type MappedDocument, mapInSteps } from '../../../src/core/import-mapping/map-document.ts'
import type { TextPacking } from '../../../src/core/import-mapping/row-runs.ts'
import type {
  EntryRule,
  ImportMapping,
  MemberRule,
} from '../../../src/core/import-mapping/types.ts'
import { node } from '../builders.ts'

const AT = { const: '2026-01-01T00:00:00.000Z' }
export type Members = Readonly<Record<string, MemberRule>>

/** Flags whose keys are member names and whose defaults are the values; all other members are constants. */
export const flags = (more: Members = {}, at = '/flags/*'): EntryRule => ({
  at,
  members: {
    flag_key: { key: 1, prefix: 'ff.' },
    value_type: { from: '', as: 'type' },
    default_value: { from: '' },
    safe_value: { from: '' },
    sensitive: { const: false },
    required_auth: { const: 'any' },
    state: { const: 'active' },
    description: { const: '' },
    owner: { const: 'platform' },
    revision: { const: 1 },
    created_at: AT,
    updated_at: AT,
    ...more,
  },
})
/** Entries of the form `{"v": value, ...}` by tenant and flag. */
export const tenants = (more: Members = {}): EntryRule => ({
  at: '/tenants/*/*',
  members: {
    tenant_id: { key: 1 },
    flag_key: { key: 2, prefix: 'ff.' },
    value: { from: '/v' },
    created_by: { const: 'U1' },
    updated_by: { const: 'U1' },
    revision: { const: 1 },
    created_at: AT,
    updated_at: AT,
    ...more,
  },
})
export const users = (more: Members = {}): EntryRule => ({
  at: '/users/*',
  members: { ...tenants().members, user_id: { from: '/u' }, flag_key: { from: '/f' }, ...more },
})

export const none = { flags: [], tenant_overrides: [], user_overrides: [], ignored: [] }
/** Maps a document in one go. */
export function mapDocument(
  root: JsonNode,
  mapping: ImportMapping,
  accepted: ReadonlySet<string> = new Set(),
): MappedDocument {
  const steps = mapInSteps(root, { mapping, accepted, packing: UNPACKED })
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}
/** Packs nothing. */
export const UNPACKED: TextPacking = {
  pack: (text) => Buffer.from(text),
  unpack: (bytes) => Buffer.from(bytes).toString('utf8'),
}

/** Maps a document; without rules of its own, `/flags/*` are flags. */
export function mapped(
  text: string,
  mapping: Partial<ImportMapping> = {},
  accepted: readonly string[] = [],
) {
  const whole = { ...none, flags: [flags()], ...mapping }
  const document = mapDocument(node(text), whole, new Set(accepted))
  const rows = [...document.rows]
  const { refusals, changes, constants, left } = document
  return {
    ignored: left.count,
    left: left.kept.map(({ pointer, skip }) => `${pointer} ${skip?.reason ?? 'ignored'}`),
    constants,
    causes: [...refusals.causes.keys()],
    details: refusals.kept.map(({ detail }) => detail),
    keys: rows.map(({ key }) => `${key.scope_id ?? ''} ${key.flag_key}`),
    lines: rows.map(({ line }) => line),
    refused: refusals.kept.map(({ code, pointer }) => `${pointer} ${code}`),
    changed: changes.kept.map(
      ({ code, pointer, was, becomes }) => `${pointer} ${code} ${was} > ${becomes}`,
    ),
  }
}

/** The members that read the value of a flag at a place. */
export function readAt(at: string): Members {
  return {
    default_value: { from: at },
    safe_value: { from: at },
    value_type: { from: at, as: 'type' },
  }
}
export function without({ members }: EntryRule, name: string): Members {
  return Object.fromEntries(Object.entries(members).filter(([one]) => one !== name))
}
