// Made from contracts/schemas by `npm run types`. Change the schemas, not this file.

/**
 * Fits the flag's value_type; I-JSON, in RFC 8785 form where it is stored.
 */
export type FlagValue = boolean | string | number | {}
/**
 * A row of ff.tenant_override: live, or a tombstone that keeps its revision alone.
 */
export type TenantOverrideRow = {
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  tenant_id: string
  flag_key: string
  value?: FlagValue
  approval_ref?: string
  note?: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  expires_at?: string
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  created_by: string
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  updated_by: string
  revision: number
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  created_at: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  updated_at: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  deleted_at?: string
} & (Live | Tombstone)
/**
 * A row of ff.user_override: live, or a tombstone that keeps its revision alone.
 */
export type UserOverrideRow = {
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  user_id: string
  flag_key: string
  value?: FlagValue
  approval_ref?: string
  note?: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  expires_at?: string
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  created_by: string
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  updated_by: string
  revision: number
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  created_at: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  updated_at: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  deleted_at?: string
} & (Live1 | Tombstone1)
/**
 * What the caller brings to the door: a fixture of vectors/jwt, dev headers, or nothing.
 */
export type Credential =
  | {
      fixture: string
    }
  | {
      dev_headers: DevHeaders
    }
  | null
/**
 * Items: A JWK as the endpoint serves it; hostile ones among them.
 */
export type Keys = {}[]
/**
 * One line of what ff parity replay reads: a request as it was recorded, and all that its answer may depend on but the rows.
 */
export type ReplayRequest = {
  [k: string]: unknown
} & {
  request: EvaluationRequest
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  recorded_at?: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  now?: string
  /**
   * A column of the mode matrix: dev with the headers allowed, dev without, everything else.
   */
  environment?: 'dev+H' | 'dev-H' | 'prod'
  /**
   * A token of a live service is never in the line: token_env names the variable that holds it.
   */
  credential?:
    | Credential
    | {
        token_env: string
      }
  /**
   * What Admin knows; where there is no list, Admin cannot be reached.
   */
  approvals?: Approval[]
}
export type Ours = boolean | string | number | {}
/**
 * JSON; where there is none, it counts as if nothing stood there.
 */
export type Ours1 = boolean | string | number | {}
/**
 * What is not in it goes on as it is.
 *
 * @minItems 1
 */
export type ValueMap = Becomes[]
/**
 * What the row has where nothing stands there; without it the row has none.
 */
export type Ours2 = boolean | string | number | {}

export interface ArtefactByKind {
  parity_test_matrix: ParityTestMatrix
  cutover_parity_matrix: CutoverParityMatrix
  persistence_schema: PersistenceSchema
  jwks_integration_notes: JwksIntegrationNotes
  jwt_fixtures: JwtFixtures
  oracle_cells: OracleCells
  readiness_gate: ReadinessGate
  cutover_readiness_checklist: CutoverReadinessChecklist
  cutover_plan: CutoverPlan
  rollback_triggers: RollbackTriggers
  team_commands: TeamCommands
  alert_rules: AlertRules
  replay_request: ReplayRequest
  trust: Trust
  trust_chain: TrustChain
  signoff_envelope: SignoffEnvelope
  signoff_header: SignoffHeader
  signoff_statement: SignoffStatement
  waivers: Waivers
  key_file: KeyFile
  public_key: PublicKey
  gate_decision: DecisionFile
  incumbent_mapping: IncumbentMapping
}
/**
 * Vectors: inputs, and the whole envelope that both sides must answer with.
 */
export interface ParityTestMatrix {
  kind: 'parity_test_matrix'
  schemaVersion: 1
  /**
   * @minItems 1
   */
  vectors: {
    id: string
    title: string
    use_cases: string[]
    covers: {
      auth_mode: 'verified' | 'decode-only' | 'dev-headers' | 'none'
      scope: 'user' | 'tenant' | 'global'
      sensitive_path: 'SP-1' | 'SP-2' | 'SP-3' | 'SP-4' | 'SP-5'
      ttl_state:
        ('unknown' | 'revoked' | 'not_yet_valid' | 'expired' | 'expiring_soon' | 'valid') | null
    }
    given: {
      /**
       * RFC 3339, UTC, milliseconds, Z.
       */
      now: string
      /**
       * A column of the mode matrix: dev with the headers allowed, dev without, everything else.
       */
      environment: 'dev+H' | 'dev-H' | 'prod'
      flags: FlagRow[]
      tenant_overrides: TenantOverrideRow[]
      user_overrides: UserOverrideRow[]
      approvals: Approval[]
      admin: 'reachable' | 'unreachable'
      credential: Credential
    }
    when: {
      request: EvaluationRequest
    }
    then: Expected
  }[]
}
/**
 * A row of ff.flag_registry.
 */
export interface FlagRow {
  flag_key: string
  value_type: 'boolean' | 'string' | 'number' | 'object'
  default_value: FlagValue
  safe_value: FlagValue
  sensitive: boolean
  required_auth: 'none' | 'any' | 'verified'
  state: 'active' | 'killed' | 'archived'
  description: string
  owner: string
  revision: number
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  created_at: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  updated_at: string
}
export interface Live {
  deleted_at?: never
}
export interface Tombstone {
  value?: never
  approval_ref?: never
  note?: never
  expires_at?: never
}
export interface Live1 {
  deleted_at?: never
}
export interface Tombstone1 {
  value?: never
  approval_ref?: never
  note?: never
  expires_at?: never
}
/**
 * An approval as Admin holds it.
 */
