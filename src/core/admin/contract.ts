import { canonicalizeObject } from '../signoff/read-document.ts'

/**
 * SHA-256 of the contract with Admin (`formatAdminContract`). A schema change is agreed with Admin first, then pinned
 * here.
 */
export const ADMIN_CONTRACT_SHA256 =
  '56c328a8a5e6f6a0e4964dc4e88c549759322f1a1a5a0aad92592cf156e9142e'

/** Definitions of the common schema that both messages use. */
const FORMS = ['approval_ref', 'flag_key', 'scope_id', 'instant', 'ttl_state']

/**
 * The contract as one text in RFC 8785 form: `{forms, request, response}`, with both schemas as given and, in
 * `forms`, the five definitions of the common schema that they use; a missing definition is null.
 *
 * @throws Error where a schema is not I-JSON
 */
export function formatAdminContract(schemas: {
  readonly request: object
  readonly response: object
  readonly common: { readonly $defs: Readonly<Record<string, object>> }
}): string {
  const { request, response, common } = schemas
  const forms = Object.fromEntries(FORMS.map((name) => [name, common.$defs[name] ?? null]))
  return canonicalizeObject({ request, response, forms })
}

/** Limits of the client that calls Admin. */
export interface AdminLimits {
  /** For one call, from the name lookup to the last byte; also for all calls of one request together. */
  readonly timeout_ms: number
  /** Null without a circuit breaker. */
  readonly breaker: BreakerLimits | null
}
export interface BreakerLimits {
  /** Failures that open the breaker. */
  readonly failures: number
  /** The window in which the failures count. */
  readonly within_ms: number
  /** The delay until an open breaker lets one call through. */
  readonly half_open_after_ms: number
}

export const ADMIN_LIMITS = {
  timeout_ms: 1_000,
  breaker: { failures: 5, within_ms: 10_000, half_open_after_ms: 5_000 },
} as const satisfies AdminLimits
