import type { Approval } from '../../../core/evaluate/approvals.ts'
import type { CanonicalJson } from '../../../core/json/canonical.ts'
import { TEST_TENANT, TEST_USER } from '../../../core/parity/scene.ts'
import type { Instant } from '../../../core/rows/instant.ts'
import type { FlagRow, RowsByTable } from '../../../core/rows/rows.ts'
import { TEST_NOW } from './test-tokens.ts'

/** Scopes of the authenticated callers of the suite. */
export const SUITE_SCOPES = {
  admin: 'ff:registry:read ff:registry:write ff:override:write ff:tenant:any',
  reader: 'ff:registry:read',
  tenant: 'ff:override:write',
  unscoped: '',
} as const
/** A caller of the suite; the last three have no valid credential. */
export type SuiteCaller = keyof typeof SUITE_SCOPES | 'anonymous' | 'forged' | 'expired'

/** References of approvals, each with its defect; the first is valid. */
export const APPROVALS: readonly (readonly [ref: string, change: Partial<Approval>])[] = [
  ['APP-1-valid', {}],
  ['APP-2-revoked', { revoked: true }],
  ['APP-3-early', { not_before: '2026-02-01T00:00:00.000Z' as Instant }],
  ['APP-4-over', { expires_at: '2026-01-02T00:00:00.000Z' as Instant }],
  ['APP-5-another', { flag_key: 'ff.api.one' }],
]
/** Key of the flag that is loosened with and without approvals. */
export const GUARDED = 'ff.api.guarded'
/**
 * The approvals that Admin knows during the suite, all for `ff.api.guarded`, the test tenant and the test user
 * except for the defect of each: revoked, not valid yet, over, or for another flag. Only the first is valid.
 */
export const SUITE_APPROVALS: readonly Approval[] = APPROVALS.map(([approval_ref, change]) => ({
  approval_ref,
  flag_key: GUARDED,
  tenant_id: TEST_TENANT,
  user_id: TEST_USER,
  not_before: '2026-01-01T00:00:00.000Z' as Instant,
  expires_at: '2026-03-01T00:00:00.000Z' as Instant,
  revoked: false,
  ...change,
}))

/** Flag names whose byte order differs from the order of a collation. */
const LISTED: readonly string[] = [
  'a',
  'a-b',
  'a.b',
  'a_b',
  'a1',
  'ab',
  'a-a',
  'a.a',
  'a_a',
  'b',
  '10',
  '9',
]
  .concat(Array.from({ length: 105 }, (_, at) => `n.${at}`))
  .map((name) => `ff.list.${name}`)

/** Initial rows of both stores: more than one page. */
export const SUITE_STATE: RowsByTable = {
  flag_registry: LISTED.map((flag_key, at): FlagRow => ({
    flag_key,
    value_type: 'number',
    default_value: String(at) as CanonicalJson,
    safe_value: '0' as CanonicalJson,
    sensitive: false,
    required_auth: 'any',
    state: 'active',
    description: '',
    owner: 'suite',
    revision: at + 1,
    created_at: TEST_NOW,
    updated_at: TEST_NOW,
  })),
  tenant_override: [],
  user_override: [],
}