export interface Approval {
  approval_ref: string
  flag_key: string
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  tenant_id: string
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  user_id: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  not_before: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  expires_at: string
  revoked: boolean
}
export interface DevHeaders {
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  user_id?: string
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  tenant_id?: string
  scopes: string[]
}
export interface EvaluationRequest {
  flag_key: string
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  tenant_id?: string
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  user_id?: string
  approval_ref?: string
  request_id: string
}
export interface Expected {
  flag_key: string
  decision: 'allow' | 'deny'
  value: boolean | string | number | {} | null
  reason:
    | ('user_override' | 'tenant_override' | 'global_default')
    | (
        | 'flag_unknown'
        | 'flag_archived'
        | 'kill_switch'
        | 'auth_required'
        | 'auth_not_verified'
        | 'approval_missing'
        | 'approval_unknown'
        | 'approval_not_yet_valid'
        | 'approval_expired'
        | 'approval_revoked'
        | 'admin_unreachable'
        | 'fail_safe'
      )
  matched_scope: ('user' | 'tenant' | 'global') | null
  /**
   * @minItems 1
   * @maxItems 8
   */
  reason_chain: (
    | {
        prec: 1
        rule: 'registered'
        outcome: 'pass' | 'unknown' | 'archived'
      }
    | {
        prec: 2
        rule: 'kill_switch'
        outcome: 'pass' | 'killed'
      }
    | {
        prec: 3
        rule: 'authentication'
        outcome: 'pass' | 'missing' | 'not_verified'
      }
    | {
        prec: 4
        rule: 'sensitive_overlay'
        outcome: 'not_sensitive' | 'approved' | 'expiring_soon' | 'denied'
        code?:
          | 'flag_unknown'
          | 'flag_archived'
          | 'kill_switch'
          | 'auth_required'
          | 'auth_not_verified'
          | 'approval_missing'
          | 'approval_unknown'
          | 'approval_not_yet_valid'
          | 'approval_expired'
          | 'approval_revoked'
          | 'admin_unreachable'
          | 'fail_safe'
        named_by?: 'request' | 'user_override' | 'tenant_override'
        jwks_stale?: true
      }
    | {
        prec: 5
        rule: 'user_override'
        outcome: 'matched' | 'expired' | 'absent'
        revision?: number
        /**
         * RFC 3339, UTC, milliseconds, Z.
         */
        expires_at?: string
      }
    | {
        prec: 6
        rule: 'tenant_override'
        outcome: 'matched' | 'expired' | 'absent'
        revision?: number
        /**
         * RFC 3339, UTC, milliseconds, Z.
         */
        expires_at?: string
      }
    | {
        prec: 7
        rule: 'global_default'
        outcome: 'matched'
      }
    | {
        prec: 8
        rule: 'fail_safe'
        outcome: 'engaged'
        cause: 'row_broken' | 'row_foreign' | 'value_type_mismatch' | 'rules_exhausted'
        at: number
      }
  )[]
  warnings: (
    | 'approval_expiring_soon'
    | 'auth_not_verified'
    | 'dev_headers'
    | 'jwks_stale'
    | 'jwks_unreachable'
    | 'kid_missing'
    | 'kid_not_found'
    | 'unauthenticated'
  )[]
  meta: {
    auth_mode: 'verified' | 'decode-only' | 'dev-headers' | 'none'
    auth_source: 'jwt' | 'jwt-unverified' | 'dev-headers' | 'none'
    tenant_id: string | null
    user_id: string | null
    approval_ref: string | null
    ttl_state:
      ('unknown' | 'revoked' | 'not_yet_valid' | 'expired' | 'expiring_soon' | 'valid') | null
    flag_revision: number | null
    override_revision: number | null
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    evaluated_at: string
    request_id: string
  }
}
/**
 * Every field of the envelope and of the stored rows: must it match, must it differ, may it differ, and why.
 */
export interface CutoverParityMatrix {
  kind: 'cutover_parity_matrix'
  schemaVersion: 1
  /**
   * The vectors that the gate's own matrix must hold, no more and no fewer.
   */
  vectors: {
    /**
     * @minItems 1
     */
    ids: string[]
  }
  cells: {
    count: number
  }
  /**
   * @minItems 1
   */
  decision: {
    pointer: string
    rule: 'MUST_MATCH' | 'MUST_DIFFER' | 'MAY_DIFFER'
    why: string
  }[]
  rows: {
    /**
     * @minItems 1
     */
    flag_registry: {
      pointer: string
      rule: 'MUST_MATCH' | 'MUST_DIFFER' | 'MAY_DIFFER'
      why: string
    }[]
    /**
     * @minItems 1
     */
    tenant_override: {
      pointer: string
      rule: 'MUST_MATCH' | 'MUST_DIFFER' | 'MAY_DIFFER'
      why: string
    }[]
    /**
     * @minItems 1
     */
    user_override: {
      pointer: string
      rule: 'MUST_MATCH' | 'MUST_DIFFER' | 'MAY_DIFFER'
      why: string
    }[]
  }
}
/**
 * The canonical DDL: what `ff migrate verify` holds a live catalogue to, on every supported version.
 */
