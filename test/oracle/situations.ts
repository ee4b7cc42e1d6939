/**
 * The second table of the oracle: what the four dimensions of the cells leave out, each with every auth mode. Shares no
 * code with `src`; written from the rules of docs/reference/decisions.md.
 */
import { AUTH_WARNINGS, MODES, NOW, SOURCE } from './oracle.ts'

type Entry = Record<string, string | number | boolean>
/** A decision without what the auth mode alone determines. */
interface Decided {
  readonly reason: string
  readonly chain: readonly Entry[]
  /** Scope, value and revision of an allow; absent on deny. */
  readonly served?: readonly [scope: string, value: string, revision: number | null]
  /** The approval asked about and its TTL state; absent where Admin was not asked. */
  readonly asked?: readonly [ref: string, ttl: string]
}

const REF = 'APP-900000-cell'
const OTHER_REF = 'APP-900001-other'

const registered = (outcome = 'pass'): Entry => ({ prec: 1, rule: 'registered', outcome })
const kill = (outcome = 'pass'): Entry => ({ prec: 2, rule: 'kill_switch', outcome })
const auth = (outcome = 'pass'): Entry => ({ prec: 3, rule: 'authentication', outcome })
const overlay = (outcome: string, more: Entry = {}): Entry => ({
  prec: 4,
  rule: 'sensitive_overlay',
  outcome,
  ...more,
})
const user = (outcome: string, more: Entry = {}): Entry => ({
  prec: 5,
  rule: 'user_override',
  outcome,
  ...more,
})
const tenant = (outcome: string, more: Entry = {}): Entry => ({
  prec: 6,
  rule: 'tenant_override',
  outcome,
  ...more,
})
const unfit = (at: number): Entry => ({
  prec: 8,
  rule: 'fail_safe',
  outcome: 'engaged',
  cause: 'value_type_mismatch',
  at,
})
const LET_IN = [registered(), kill(), auth()]
const PLAIN = [...LET_IN, overlay('not_sensitive')]
const refuse = (reason: string, more: Entry = {}): Decided => ({
  reason,
  chain: [...LET_IN, overlay('denied', { code: reason, ...more })],
})
const BY_TENANT = [user('absent'), tenant('matched', { revision: 3 })]
const TENANT_SERVED = ['tenant', 'tenant', 3] as const

/** Every outcome that the situations know, by a name of its own. `refused` is no decision. */
const OUTCOMES: Readonly<Record<string, Decided | 'refused'>> = {
  archived: { reason: 'flag_archived', chain: [registered('archived')] },
  unknown: { reason: 'flag_unknown', chain: [registered('unknown')] },
  killed: { reason: 'kill_switch', chain: [registered(), kill('killed')] },
  no_auth: { reason: 'auth_required', chain: [registered(), kill(), auth('missing')] },
  not_verified: {
    reason: 'auth_not_verified',
    chain: [registered(), kill(), auth('not_verified')],
  },
  by_user: {
    reason: 'user_override',
    chain: [...PLAIN, user('matched', { revision: 2 })],
    served: ['user', 'user', 2],
  },
  by_tenant: {
    reason: 'tenant_override',
    chain: [...PLAIN, ...BY_TENANT],
    served: TENANT_SERVED,
  },
  by_default: {
    reason: 'global_default',
    chain: [
      ...PLAIN,
      user('absent'),
      tenant('absent'),
      { prec: 7, rule: 'global_default', outcome: 'matched' },
    ],
    served: ['global', 'default', null],
  },
  user_unfit: { reason: 'fail_safe', chain: [...PLAIN, unfit(5)] },
  tenant_unfit: { reason: 'fail_safe', chain: [...PLAIN, user('absent'), unfit(6)] },
  approved_unfit: {
    reason: 'fail_safe',
    chain: [...LET_IN, overlay('approved', { named_by: 'request' }), unfit(5)],
    asked: [REF, 'valid'],
  },
  approved_by_tenant: {
    reason: 'tenant_override',
    chain: [...LET_IN, overlay('approved', { named_by: 'tenant_override' }), ...BY_TENANT],
    served: TENANT_SERVED,
    asked: [REF, 'valid'],
  },
  unverified: refuse('auth_not_verified'),
  stale: refuse('auth_not_verified', { jwks_stale: true }),
  missing: refuse('approval_missing'),
  unapproved: {
    ...refuse('approval_unknown', { named_by: 'request' }),
    asked: [OTHER_REF, 'unknown'],
  },
  refused: 'refused',
}

