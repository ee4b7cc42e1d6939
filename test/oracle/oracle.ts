/**
 * A second implementation of the rules, as a decision table over every cell. Shares no code with `src`: both sides of
 * a parity run share one core, so only this oracle can find a rule that is wrong on both.
 */
export const NOW = '2026-01-15T09:00:00.000Z'
const REF = 'APP-900000-cell'
const TENANT = 'T-pty-pilot-01'
const USER = 'U1001'

export const MODES = ['verified', 'decode-only', 'dev-headers', 'none']
const SCOPES = ['user', 'tenant', 'global']
const PATHS = ['SP-1', 'SP-2', 'SP-3', 'SP-4', 'SP-5']
const TTLS = ['unknown', 'revoked', 'not_yet_valid', 'expired', 'expiring_soon', 'valid']
const REQUIRED = ['none', 'any', 'verified']

export const SOURCE: Record<string, string> = {
  verified: 'jwt',
  'decode-only': 'jwt-unverified',
  'dev-headers': 'dev-headers',
  none: 'none',
}
export const AUTH_WARNINGS: Record<string, string[]> = {
  verified: [],
  'decode-only': ['auth_not_verified', 'jwks_unreachable'],
  'dev-headers': ['auth_not_verified', 'dev_headers'],
  none: ['unauthenticated'],
}

interface Where {
  mode: string
  scope: string
  path: string
  ttl: string
  required: string
}
type Entry = Record<string, string | number>

/** Refusals of rule 3, by `required_auth` and auth mode; '' passes. */
const CREDENTIAL_REFUSALS: Record<string, Record<string, string>> = {
  none: { verified: '', 'decode-only': '', 'dev-headers': '', none: '' },
  any: { verified: '', 'decode-only': '', 'dev-headers': '', none: 'auth_required' },
  verified: {
    verified: '',
    'decode-only': 'auth_not_verified',
    'dev-headers': 'auth_not_verified',
    none: 'auth_required',
  },
}
/** Refusal of a sensitive flag by the TTL state of its approval; '' passes. */
const APPROVAL: Record<string, string> = {
  unknown: 'approval_unknown',
  revoked: 'approval_revoked',
  not_yet_valid: 'approval_not_yet_valid',
  expired: 'approval_expired',
  expiring_soon: '',
  valid: '',
}

function predict(where: Where): object {
  const { mode, scope, path, ttl, required } = where
  const chain: Entry[] = [
    { prec: 1, rule: 'registered', outcome: 'pass' },
    { prec: 2, rule: 'kill_switch', outcome: 'pass' },
  ]
  const authenticator = CREDENTIAL_REFUSALS[required]?.[mode] ?? '?'
  if (authenticator !== '') {
    const outcome = authenticator === 'auth_required' ? 'missing' : 'not_verified'
    return denied(where, authenticator, [...chain, { prec: 3, rule: 'authentication', outcome }])
  }
  chain.push({ prec: 3, rule: 'authentication', outcome: 'pass' })

  if (path === 'SP-1') {
    chain.push({ prec: 4, rule: 'sensitive_overlay', outcome: 'not_sensitive' })
    return allowed(where, chain, null)
  }
  const no = (code: string, more: Entry = {}): Entry => ({
    prec: 4,
    rule: 'sensitive_overlay',
    outcome: 'denied',
    code,
    ...more,
  })
  if (mode !== 'verified')
    return denied(where, 'auth_not_verified', [...chain, no('auth_not_verified')])
  // SP-4 names no approval. SP-3 with scope global names one on an expired row, which does not count.
  if (path === 'SP-4' || (path === 'SP-3' && scope === 'global')) {
    return denied(where, 'approval_missing', [...chain, no('approval_missing')])
  }
  const named_by = path === 'SP-3' ? `${scope}_override` : 'request'
  if (path === 'SP-5')
    return denied(
      where,
      'admin_unreachable',
      [...chain, no('admin_unreachable', { named_by })],
      null,
    )
  const refusal = APPROVAL[ttl] ?? '?'
  if (refusal !== '') return denied(where, refusal, [...chain, no(refusal, { named_by })], ttl)
  const outcome = ttl === 'expiring_soon' ? 'expiring_soon' : 'approved'
  chain.push({ prec: 4, rule: 'sensitive_overlay', outcome, named_by })
  return allowed(where, chain, ttl)
}

/** @param asked TTL state by the answer of Admin; null if it did not answer, absent if it was not asked */
function denied(where: Where, reason: string, chain: Entry[], asked?: string | null): object {
  const meta = getMeta(where, {
    ref: asked === undefined ? null : REF,
    ttl: asked ?? null,
    revision: null,
  })
  const warnings = AUTH_WARNINGS[where.mode]
  return {
    decision: 'deny',
    value: 'safe',
    reason,
    matched_scope: null,
    reason_chain: chain,
    warnings,
    meta,
  }
}

function allowed(where: Where, chain: Entry[], ttl: string | null): object {
  const { scope, path, mode } = where
  // A narrower scope than the served one holds a row that expired at NOW; with scope global only for SP-3.
  const above = { outcome: 'expired', expires_at: NOW }
  const user = { prec: 5, rule: 'user_override' }
  const tenant = { prec: 6, rule: 'tenant_override' }
  const walks: Record<string, Entry[]> = {
    user: [{ ...user, outcome: 'matched', revision: 2 }],
    tenant: [
      { ...user, ...above, revision: 2 },
      { ...tenant, outcome: 'matched', revision: 3 },
    ],
    global: [
      path === 'SP-3' ? { ...user, ...above, revision: 2 } : { ...user, outcome: 'absent' },
      { ...tenant, outcome: 'absent' },
      { prec: 7, rule: 'global_default', outcome: 'matched' },
    ],
  }
  const value = { user: 'user', tenant: 'tenant', global: 'default' }[scope]
  const reason = { user: 'user_override', tenant: 'tenant_override', global: 'global_default' }[
    scope
  ]
  const revision = { user: 2, tenant: 3 }[scope] ?? null
  const warnings = [
    ...(ttl === 'expiring_soon' ? ['approval_expiring_soon'] : []),
    ...(AUTH_WARNINGS[mode] ?? []),
  ]
  const meta = getMeta(where, { ref: ttl === null ? null : REF, ttl, revision })
  const reason_chain = [...chain, ...(walks[scope] ?? [])]
  return { decision: 'allow', value, reason, matched_scope: scope, reason_chain, warnings, meta }
}

function getMeta(
  { mode }: Where,
  about: { ref: string | null; ttl: string | null; revision: number | null },
): object {
  return {
    auth_mode: mode,
    auth_source: SOURCE[mode],
    tenant_id: TENANT,
    user_id: USER,
    approval_ref: about.ref,
    ttl_state: about.ttl,
    flag_revision: 1,
    override_revision: about.revision,
    evaluated_at: NOW,
  }
}

/** The prediction of each cell, by `MODE/SCOPE/PATH/TTL/REQUIRED_AUTH`. */
export function predictCells(): readonly (readonly [key: string, outcome: object])[] {
  const cells: (readonly [string, object])[] = []
  for (const mode of MODES)
    for (const scope of SCOPES)
      for (const path of PATHS)
        for (const ttl of TTLS)
          for (const required of REQUIRED) {
            const where = { mode, scope, path, ttl, required }
            cells.push([[mode, scope, path, ttl, required].join('/'), predict(where)])
          }
  return cells
}