export interface PersistenceSchema {
  kind: 'persistence_schema'
  schemaVersion: 1
  postgres: {
    oldest: number
    newest: number
  }
  /**
   * @minItems 1
   */
  migrations: string[]
  roles: {
    [k: string]: {
      purpose: string
    }
  }
  domains: {
    [k: string]: {
      type: string
      checks: {
        [k: string]: string
      }
    }
  }
  functions: {
    [k: string]: {
      source_sha256: string
    }
  }
  tables: {
    [k: string]: {
      purpose: string
      part: 'domain' | 'bookkeeping'
      columns: {
        [k: string]: {
          type: string
          nullable: boolean
          default?: string
          /**
           * Where the file store keeps it: a row line of the snapshot, or a log line; null where the file has none.
           */
          file_pointer: string | null
        }
      }
      constraints: {
        [k: string]: string
      }
      indexes: {
        [k: string]: string
      }
      triggers: {
        [k: string]: string
      }
      grants: {
        [k: string]: string[]
      }
    }
  }
  schema: {
    grants: {
      [k: string]: string[]
    }
  }
}
/**
 * Who is let in, as what, and on which ground: the mode matrix, and every number of the way to a verified token.
 */
export interface JwksIntegrationNotes {
  kind: 'jwks_integration_notes'
  schemaVersion: 1
  algorithms: {
    /**
     * @minItems 1
     *
     * Items: RFC 7518 and RFC 8037; asymmetric ones alone.
     */
    default: (
      | 'RS256'
      | 'RS384'
      | 'RS512'
      | 'PS256'
      | 'PS384'
      | 'PS512'
      | 'ES256'
      | 'ES384'
      | 'ES512'
      | 'EdDSA'
    )[]
    /**
     * @minItems 1
     *
     * Items: RFC 7518 and RFC 8037; asymmetric ones alone.
     */
    allowable: (
      | 'RS256'
      | 'RS384'
      | 'RS512'
      | 'PS256'
      | 'PS384'
      | 'PS512'
      | 'ES256'
      | 'ES384'
      | 'ES512'
      | 'EdDSA'
    )[]
  }
  token: {
    max_bytes: number
  }
  claims: {
    /**
     * @minItems 1
     */
    required: ('exp' | 'sub' | 'iss' | 'aud')[]
    audience: string
    leeway_s: number
    max_leeway_s: number
  }
  keys: {
    rsa_min_bits: number
    rsa_max_bits: number
  }
  client: {
    timeout_ms: number
    max_bytes: number
    max_redirects: number
    cooldown_s: number
    cache_min_s: number
    cache_max_s: number
    cache_default_s: number
    last_known_good_s: number
    sensitive_max_age_s: number
  }
  token_cache: {
    max_entries: number
    max_age_s: number
  }
  /**
   * @minItems 1
   */
  errors: {
    /**
     * Why a credential was refused; src/core/auth/types.ts has the HTTP status of each.
     */
    code:
      | 'token_malformed'
      | 'crit_unsupported'
      | 'alg_not_allowed'
      | 'key_not_usable'
      | 'kid_missing'
      | 'kid_not_found'
      | 'signature_invalid'
      | 'claim_missing'
      | 'issuer_mismatch'
      | 'audience_mismatch'
      | 'token_not_yet_valid'
      | 'token_expired'
      | 'token_missing'
      | 'context_invalid'
      | 'context_mismatch'
      | 'jwks_unreachable'
    http: 401 | 403 | 503
    retry_after_s?: number
  }[]
  environments: ['dev+H', 'dev-H', 'prod']
  /**
   * @minItems 1
   */
  modes: {
    id: string
    title: string
    /**
     * @minItems 1
     */
    when: {
      /**
       * What was found out about a credential, before anybody says what follows from it.
       */
      condition:
        | 'verified'
        | 'keys_unreachable'
        | 'refresh_unreachable'
        | 'signature_invalid'
        | 'alg_not_allowed'
        | 'keys_misconfigured'
        | 'keys_unconfigured'
        | 'token_expired'
        | 'audience_mismatch'
        | 'issuer_mismatch'
        | 'token_not_yet_valid'
        | 'claim_missing'
        | 'context_invalid'
        | 'dev_headers'
        | 'no_token'
        | 'token_malformed'
        | 'verified_without_kid'
        | 'kid_ambiguous'
        | 'kid_absent'
        | 'refresh_misconfigured'
        | 'verified_stale'
        | 'key_not_usable'
        | 'crit_unsupported'
      /**
       * @minItems 1
       *
       * Items: A column of the mode matrix: dev with the headers allowed, dev without, everything else.
       */
      environments: ('dev+H' | 'dev-H' | 'prod')[]
    }[]
    outcome:
      | {
          mode: 'verified' | 'decode-only' | 'dev-headers' | 'none'
          source: 'jwt' | 'jwt-unverified' | 'dev-headers' | 'none'
          warnings: (
            | 'approval_expiring_soon'
            | 'auth_not_verified'
            | 'dev_headers'
            | 'jwks_stale'
            | 'jwks_unreachable'
            | 'kid_missing'
            | 'kid_not_found'
            | 'unauthenticated'
          )[]
        }
      | {
          /**
           * Why a credential was refused; src/core/auth/types.ts has the HTTP status of each.
           */
          refused:
            | 'token_malformed'
            | 'crit_unsupported'
            | 'alg_not_allowed'
            | 'key_not_usable'
            | 'kid_missing'
            | 'kid_not_found'
            | 'signature_invalid'
            | 'claim_missing'
            | 'issuer_mismatch'
            | 'audience_mismatch'
            | 'token_not_yet_valid'
            | 'token_expired'
            | 'token_missing'
            | 'context_invalid'
            | 'context_mismatch'
            | 'jwks_unreachable'
          http: 401 | 403 | 503
        }
    /**
     * @minItems 1
     */
    fixtures: string[]
  }[]
}
/**
 * Credentials for the vectors and the mode matrix, made by vectors/jwt/make.mjs: each with its clock, what the JWKS endpoint does, and what must come of it in each environment.
 */