type Row = readonly [verified: string, decodeOnly: string, devHeaders: string, none: string]
const all = (outcome: string): Row => [outcome, outcome, outcome, outcome]
/** A sensitive flag has an answer for verified callers only. */
const sensitive = (outcome: string): Row => [outcome, 'unverified', 'unverified', 'unverified']

/** The outcome of each situation by auth mode, in the order of `MODES`. */
const TABLE: Readonly<Record<string, Row>> = {
  active_none: all('by_user'),
  active_any: ['by_user', 'by_user', 'by_user', 'no_auth'],
  active_verified: ['by_user', 'not_verified', 'not_verified', 'no_auth'],
  killed_none: all('killed'),
  killed_any: all('killed'),
  killed_verified: all('killed'),
  archived_none: all('archived'),
  archived_any: all('archived'),
  archived_verified: all('archived'),
  flag_unknown: all('unknown'),
  unfit_user: all('user_unfit'),
  unfit_tenant: all('tenant_unfit'),
  unfit_approved: sensitive('approved_unfit'),
  tombstone_user: all('by_tenant'),
  tombstone_both: all('by_default'),
  tombstone_named: sensitive('approved_by_tenant'),
  stale_keys: ['by_user', 'not_verified', 'not_verified', 'no_auth'],
  stale_keys_sensitive: sensitive('stale'),
  borrowed_from_tenant: sensitive('missing'),
  borrowed_from_expired: sensitive('missing'),
  borrowed_for_request: sensitive('unapproved'),
  other_tenant: ['refused', 'refused', 'refused', 'by_default'],
  other_user: ['refused', 'refused', 'refused', 'by_default'],
}

/** Callers without a credential are decided for the tenant and user that they name. */
const NAMED: Readonly<Record<string, object>> = {
  other_tenant: { tenant_id: 'T-other' },
  other_user: { user_id: 'U-other' },
}

function predict(name: string, mode: string, decided: Decided): object {
  const { reason, chain, served, asked } = decided
  const isUnknown = reason === 'flag_unknown'
  // A key set that is stale is in use only where it verified the token.
  const stale = name.startsWith('stale_keys') && mode === 'verified' ? ['jwks_stale'] : []
  return {
    decision: served === undefined ? 'deny' : 'allow',
    value: served?.[1] ?? (isUnknown ? null : 'safe'),
    reason,
    matched_scope: served?.[0] ?? null,
    reason_chain: chain,
    warnings: [...stale, ...(AUTH_WARNINGS[mode] ?? [])],
    meta: {
      auth_mode: mode,
      auth_source: SOURCE[mode],
      tenant_id: 'T-pty-pilot-01',
      user_id: 'U1001',
      ...NAMED[name],
      approval_ref: asked?.[0] ?? null,
      ttl_state: asked?.[1] ?? null,
      flag_revision: isUnknown ? null : 1,
      override_revision: served?.[2] ?? null,
      evaluated_at: NOW,
    },
  }
}

/** The prediction of each situation, by `NAME/MODE`: an envelope, or a refusal of the credential. */
export const predictSituations = (): readonly (readonly [id: string, outcome: object])[] =>
  Object.entries(TABLE).flatMap(([name, row]) =>
    MODES.map((mode, at) => {
      const outcome = OUTCOMES[row[at] ?? '']
      if (outcome === undefined) throw new Error(`no outcome for ${name}/${mode}`)
      const predicted =
        outcome === 'refused'
          ? { refused: 'context_mismatch', http: 403 }
          : predict(name, mode, outcome)
      return [`${name}/${mode}`, predicted] as const
    }),
  )
