import { canonicalizeObject } from '../signoff/read-document.ts'

/**
 * The contract with Admin that FF was made for: SHA-256 of its text. Whoever changes a schema agrees it with Admin
 * first, and then changes it here.
 */
export const ADMIN_CONTRACT_SHA256 =
  '8175ccb54281b67eeeb3796aceb296b72695c70a9e450cbbedf07f5064fca77c'

/** Forms of the common schema that the two messages name. */
const FORMS = ['approval_ref', 'flag_key', 'scope_id', 'instant', 'ttl_state']

/** All that the contract says, in one text: both schemas, and of the common one what they name (RFC 8785). */
export function formatAdminContract(schemas: {
  readonly request: object
  readonly response: object
  readonly common: { readonly $defs: Readonly<Record<string, object>> }
}): string {
  const { request, response, common } = schemas
  const forms = Object.fromEntries(FORMS.map((name) => [name, common.$defs[name] ?? null]))
  return canonicalizeObject({ request, response, forms })
}

/** Within what Admin is asked (page 5). */
export interface AdminLimits {
  /** For a whole call, from the name of the host to the last byte; for all calls of a request together too. */
  readonly timeout_ms: number
  /** Null where nothing stands before it. */
  readonly breaker: BreakerLimits | null
}
export interface BreakerLimits {
  /** It opens at this many failures... */
  readonly failures: number
  /** ...within this long... */
  readonly within_ms: number
  /** ...and lets one call through after this long. */
  readonly half_open_after_ms: number
}

export const ADMIN_LIMITS = {
  timeout_ms: 1_000,
  breaker: { failures: 5, within_ms: 10_000, half_open_after_ms: 5_000 },
} as const satisfies AdminLimits