export interface JwtFixtures {
  kind: 'jwt_fixtures'
  schemaVersion: 1
  issuer: string
  audience: string
  /**
   * FF_DEV_SCOPES for all of them.
   */
  dev_scopes: string[]
  /**
   * @minItems 1
   */
  fixtures: {
    id: string
    title: string
    /**
     * The row that this is the example of, in its environment.
     */
    row: string
    /**
     * A column of the mode matrix: dev with the headers allowed, dev without, everything else.
     */
    environment: 'dev+H' | 'dev-H' | 'prod'
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    clock: string
    token: string | null
    dev_headers: DevHeaders | null
    jwks: Script
    expected: {
      'dev+H':
        | {
            row: string
            mode: 'verified' | 'decode-only' | 'dev-headers' | 'none'
            source: 'jwt' | 'jwt-unverified' | 'dev-headers' | 'none'
            user_id: string | null
            tenant_id: string | null
            scopes: string[]
            warnings: (
              | 'approval_expiring_soon'
              | 'auth_not_verified'
              | 'dev_headers'
              | 'jwks_stale'
              | 'jwks_unreachable'
              | 'kid_missing'
              | 'kid_not_found'
              | 'unauthenticated'
            )[]
            key_set_stale: boolean
          }
        | {
            row: string
            /**
             * Why a credential was refused; src/core/auth/types.ts has the HTTP status of each.
             */
            refused:
              | 'token_malformed'
              | 'crit_unsupported'
              | 'alg_not_allowed'
              | 'key_not_usable'
              | 'kid_missing'
              | 'kid_not_found'
              | 'signature_invalid'
              | 'claim_missing'
              | 'issuer_mismatch'
              | 'audience_mismatch'
              | 'token_not_yet_valid'
              | 'token_expired'
              | 'token_missing'
              | 'context_invalid'
              | 'context_mismatch'
              | 'jwks_unreachable'
            http: 401 | 403 | 503
          }
      'dev-H':
        | {
            row: string
            mode: 'verified' | 'decode-only' | 'dev-headers' | 'none'
            source: 'jwt' | 'jwt-unverified' | 'dev-headers' | 'none'
            user_id: string | null
            tenant_id: string | null
            scopes: string[]
            warnings: (
              | 'approval_expiring_soon'
              | 'auth_not_verified'
              | 'dev_headers'
              | 'jwks_stale'
              | 'jwks_unreachable'
              | 'kid_missing'
              | 'kid_not_found'
              | 'unauthenticated'
            )[]
            key_set_stale: boolean
          }
        | {
            row: string
            /**
             * Why a credential was refused; src/core/auth/types.ts has the HTTP status of each.
             */
            refused:
              | 'token_malformed'
              | 'crit_unsupported'
              | 'alg_not_allowed'
              | 'key_not_usable'
              | 'kid_missing'
              | 'kid_not_found'
              | 'signature_invalid'
              | 'claim_missing'
              | 'issuer_mismatch'
              | 'audience_mismatch'
              | 'token_not_yet_valid'
              | 'token_expired'
              | 'token_missing'
              | 'context_invalid'
              | 'context_mismatch'
              | 'jwks_unreachable'
            http: 401 | 403 | 503
          }
      prod:
        | {
            row: string
            mode: 'verified' | 'decode-only' | 'dev-headers' | 'none'
            source: 'jwt' | 'jwt-unverified' | 'dev-headers' | 'none'
            user_id: string | null
            tenant_id: string | null
            scopes: string[]
            warnings: (
              | 'approval_expiring_soon'
              | 'auth_not_verified'
              | 'dev_headers'
              | 'jwks_stale'
              | 'jwks_unreachable'
              | 'kid_missing'
              | 'kid_not_found'
              | 'unauthenticated'
            )[]
            key_set_stale: boolean
          }
        | {
            row: string
            /**
             * Why a credential was refused; src/core/auth/types.ts has the HTTP status of each.
             */
            refused:
              | 'token_malformed'
              | 'crit_unsupported'
              | 'alg_not_allowed'
              | 'key_not_usable'
              | 'kid_missing'
              | 'kid_not_found'
              | 'signature_invalid'
              | 'claim_missing'
              | 'issuer_mismatch'
              | 'audience_mismatch'
              | 'token_not_yet_valid'
              | 'token_expired'
              | 'token_missing'
              | 'context_invalid'
              | 'context_mismatch'
              | 'jwks_unreachable'
            http: 401 | 403 | 503
          }
    }
  }[]
}
export interface Script {
  behaviour:
    | 'up'
    | 'refused'
    | 'hanging'
    | 'slow'
    | 'error_500'
    | 'not_found'
    | 'redirect_away'
    | 'oversize'
    | 'not_json'
  keys: Keys
  /**
   * What the endpoint did when the set was first asked for, so many seconds before the token came.
   */
  before?: {
    behaviour:
      | 'up'
      | 'refused'
      | 'hanging'
      | 'slow'
      | 'error_500'
      | 'not_found'
      | 'redirect_away'
      | 'oversize'
      | 'not_json'
    keys: Keys
    elapsed_s: number
  }
}
/**
 * What the oracle of test/oracle predicts for each cell: the whole envelope but flag_key and request_id, which are the cell's, and backing_state, which is the side's. Written by the oracle, never by the core.
 */
