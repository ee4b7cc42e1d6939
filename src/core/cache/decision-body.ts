import type { Decision, EvaluationInput } from '../evaluate/types.ts'
import type { CanonicalJson } from '../json/canonical.ts'
import type { Instant } from '../rows/instant.ts'

/** A decision without what belongs to its request: ids, times, warnings and the caller. */
type StoredDecision = Pick<Decision, 'decision' | 'reason' | 'matched_scope' | 'reason_chain'> & {
  readonly value: CanonicalJson | null
  readonly flag_revision: number | null
  readonly override_revision: number | null
}
interface Body extends StoredDecision {
  /** The decision holds from here on; null without a bound. */
  readonly from: Instant | null
  /** And before here; null without a bound. */
  readonly until: Instant | null
}

/**
 * The body of an entry for a decision; null for one that may not be cached: of a caller who was not verified, of a
 * sensitive flag, of a broken row, or of rows that are stale. It holds as long as no override that went into it expires.
 */
export function formatDecisionBody(input: EvaluationInput, decision: Decision): string | null {
  if (!isCacheable(input)) return null
  const { value, reason, matched_scope, reason_chain, meta } = decision
  const body: Body = {
    decision: decision.decision,
    value,
    reason,
    matched_scope,
    reason_chain,
    flag_revision: meta.flag_revision,
    override_revision: meta.override_revision,
    ...findBounds(input),
  }
  return JSON.stringify(body)
}

function isCacheable({ principal, rows }: EvaluationInput): boolean {
  if (principal.mode !== 'verified' || rows.stale !== undefined) return false
  if ([rows.flag, rows.tenant, rows.user].some((held) => held?.broken !== undefined)) return false
  return rows.flag?.row?.sensitive !== true
}

/** The nearest expiries before and after now: a decision changes at no other time. */
function findBounds({ rows, now }: EvaluationInput): Pick<Body, 'from' | 'until'> {
  const expiries = [rows.tenant, rows.user]
    .flatMap((held) => held?.row?.expires_at ?? [])
    .toSorted()
  return {
    from: expiries.filter((one) => one <= now).at(-1) ?? null,
    until: expiries.find((one) => one > now) ?? null,
  }
}

/** When a decision ends by itself; null where no override that went into it expires. */
export const findDecisionEnd = (input: EvaluationInput): Instant | null => findBounds(input).until

/**
 * The decision of a body for another request of a verified caller, with that request's ids, time and warnings; null
 * where it does not hold at that time, or the text is no such body.
 */
export function parseDecisionBody(
  body: string,
  { request, principal, now, backing_state }: Omit<EvaluationInput, 'rows'>,
): Decision | null {
  const held = parseBody(body)
  if (held === null || principal.mode !== 'verified') return null
  const { from, until } = held
  if ((from !== null && now < from) || (until !== null && now >= until)) return null
  return {
    flag_key: request.flag_key,
    decision: held.decision,
    value: held.value,
    reason: held.reason,
    matched_scope: held.matched_scope,
    reason_chain: held.reason_chain,
    warnings: principal.warnings,
    meta: {
      auth_mode: principal.mode,
      auth_source: principal.source,
      tenant_id: principal.tenant_id,
      user_id: principal.user_id,
      approval_ref: null,
      ttl_state: null,
      flag_revision: held.flag_revision,
      override_revision: held.override_revision,
      evaluated_at: now,
      request_id: request.request_id,
      backing_state,
    },
  }
}

/** Its HMAC was verified, so only another build can have written another form. */
function parseBody(body: string): Body | null {
  try {
    const held = JSON.parse(body) as Body | null
    return held?.reason_chain === undefined ? null : held
  } catch {
    return null
  }
}