export interface OracleCells {
  kind: 'oracle_cells'
  schemaVersion: 1
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  now: string
  /**
   * @minItems 1
   */
  outcomes: {
    decision: 'allow' | 'deny'
    value: boolean | string | number | {} | null
    reason:
      | ('user_override' | 'tenant_override' | 'global_default')
      | (
          | 'flag_unknown'
          | 'flag_archived'
          | 'kill_switch'
          | 'auth_required'
          | 'auth_not_verified'
          | 'approval_missing'
          | 'approval_unknown'
          | 'approval_not_yet_valid'
          | 'approval_expired'
          | 'approval_revoked'
          | 'admin_unreachable'
          | 'fail_safe'
        )
    matched_scope: ('user' | 'tenant' | 'global') | null
    /**
     * @minItems 1
     * @maxItems 8
     */
    reason_chain: (
      | {
          prec: 1
          rule: 'registered'
          outcome: 'pass' | 'unknown' | 'archived'
        }
      | {
          prec: 2
          rule: 'kill_switch'
          outcome: 'pass' | 'killed'
        }
      | {
          prec: 3
          rule: 'authentication'
          outcome: 'pass' | 'missing' | 'not_verified'
        }
      | {
          prec: 4
          rule: 'sensitive_overlay'
          outcome: 'not_sensitive' | 'approved' | 'expiring_soon' | 'denied'
          code?:
            | 'flag_unknown'
            | 'flag_archived'
            | 'kill_switch'
            | 'auth_required'
            | 'auth_not_verified'
            | 'approval_missing'
            | 'approval_unknown'
            | 'approval_not_yet_valid'
            | 'approval_expired'
            | 'approval_revoked'
            | 'admin_unreachable'
            | 'fail_safe'
          named_by?: 'request' | 'user_override' | 'tenant_override'
          jwks_stale?: true
        }
      | {
          prec: 5
          rule: 'user_override'
          outcome: 'matched' | 'expired' | 'absent'
          revision?: number
          /**
           * RFC 3339, UTC, milliseconds, Z.
           */
          expires_at?: string
        }
      | {
          prec: 6
          rule: 'tenant_override'
          outcome: 'matched' | 'expired' | 'absent'
          revision?: number
          /**
           * RFC 3339, UTC, milliseconds, Z.
           */
          expires_at?: string
        }
      | {
          prec: 7
          rule: 'global_default'
          outcome: 'matched'
        }
      | {
          prec: 8
          rule: 'fail_safe'
          outcome: 'engaged'
          cause: 'row_broken' | 'row_foreign' | 'value_type_mismatch' | 'rules_exhausted'
          at: number
        }
    )[]
    warnings: (
      | 'approval_expiring_soon'
      | 'auth_not_verified'
      | 'dev_headers'
      | 'jwks_stale'
      | 'jwks_unreachable'
      | 'kid_missing'
      | 'kid_not_found'
      | 'unauthenticated'
    )[]
    meta: {
      auth_mode: 'verified' | 'decode-only' | 'dev-headers' | 'none'
      auth_source: 'jwt' | 'jwt-unverified' | 'dev-headers' | 'none'
      tenant_id: string | null
      user_id: string | null
      approval_ref: string | null
      ttl_state:
        ('unknown' | 'revoked' | 'not_yet_valid' | 'expired' | 'expiring_soon' | 'valid') | null
      flag_revision: number | null
      override_revision: number | null
      /**
       * RFC 3339, UTC, milliseconds, Z.
       */
      evaluated_at: string
    }
  }[]
  cells: {
    [k: string]: number
  }
}
/**
 * contracts/readiness_gate.json: how many items there are, and what of each a checklist may not loosen.
 */
export interface ReadinessGate {
  kind: 'readiness_gate'
  schemaVersion: 1
  counts: {
    items: number
    groups: number
  }
  /**
   * @minItems 1
   */
  groups: string[]
  /**
   * What every item's evidence has to share, wherever it was measured.
   *
   * @minItems 1
   */
  must_agree: (
    | 'environment'
    | 'cutover_id'
    | 'attempt'
    | 'database'
    | 'schema_head'
    | 'code'
    | 'config_digest'
    | 'checklist_digest'
  )[]
  waivers: {
    max_active: number
    max_days: number
  }
  /**
   * @minItems 1
   */
  items: {
    id: string
    kind: 'probe' | 'probe_and_attestation' | 'signature' | 'command'
    /**
     * ISO 8601, whole hours or days alone.
     */
    max_age: string
    /**
     * By nobody, by the platform lead, by both leads.
     */
    waivable: 'no' | 'one' | 'two'
    attest_role: ('platform-lead' | 'security-lead') | null
    /**
     * What is cut over, its staging, or scratch on loopback.
     */
    where: 'target' | 'staging' | 'scratch'
    /**
     * What the signer has to name: groups, and waivers for each waiver.
     */
    attests: string[]
  }[]
}
/**
 * checklists/cutover_readiness_checklist.json: what has to hold, by which measure, before the cutover.
 */
export interface CutoverReadinessChecklist {
  kind: 'cutover_readiness_checklist'
  schemaVersion: 1
  /**
   * @minItems 1
   */
  groups: {
    id: string
    title: string
  }[]
  /**
   * @minItems 1
   */
  items: {
    id: string
    group: string
    title: string
    why: string
    kind: 'probe' | 'probe_and_attestation' | 'signature' | 'command'
    probe: Probe
    /**
     * @minItems 1
     */
    limits: Limit[]
    min_sample: number
    /**
     * ISO 8601, whole hours or days alone.
     */
    max_age: string
    /**
     * @minItems 1
     */
    identity: (
      | 'environment'
      | 'cutover_id'
      | 'attempt'
      | 'database'
      | 'schema_head'
      | 'code'
      | 'config_digest'
      | 'checklist_digest'
    )[]
    control: {
      name: string
      run: 'with_probe' | 'selftest'
      /**
       * ISO 8601, whole hours or days alone.
       */
      max_age: string
    }
    /**
     * By nobody, by the platform lead, by both leads.
     */
    waivable: 'no' | 'one' | 'two'
    attest_role: ('platform-lead' | 'security-lead') | null
    /**
     * What is cut over, its staging, or scratch on loopback.
     */
    where: 'target' | 'staging' | 'scratch'
    effect: 'observe' | 'write' | 'disrupt'
    owner: string
    remediation: string
    docs: string
  }[]
}
export interface Probe {
  name: string
  version: number
  params: {
    [k: string]: unknown
  }
}
/**
 * A bound on a measured value; with or_times the looser of value and factor x measure.
 */
export interface Limit {
  measure: string
  op: 'at_most' | 'at_least' | 'equals'
  value: number | boolean | string
  unit: string
  or_times?: {
    factor: number
    measure: string
  }
}
/**
 * The plan of one cutover: what, when, who, and where the Admin service stands.
 */
export interface CutoverPlan {
  kind: 'cutover_plan'
  schemaVersion: 1
  cutover_id: string
  attempt: number
  environment: string
  /**
   * system_identifier/oid/schema of the database that is cut over to.
   */
  database: string
  window: {
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    from: string
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    until: string
  }
  freeze: {
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    from: string
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    until: string
  }
  peak_requests_per_second: number
  replicas: number
  /**
   * @minItems 2
   */
  on_call: {
    role: string
    name: string
    contact: string
  }[]
  admin: {
    checklist_digest: string
    verdict: 'go' | 'no_go' | 'not_ready' | 'inconclusive' | 'untrusted'
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    date: string
    contact: string
  }
  runbook_digest: string
}
/**
 * When to switch back, and who does it.
 */
export interface RollbackTriggers {
  kind: 'rollback_triggers'
  schemaVersion: 1
  /**
   * @minItems 1
   */
  triggers: {
    id: string
    metric: string
    op: 'at_most' | 'at_least'
    limit: number
    window_s: number
    action: string
    owner: string
  }[]
}
/**
 * Commands of a team in place of probes: each is put into the checklist item that it names.
 */
export interface TeamCommands {
  kind: 'team_commands'
  schemaVersion: 1
  /**
   * @minItems 1
   */
  commands: {
    item: string
    kind: 'command'
    probe: Probe1
    /**
     * @minItems 1
     */
    limits: Limit[]
  }[]
}
export interface Probe1 {
  name: 'command'
  version: number
  params: Params
}
export interface Params {
  /**
   * @minItems 1
   * @maxItems 64
   */
  argv: string[]
  /**
   * @minItems 1
   * @maxItems 64
   */
  control_argv: string[]
  timeout_s: number
}
/**
 * The metrics of a service, and when somebody is to be told of them.
 */
export interface AlertRules {
  kind: 'alert_rules'
  schemaVersion: 1
  /**
   * @minItems 1
   */
  signals: {
    metric: string
    type: 'counter' | 'gauge' | 'histogram'
    labels: string[]
    /**
     * Whether something can happen that changes it: a limit stays as it is.
     */
    moves: boolean
  }[]
  /**
   * @minItems 1
   */
  rules: {
    id: string
    measure:
      | {
          kind: 'value' | 'absent'
          of: Selector
        }
      | {
          kind: 'share'
          of: Selector
          to: Selector
        }
      | {
          kind: 'rate'
          of: Selector
          window_s: number
        }
      | {
          kind: 'ratio'
          of: Selector
          to: Selector
          window_s: number
        }
      | {
          kind: 'quantile'
          of: Selector
          quantile: number
          window_s: number
        }
    op: 'above' | 'below'
    threshold: number
    for_s: number
    severity: 'page' | 'ticket'
    means: string
    do: string
  }[]
}
export interface Selector {
  metric: string
  labels: {
    /**
     * @minItems 1
     */
    [k: string]: string[]
  }
}
/**
 * trust.json: whose signatures count, until when. A file of its bytes is named from outside by FF_TRUST_SHA256; version n+1 is signed by both roles of n.
 */
export interface Trust {
  kind: 'trust'
  schemaVersion: 1
  /**
   * Only up, by one.
   */
  version: number
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  expires: string
  /**
   * @minItems 1
   * @maxItems 64
   */
  signers: Signer[]
  /**
   * Both, always.
   *
   * @minItems 2
   * @maxItems 2
   */
  required_roles: ('platform-lead' | 'security-lead')[]
  /**
   * Keys whose evidence counts.
   *
   * @maxItems 64
   */
  runners: Runner[]
  /**
   * May be stricter than the rules, never laxer.
   */
  waiver_policy: {
    max_active: number
    max_days: number
  }
  revoked: {
    /**
     * @maxItems 1024
     */
    keys: {
      /**
       * RFC 7638 thumbprint, SHA-256.
       */
      kid: string
      /**
       * RFC 3339, UTC, milliseconds, Z.
       */
      at: string
      reason: string
    }[]
    /**
     * @maxItems 1024
     */
    statements: {
      sha256: string
      /**
       * RFC 3339, UTC, milliseconds, Z.
       */
      at: string
      reason: string
    }[]
  }
}
export interface Signer {
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  person: string
  name: string
  role: 'platform-lead' | 'security-lead'
  /**
   * RFC 7638 thumbprint, SHA-256.
   */
  kid: string
  jwk: Jwk
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  from: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  until: string
}
/**
 * A public key and nothing else.
 */
export interface Jwk {
  kty: 'OKP'
  crv: 'Ed25519'
  x: string
}
export interface Runner {
  name: string
  /**
   * RFC 7638 thumbprint, SHA-256.
   */
  kid: string
  jwk: Jwk
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  from: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  until: string
}
/**
 * trust-chain.json: every version of the trust file, each but the first signed by both roles of the one before.
 */
export interface TrustChain {
  kind: 'trust_chain'
  schemaVersion: 1
  /**
   * @minItems 1
   * @maxItems 1024
   */
  links: SignoffEnvelope[]
}
/**
 * JWS General JSON (RFC 7515, 7.2.1) without an unprotected header: signoff.json, and each step of the trust file. No signature yet is an empty list.
 */
export interface SignoffEnvelope {
  payload: string
  /**
   * @maxItems 16
   */
  signatures: Signature[]
}
export interface Signature {
  protected: string
  signature: string
}
/**
 * The protected header of one signature: who signs, as what, when, and what they attest.
 */
export interface SignoffHeader {
  alg: 'Ed25519'
  typ: 'ff-signoff+jws' | 'ff-trust+jws' | 'ff-waiver+jws'
  /**
   * RFC 7638 thumbprint, SHA-256.
   */
  kid: string
  /**
   * @minItems 1
   * @maxItems 1
   */
  crit: 'ff'[]
  ff: {
    /**
     * A tenant id, a user id, or whoever made or changed a row.
     */
    person: string
    name: string
    role: 'platform-lead' | 'security-lead'
    meaning: 'approves-decision' | 'approves-trust' | 'approves-waiver'
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    signed_at: string
    /**
     * @maxItems 64
     */
    attests: string[]
  }
}
/**
 * An in-toto Statement v1, made canonical by RFC 8785: what people sign.
 */
export interface SignoffStatement {
  _type: 'https://in-toto.io/Statement/v1'
  /**
   * Bound. SHA-256 of the bytes of each file; a file that is not there counts as empty.
   *
   * @minItems 1
   * @maxItems 8
   */
  subject: {
    name: 'checklist' | 'waivers' | 'plan' | 'rollback_triggers'
    digest: {
      sha256: string
    }
  }[]
  predicateType: 'https://pty-flags.example/ff/signoff/v1'
  predicate: {
    decision: 'go' | 'no-go'
    identity: Identity
    /**
     * Bound. The items that were accepted when this was prepared; those that are the signatures themselves are not among them.
     */
    accepted: {
      [k: string]: 'pass' | 'waived'
    }
    /**
     * Recorded, not bound: later evidence may take its place. The head of the evidence log, the digest of the bundle, and its records.
     */
    seen: {
      head: {
        seq: number
        hash: string
      }
      bundle: string | null
      /**
       * @maxItems 64
       */
      records: {
        item: string
        sha256: string
        /**
         * RFC 3339, UTC, milliseconds, Z.
         */
        ended_at: string
      }[]
    }
    trust: {
      version: number
      sha256: string
    }
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    prepared_at: string
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    not_after: string
  }
}
/**
 * The identity of evidence (page 9), every member of it known: nobody signs for what could not be told.
 */
export interface Identity {
  environment: string
  cutover_id: string
  attempt: number
  database: string
  schema_head: string
  code: string
  config_digest: string
  checklist_digest: string
}
/**
 * Waivers: each for one item, until a day, within a bound.
 */
export interface Waivers {
  kind: 'waivers'
  schemaVersion: 1
  waivers: {
    id: string
    item: string
    covers:
      | {
          state: 'fail'
          /**
           * @minItems 1
           */
          bounds: {
            measure: string
            op: 'at_most' | 'at_least'
            value: number
          }[]
        }
      | {
          state: 'inconclusive'
          code: string
        }
    reason: string
    risk: string
    compensation: string
    requester: string
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    requested_at: string
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    expires_at: string
    approvals: {
      person: string
      role: 'platform-lead' | 'security-lead'
      /**
       * RFC 7638 thumbprint, SHA-256.
       */
      kid: string
      /**
       * Compact JWS, Ed25519, by this person over the waiver without its approvals.
       */
      jws: string
    }[]
  }[]
}
/**
 * A person's key at rest: scrypt (RFC 7914) and AES-256-GCM; everything but the sealed bytes is authenticated with them.
 */
export interface KeyFile {
  kind: 'key_file'
  schemaVersion: 1
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  person: string
  name: string
  /**
   * RFC 7638 thumbprint, SHA-256.
   */
  kid: string
  jwk: Jwk
  kdf: {
    name: 'scrypt'
    n: number
    r: number
    p: number
    salt: string
  }
  cipher: {
    name: 'aes-256-gcm'
    iv: string
  }
  /**
   * The private key (PKCS#8, DER), encrypted, and the tag of 16 bytes.
   */
  sealed: string
}
/**
 * What ff key show prints: all that a trust file needs of a person or a runner.
 */
export interface PublicKey {
  kind: 'public_key'
  schemaVersion: 1
  /**
   * A tenant id, a user id, or whoever made or changed a row.
   */
  person: string
  name: string
  /**
   * RFC 7638 thumbprint, SHA-256.
   */
  kid: string
  jwk: Jwk
}
/**
 * decision.json: all that a third party needs to come to the verdict again. Its trust file counts only under a pin from elsewhere.
 */
export interface DecisionFile {
  kind: 'gate_decision'
  schemaVersion: 1
  tool_version: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  decided_at: string
  /**
   * The report as ff gate wrote it.
   */
  verdict: {}
  identity: Identity1
  /**
   * Each file as it was, byte for byte; null where there was none.
   */
  files: {
    checklist: string | null
    waivers: string | null
    plan: string | null
    rollback_triggers: string | null
    trust: string | null
    trust_chain: string | null
    signoff: string | null
    evidence: string | null
    evidence_head: string | null
  }
}
export interface Identity1 {
  environment: string | null
  cutover_id: string | null
  attempt: number | null
  database: string | null
  schema_head: string | null
  code: string | null
  config_digest: string | null
  checklist_digest: string | null
}
/**
 * Where flags and overrides stand in the JSON file of another service, and how their members become ours: a closed table, for ff import --mapping. A member is read, then map, as and prefix are applied in this order; what comes of it is held to page 1.
 */
export interface IncumbentMapping {
  kind: 'incumbent_mapping'
  schemaVersion: 1
  /**
   * Whose file this is the mapping of.
   */
  title: string
  /**
   * Where flags stand.
   *
   * @minItems 1
   */
  flags: {
    /**
     * Where the entries stand: each place that it matches makes one row.
     */
    at: string
    members: {
      flag_key: Said | Named | Read
      value_type: Said | Named | Read
      default_value: Said | Named | Read
      safe_value: Said | Named | Read
      sensitive: Said | Named | Read
      required_auth: Said | Named | Read
      state: Said | Named | Read
      description: Said | Named | Read
      owner: Said | Named | Read
      revision: Said | Named | Read
      created_at: Said | Named | Read
      updated_at: Said | Named | Read
    }
  }[]
  /**
   * Where overrides of tenants stand.
   */
  tenant_overrides: {
    /**
     * Where the entries stand: each place that it matches makes one row.
     */
    at: string
    members: {
      tenant_id: Said | Named | Read
      flag_key: Said | Named | Read
      value: Said | Named | Read
      created_by: Said | Named | Read
      updated_by: Said | Named | Read
      revision: Said | Named | Read
      created_at: Said | Named | Read
      updated_at: Said | Named | Read
      approval_ref?: Said | Named | Read
      note?: Said | Named | Read
      expires_at?: Said | Named | Read
      deleted_at?: Said | Named | Read
    }
  }[]
  /**
   * Where overrides of users stand.
   */
  user_overrides: {
    /**
     * Where the entries stand: each place that it matches makes one row.
     */
    at: string
    members: {
      user_id: Said | Named | Read
      flag_key: Said | Named | Read
      value: Said | Named | Read
      created_by: Said | Named | Read
      updated_by: Said | Named | Read
      revision: Said | Named | Read
      created_at: Said | Named | Read
      updated_at: Said | Named | Read
      approval_ref?: Said | Named | Read
      note?: Said | Named | Read
      expires_at?: Said | Named | Read
      deleted_at?: Said | Named | Read
    }
  }[]
  /**
   * What of the file is left behind on purpose. Whatever is neither read nor named here is refused; what a rule reads below such a place is read all the same.
   *
   * Items: A JSON pointer (RFC 6901) from the root of the file; the token * stands for each member or element.
   */
  ignored: string[]
}
/**
 * Every row has this.
 */
export interface Said {
  const: Ours
}
/**
 * The name of the member, or the number of the element, that the n-th * of the entry stands for.
 */
export interface Named {
  key: number
  map?: ValueMap
  /**
   * A time in another form, read without rounding (a date is its midnight, UTC); type is the JSON type of what stands there, which does not count as reading it.
   */
  as?: 'rfc3339' | 'unix_s' | 'unix_ms' | 'date' | 'type'
  /**
   * Put before a text.
   */
  prefix?: string
}
export interface Becomes {
  /**
   * JSON, compared in RFC 8785 form.
   */
  was: null | boolean | string | number | {} | unknown[]
  becomes?: Ours1
}
/**
 * What stands at a JSON pointer from the entry; an empty pointer is the entry itself.
 */
export interface Read {
  /**
   * A JSON pointer without *.
   */
  from: string
  default?: Ours2
  map?: ValueMap
  /**
   * A time in another form, read without rounding (a date is its midnight, UTC); type is the JSON type of what stands there, which does not count as reading it.
   */
  as?: 'rfc3339' | 'unix_s' | 'unix_ms' | 'date' | 'type'
  /**
   * Put before a text.
   */
  prefix?: string
}
