// Generated from contracts/schemas by `npm run types`. Change the schemas, not this file.

/**
 * A value of the flag's value_type: I-JSON (RFC 7493), stored in RFC 8785 form.
 */
export type FlagValue = boolean | string | number | {}
/**
 * A row of ff.tenant_override: live, or a tombstone that keeps only its revision.
 */
export type TenantOverrideRow = {
  /**
   * The id of a tenant, a user, or the author of a row: visible ASCII.
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
   * The id of a tenant, a user, or the author of a row: visible ASCII.
   */
  created_by: string
  /**
   * The id of a tenant, a user, or the author of a row: visible ASCII.
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
 * A row of ff.user_override: live, or a tombstone that keeps only its revision.
 */
export type UserOverrideRow = {
  /**
   * The id of a tenant, a user, or the author of a row: visible ASCII.
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
   * The id of a tenant, a user, or the author of a row: visible ASCII.
   */
  created_by: string
  /**
   * The id of a tenant, a user, or the author of a row: visible ASCII.
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
 * The credential of the caller: a fixture of vectors/jwt, dev headers, or null.
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
 * Items: A JWK of the endpoint; some are hostile.
 */
export type Keys = {}[]
/**
 * A message of ptt:ff:invalidate (PUB-01 to PUB-06) or of ptt:ff:heartbeat. Its HMAC covers the channel and the text before its member mac, which comes last.
 */
export type CacheMessage =
  | {
      v: 1
      kind: 'tenant_override'
      id: 'PUB-01'
      epoch: Epoch
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      seq: number
      /**
       * RFC 3339, UTC, milliseconds, Z.
       */
      published_at: string
      /**
       * The id of a tenant, a user, or the author of a row: visible ASCII.
       */
      origin: string
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      prev: number
      /**
       * The id of a tenant, a user, or the author of a row: visible ASCII.
       */
      tenant_id: string
      flag_key: string
      /**
       * HMAC-SHA256 in base64url.
       */
      mac: string
    }
  | {
      v: 1
      kind: 'user_override'
      id: 'PUB-02'
      epoch: Epoch
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      seq: number
      /**
       * RFC 3339, UTC, milliseconds, Z.
       */
      published_at: string
      /**
       * The id of a tenant, a user, or the author of a row: visible ASCII.
       */
      origin: string
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      prev: number
      /**
       * The id of a tenant, a user, or the author of a row: visible ASCII.
       */
      user_id: string
      flag_key: string
      /**
       * HMAC-SHA256 in base64url.
       */
      mac: string
    }
  | {
      v: 1
      kind: 'flag'
      id: 'PUB-03'
      epoch: Epoch
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      seq: number
      /**
       * RFC 3339, UTC, milliseconds, Z.
       */
      published_at: string
      /**
       * The id of a tenant, a user, or the author of a row: visible ASCII.
       */
      origin: string
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      prev: number
      flag_key: string
      /**
       * HMAC-SHA256 in base64url.
       */
      mac: string
    }
  | {
      v: 1
      kind: 'global'
      id: 'PUB-04'
      epoch: Epoch
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      seq: number
      /**
       * RFC 3339, UTC, milliseconds, Z.
       */
      published_at: string
      /**
       * The id of a tenant, a user, or the author of a row: visible ASCII.
       */
      origin: string
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      prev: number
      /**
       * HMAC-SHA256 in base64url.
       */
      mac: string
    }
  | {
      v: 1
      kind: 'approval'
      id: 'PUB-05'
      epoch: Epoch
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      seq: number
      /**
       * RFC 3339, UTC, milliseconds, Z.
       */
      published_at: string
      /**
       * The id of a tenant, a user, or the author of a row: visible ASCII.
       */
      origin: string
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      prev: number
      approval_ref: string
      /**
       * HMAC-SHA256 in base64url.
       */
      mac: string
    }
  | {
      v: 1
      kind: 'jwks'
      id: 'PUB-06'
      epoch: Epoch
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      seq: number
      /**
       * RFC 3339, UTC, milliseconds, Z.
       */
      published_at: string
      /**
       * The id of a tenant, a user, or the author of a row: visible ASCII.
       */
      origin: string
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      prev: number
      /**
       * HMAC-SHA256 in base64url.
       */
      mac: string
    }
  | {
      v: 1
      kind: 'heartbeat'
      epoch: Epoch
      /**
       * A number of the feed: that of the change, in a heartbeat of the last one; prev is the one before the change.
       */
      seq: number
      /**
       * RFC 3339, UTC, milliseconds, Z.
       */
      published_at: string
      /**
       * The id of a tenant, a user, or the author of a row: visible ASCII.
       */
      origin: string
      /**
       * HMAC-SHA256 in base64url.
       */
      mac: string
    }
/**
 * One line of the file for ff parity replay: a recorded request with every input of its answer except the rows.
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
   * A column of the mode matrix: dev+H is dev with dev headers allowed, dev is without, prod is every other environment.
   */
  environment?: 'dev+H' | 'dev-H' | 'prod'
  /**
   * A line never holds a token of a live service: token_env names the variable that holds it.
   */
  credential?:
    | Credential
    | {
        token_env: string
      }
  /**
   * The approvals of Admin; without a list Admin is unreachable.
   */
  approvals?: Approval[]
}
/**
 * The rule takes the entries for which every condition holds.
 *
 * @minItems 1
 *
 * Items: A source (key, or from with up and select) and exactly one test: equals, one_of, present or type.
 */
export type Where = (NameCondition | PlaceCondition)[]
export type Ours = boolean | string | number | {}
/**
 * JSON; leave it out to treat the value as absent.
 */
export type Ours1 = boolean | string | number | {}
/**
 * Replacements by value; a value that is not listed stays unchanged.
 *
 * @minItems 1
 */
export type ValueMap = Becomes[]
/**
 * The value where the source member is absent; without a default the row leaves the member out.
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
  cache_runtime_notes: CacheRuntimeNotes
  redis_channel_examples: RedisChannelExamples
  replay_request: ReplayRequest
  trust: Trust
  trust_chain: TrustChain
  signoff_envelope: SignoffEnvelope
  signoff_header: SignoffHeader
  signoff_statement: SignoffStatement
  waivers: Waivers
  withdrawals: Withdrawals
  key_file: KeyFile
  public_key: PublicKey
  gate_decision: DecisionFile
  incumbent_mapping: IncumbentMapping
}
/**
 * Vectors: the inputs, and the whole envelope that both sides must answer.
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
        | ('unknown' | 'revoked' | 'not_yet_valid' | 'expired' | 'expiring_soon' | 'valid')
        | null
    }
    given: {
      /**
       * RFC 3339, UTC, milliseconds, Z.
       */
      now: string
      /**
       * A column of the mode matrix: dev+H is dev with dev headers allowed, dev is without, prod is every other environment.
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
 * An approval of Admin.
 */
export interface Approval {
  approval_ref: string
  flag_key: string
  /**
   * The id of a tenant, a user, or the author of a row: visible ASCII.
   */
  tenant_id: string
  /**
   * The id of a tenant, a user, or the author of a row: visible ASCII.
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
   * The id of a tenant, a user, or the author of a row: visible ASCII.
   */
  user_id?: string
  /**
   * The id of a tenant, a user, or the author of a row: visible ASCII.
   */
  tenant_id?: string
  scopes: string[]
}
export interface EvaluationRequest {
  flag_key: string
  /**
   * The id of a tenant, a user, or the author of a row: visible ASCII.
   */
  tenant_id?: string
  /**
   * The id of a tenant, a user, or the author of a row: visible ASCII.
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
        cause:
          | 'row_broken'
          | 'row_foreign'
          | 'value_type_mismatch'
          | 'backing_stale'
          | 'rules_exhausted'
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
      | ('unknown' | 'revoked' | 'not_yet_valid' | 'expired' | 'expiring_soon' | 'valid')
      | null
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
 * Every field of the envelope and of the stored rows: whether it must match, must differ or may differ, and why.
 */
export interface CutoverParityMatrix {
  kind: 'cutover_parity_matrix'
  schemaVersion: 1
  /**
   * The ids of exactly the vectors that the packaged matrix must hold.
   */
  vectors: {
    /**
     * @minItems 1
     */
    ids: string[]
  }
  cells: {
    count: number
    situations: number
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
 * The canonical DDL, which `ff migrate verify` compares with a live catalogue of every supported version.
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
           * The place in the file store: a row line of the snapshot, or a log line; null for a column without a place there.
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
 * The mode matrix, which maps a credential to an auth mode or a refusal, and every limit of token verification.
 */
export interface JwksIntegrationNotes {
  kind: 'jwks_integration_notes'
  schemaVersion: 1
  algorithms: {
    /**
     * @minItems 1
     *
     * Items: An asymmetric algorithm of RFC 7518 or RFC 8037.
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
      | 'Ed25519'
    )[]
    /**
     * @minItems 1
     *
     * Items: An asymmetric algorithm of RFC 7518 or RFC 8037.
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
      | 'Ed25519'
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
     * Why a credential was refused; jwks_integration_notes.json lists the HTTP status of each.
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
       * The result of verifying a credential, before the matrix maps it to an outcome.
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
       * Items: A column of the mode matrix: dev+H is dev with dev headers allowed, dev is without, prod is every other environment.
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
           * Why a credential was refused; jwks_integration_notes.json lists the HTTP status of each.
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
 * Credentials for the vectors and the mode matrix, written by vectors/jwt/make.mjs: each with its clock, the behaviour of the JWKS endpoint, and the expected outcome in each environment.
 */
export interface JwtFixtures {
  kind: 'jwt_fixtures'
  schemaVersion: 1
  issuer: string
  audience: string
  /**
   * FF_DEV_SCOPES for all fixtures.
   */
  dev_scopes: string[]
  /**
   * @minItems 1
   */
  fixtures: {
    id: string
    title: string
    /**
     * The mode row that this fixture is an example of, in its environment.
     */
    row: string
    /**
     * A column of the mode matrix: dev+H is dev with dev headers allowed, dev is without, prod is every other environment.
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
             * Why a credential was refused; jwks_integration_notes.json lists the HTTP status of each.
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
             * Why a credential was refused; jwks_integration_notes.json lists the HTTP status of each.
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
             * Why a credential was refused; jwks_integration_notes.json lists the HTTP status of each.
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
    | 'error_429'
    | 'error_500'
    | 'not_found'
    | 'redirect_away'
    | 'oversize'
    | 'not_json'
  keys: Keys
  /**
   * The behaviour of the endpoint at the first fetch of the key set, and the number of seconds from that fetch to the token.
   */
  before?: {
    behaviour:
      | 'up'
      | 'refused'
      | 'hanging'
      | 'slow'
      | 'error_429'
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
 * The prediction of the oracle in test/oracle for each cell and each situation: the whole envelope without flag_key and request_id of the question and backing_state of the side, or the refusal of the credential. The oracle writes it, never the core.
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
  outcomes: (
    | {
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
              cause:
                | 'row_broken'
                | 'row_foreign'
                | 'value_type_mismatch'
                | 'backing_stale'
                | 'rules_exhausted'
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
            | ('unknown' | 'revoked' | 'not_yet_valid' | 'expired' | 'expiring_soon' | 'valid')
            | null
          flag_revision: number | null
          override_revision: number | null
          /**
           * RFC 3339, UTC, milliseconds, Z.
           */
          evaluated_at: string
        }
      }
    | {
        refused: 'context_mismatch'
        http: 403
      }
  )[]
  cells: {
    [k: string]: number
  }
  situations: {
    [k: string]: number
  }
}
/**
 * contracts/readiness_gate.json: what the gate knows of its checklist besides the checklist itself, which is the floor that a team's may not loosen.
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
   * The identity fields that the evidence of every item must share, wherever it was measured.
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
   * Items whose probe no command of a team may replace, waivable or not.
   */
  never_commanded: string[]
  /**
   * By probe and parameter, the direction in which a value is stricter; free describes the service of the team. A parameter that is not named is fixed.
   */
  parameters: {
    [k: string]: {
      [k: string]: 'at_least' | 'at_most' | 'superset' | 'free'
    }
  }
  /**
   * By item, the files of the team's folder that say what is measured; of the plan a member, where the probe uses no other. A team command depends on each of its words that is a file there, too.
   */
  inputs: {
    /**
     * @minItems 1
     */
    [k: string]: string[]
  }
}
/**
 * checklists/cutover_readiness_checklist.json: the items that must hold before the cutover, and how each is measured.
 */
export interface CutoverReadinessChecklist {
  kind: 'cutover_readiness_checklist'
  schemaVersion: 1
  /**
   * @minItems 1
   */
  groups: {
    id: string
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    title: string
  }[]
  /**
   * @minItems 1
   */
  items: {
    id: string
    group: string
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    title: string
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    why: string
    kind: 'probe' | 'probe_and_attestation' | 'signature' | 'command'
    probe: Probe
    /**
     * @minItems 1
     */
    limits: Limit[]
    min_sample: number
    /**
     * ISO 8601 duration in whole hours or whole days.
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
    /**
     * @minItems 1
     */
    controls: Control[]
    /**
     * no: cannot be waived. one: by the platform lead. two: by both leads.
     */
    waivable: 'no' | 'one' | 'two'
    attest_role: ('platform-lead' | 'security-lead') | null
    /**
     * The target of the cutover, its staging, or a scratch target on loopback.
     */
    where: 'target' | 'staging' | 'scratch'
    effect: 'observe' | 'write' | 'disrupt'
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    owner: string
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    remediation: string
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
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
 * A limit of a measured value; with or_times the looser of value and factor x measure applies.
 */
export interface Limit {
  measure: string
  op: 'at_most' | 'at_least' | 'equals'
  value: number | boolean | string
  /**
   * A text that a person writes: one line without control, bidi or zero-width characters.
   */
  unit: string
  or_times?: {
    factor: number
    measure: string
  }
  /**
   * The limit says how much was looked at; its control is the same measurement cut short.
   */
  effort?: true
}
/**
 * A deliberate fault that the probe has to report as a breach of one limit.
 */
export interface Control {
  /**
   * The measure whose limit the fault has to break.
   */
  limit: string
  /**
   * A text that a person writes: one line without control, bidi or zero-width characters.
   */
  name: string
  run: 'with_probe' | 'selftest'
  /**
   * ISO 8601 duration in whole hours or whole days.
   */
  max_age: string
}
/**
 * The plan of one cutover: database, times, people, and the state of the Admin service.
 */
export interface CutoverPlan {
  kind: 'cutover_plan'
  schemaVersion: 1
  cutover_id: string
  attempt: number
  environment: string
  /**
   * system_identifier/oid/schema/place of the database that takes over. ff migrate up makes the place; GET /identity and the records of B1 name all four.
   */
  database: string
  /**
   * As database, of staging: GET /identity of its instances names it. Without it no record of staging counts.
   */
  staging_database?: string
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
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    role: string
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    name: string
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    contact: string
  }[]
  admin: {
    checklist_digest: string
    verdict: 'go' | 'no_go' | 'not_ready' | 'inconclusive' | 'untrusted'
    /**
     * RFC 3339, UTC, milliseconds, Z.
     */
    date: string
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    contact: string
  }
  runbook_digest: string
}
/**
 * The conditions for switching back, and the people who do it.
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
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    action: string
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    owner: string
  }[]
}
/**
 * Commands of a team that replace probes: each goes into the checklist item that it names.
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
    /**
     * @minItems 1
     */
    controls: Control[]
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
  /**
   * Names of the variables that the command sees besides PATH and HOME.
   *
   * @minItems 1
   * @maxItems 64
   */
  env?: string[]
  timeout_s: number
}
/**
 * The metrics of the service and of the shipper, and the rules that alert on them.
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
     * Whether requests or faults can change the metric; false for a configured limit, and for what no file store does.
     */
    moves: boolean
    /**
     * The metric is one of `ff audit ship`, or of `ff serve` in a cutover alone; absent for one of any `ff serve`.
     */
    process?: 'ship' | 'managed'
  }[]
  /**
   * @minItems 1
   */
  rules: {
    id: string
    measure:
      | {
          kind: 'value'
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
 * The keys of the cache in Redis, what each change removes, and every lifetime and limit of the cache.
 */
export interface CacheRuntimeNotes {
  kind: 'cache_runtime_notes'
  schemaVersion: 1
  prefix: 'ptt:ff:'
  /**
   * @minItems 6
   * @maxItems 6
   */
  namespaces: {
    id: 'flag' | 'tenant_override' | 'user_override' | 'eval' | 'lock' | 'control'
    key: string
    holds: string
  }[]
  /**
   * Characters of an id that a key keeps; all others are percent-encoded. `none` stands for a missing id, and the id of the same form is written `escaped_none`.
   */
  key_parts: {
    kept: string
    none: string
    escaped_none: string
  }
  entries: {
    flag: Terms
    tenant_override: Terms
    user_override: Terms
    eval: Terms
  }
  /**
   * Share of a lifetime by which it varies either way.
   */
  jitter_share: number
  /**
   * An entry with t left and a load time of d is loaded anew with the chance exp(-t / (beta * d)).
   */
  early_refresh_beta: number
  lease: {
    /**
     * After which another process may load.
     */
    ttl_ms: number
    /**
     * The longest wait for the process that loads.
     */
    wait_ms: number
    /**
     * Between two looks for its entry.
     */
    poll_ms: number
  }
  /**
   * How long a removed key refuses readings of before its change: longer than any load.
   */
  tombstone_s: number
  /**
   * Most memory of the entries in a process, about.
   */
  local_bytes: number
  /**
   * Most changes that a process remembers, to refuse entries that were read before them.
   */
  known_changes: number
  /**
   * Deadline of a call to Redis.
   */
  redis_deadline_ms: number
  channels: {
    invalidate: 'ptt:ff:invalidate'
    heartbeat: 'ptt:ff:heartbeat'
  }
  heartbeat: {
    every_ms: number
    /**
     * Heartbeats that may be missing before the process asks the database.
     */
    missed: number
  }
  /**
   * @minItems 6
   * @maxItems 6
   */
  invalidation: {
    id: string
    kind: 'tenant_override' | 'user_override' | 'flag' | 'global' | 'approval' | 'jwks'
    /**
     * Keys that are deleted.
     */
    names: string[]
    /**
     * Patterns whose keys are scanned for and deleted.
     */
    patterns: string[]
  }[]
  /**
   * @minItems 1
   */
  metrics: string[]
}
export interface Terms {
  /**
   * Lifetime in Redis, before jitter.
   */
  ttl_s: number
  /**
   * Lifetime in Redis of the fact that there is no row.
   */
  negative_ttl_s: number
  /**
   * Lifetime in the memory of a process; never past the end in Redis.
   */
  local_ttl_s: number
}
/**
 * An example of each message on the channels of Redis, with its HMAC under the example key.
 */
export interface RedisChannelExamples {
  kind: 'redis_channel_examples'
  schemaVersion: 1
  /**
   * The key of the HMACs in this file, as UTF-8. It protects nothing.
   */
  key: string
  /**
   * @minItems 7
   */
  examples: {
    id: string
    channel: 'ptt:ff:invalidate' | 'ptt:ff:heartbeat'
    sent_when: string
    subscriber: string
    message: CacheMessage
  }[]
}
/**
 * Number of cutovers, and of global invalidations by an operator.
 */
export interface Epoch {
  cutover: number
  operator: number
}
/**
 * trust.json: the keys whose signatures count, and until when. FF_TRUST_SHA256 pins the bytes of the file; both roles of version n sign version n+1.
 */
export interface Trust {
  kind: 'trust'
  schemaVersion: 1
  /**
   * Increases by one with each version.
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
   * Always both roles.
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
   * May be stricter than the rules, never looser.
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
      /**
       * A text that a person writes: one line without control, bidi or zero-width characters.
       */
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
      /**
       * A text that a person writes: one line without control, bidi or zero-width characters.
       */
      reason: string
    }[]
  }
}
export interface Signer {
  /**
   * The id of a person: lower case, so that one person has one id.
   */
  person: string
  /**
   * A text that a person writes: one line without control, bidi or zero-width characters.
   */
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
 * A public key without private members.
 */
export interface Jwk {
  kty: 'OKP'
  crv: 'Ed25519'
  x: string
}
export interface Runner {
  /**
   * A text that a person writes: one line without control, bidi or zero-width characters.
   */
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
  /**
   * Where the runner may measure; a record from another place does not count.
   *
   * @minItems 1
   */
  places: ('target' | 'staging' | 'scratch')[]
  /**
   * The last record of a log that has ended: what follows it does not count.
   */
  closed?: {
    seq: number
    hash: string
  }
  /**
   * The log has ended and is gone or damaged: none of its records counts.
   */
  lost?: true
}
/**
 * trust-chain.json: every version of the trust file; both roles of a version sign the next one.
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
 * JWS General JSON (RFC 7515, section 7.2.1) without an unprotected header: signoff.json, and each version of the trust file. The list of signatures is empty before the first one.
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
 * The protected header of one signature: the person, the role, the time and the attestations.
 */
export interface SignoffHeader {
  alg: 'Ed25519'
  typ: 'ff-signoff+jws' | 'ff-trust+jws' | 'ff-waiver+jws' | 'ff-withdrawal+jws'
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
     * The id of a person: lower case, so that one person has one id.
     */
    person: string
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    name: string
    role: 'platform-lead' | 'security-lead'
    meaning: 'approves-decision' | 'approves-trust' | 'approves-waiver' | 'withdraws-approval'
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
 * The statement that the leads sign: an in-toto Statement v1 in RFC 8785 form.
 */
export interface SignoffStatement {
  _type: 'https://in-toto.io/Statement/v1'
  /**
   * Bound. SHA-256 of the bytes of each file; a missing file counts as empty. Of inputs, the runbook and the files of team commands, SHA-256 of the RFC 8785 form of their digests by path.
   *
   * @minItems 1
   * @maxItems 8
   */
  subject: {
    name: 'checklist' | 'waivers' | 'plan' | 'rollback_triggers' | 'inputs'
    digest: {
      sha256: string
    }
  }[]
  predicateType: 'https://pty-flags.example/ff/signoff/v1'
  predicate: {
    decision: 'go' | 'no-go'
    identity: Identity
    /**
     * Bound. The items that were accepted when the statement was prepared, without the items that the signatures themselves fulfil.
     */
    accepted: {
      [k: string]: 'pass' | 'waived'
    }
    /**
     * Recorded: later evidence may replace it. The heads of the evidence logs, the digest of the bundle, and its records.
     */
    seen: {
      /**
       * Bound: each log must hold this record, and may go on. The last record of each log of a runner that the trust file names, by the thumbprint of its key.
       *
       * @maxItems 64
       */
      heads: {
        kid: string
        seq: number
        hash: string
      }[]
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
 * The identity of the evidence. Every member must be known, since a signature must not cover an unknown identity.
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
  build: string
}
/**
 * Waivers, each for one item, until a time and within a limit.
 */
export interface Waivers {
  kind: 'waivers'
  schemaVersion: 1
  waivers: {
    id: string
    item: string
    environment: string
    cutover_id: string
    attempt: number
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
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    reason: string
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    risk: string
    /**
     * A text that a person writes: one line without control, bidi or zero-width characters.
     */
    compensation: string
    /**
     * The id of a person: lower case, so that one person has one id.
     */
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
      /**
       * The id of a person: lower case, so that one person has one id.
       */
      person: string
      role: 'platform-lead' | 'security-lead'
      /**
       * RFC 7638 thumbprint, SHA-256.
       */
      kid: string
      /**
       * Compact JWS (Ed25519) of this person over the waiver without its approvals.
       */
      jws: string
    }[]
  }[]
}
/**
 * withdrawals.json: each names the SHA-256 of a statement, and ends the signature of its one signer under it for good.
 */
export interface Withdrawals {
  kind: 'withdrawals'
  schemaVersion: 1
  /**
   * @maxItems 1024
   */
  withdrawals: SignoffEnvelope[]
}
/**
 * The encrypted key of a person: scrypt (RFC 7914) and AES-256-GCM. The other members are authenticated with the sealed bytes.
 */
export interface KeyFile {
  kind: 'key_file'
  schemaVersion: 1
  /**
   * The id of a person: lower case, so that one person has one id.
   */
  person: string
  /**
   * A text that a person writes: one line without control, bidi or zero-width characters.
   */
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
   * The encrypted private key (PKCS#8, DER), followed by the tag of 16 bytes.
   */
  sealed: string
}
/**
 * The output of ff key show: the members that a trust file needs of a person or a runner.
 */
export interface PublicKey {
  kind: 'public_key'
  schemaVersion: 1
  /**
   * The id of a person: lower case, so that one person has one id.
   */
  person: string
  /**
   * A text that a person writes: one line without control, bidi or zero-width characters.
   */
  name: string
  /**
   * RFC 7638 thumbprint, SHA-256.
   */
  kid: string
  jwk: Jwk
}
/**
 * decision.json: every input that a third party needs to reproduce the verdict. Its trust file counts only under a pin from another source.
 */
export interface DecisionFile {
  kind: 'gate_decision'
  schemaVersion: 2
  tool_version: string
  /**
   * RFC 3339, UTC, milliseconds, Z.
   */
  decided_at: string
  /**
   * The report of ff gate without its timing: it has to follow from the files, as of decided_at.
   */
  verdict: {}
  identity: Identity1
  /**
   * The bytes of each file; null for a missing file.
   */
  files: {
    checklist: string | null
    waivers: string | null
    plan: string | null
    rollback_triggers: string | null
    trust: string | null
    trust_chain: string | null
    signoff: string | null
    withdrawals: string | null
    /**
     * The runbook and the files of team commands, as base64url by path; without the missing ones.
     */
    inputs: {
      [k: string]: string
    }
    /**
     * One log for each runner.
     *
     * @maxItems 64
     */
    evidence: {
      /**
       * Folder name of the log: the thumbprint of its key.
       */
      kid: string
      log: string | null
      head: string | null
    }[]
  }
}
/**
 * build: SHA-256 of the files of ff itself.
 */
export interface Identity1 {
  environment: string | null
  cutover_id: string | null
  attempt: number | null
  database: string | null
  schema_head: string | null
  code: string | null
  config_digest: string | null
  checklist_digest: string | null
  build: string
}
/**
 * Maps the file of another service to flags and overrides, for ff import --mapping. The import reads a member, then applies map, split, as, case and prefix in this order; the resulting row must fit the schema of its table.
 */
export interface IncumbentMapping {
  kind: 'incumbent_mapping'
  schemaVersion: 1
  /**
   * The service whose file this maps.
   */
  title: string
  /**
   * The places of flags.
   *
   * @minItems 1
   */
  flags: {
    /**
     * The pattern of the entries: each match makes one row.
     */
    at: string
    where?: Where
    /**
     * Whether the file may lack the place before the first *.
     */
    optional?: boolean
    /**
     * For a reader of the mapping; without effect.
     */
    note?: string
    members: {
      flag_key: Said | Named | Read | Listed | Gap
      value_type: Said | Named | Read | Listed | Gap
      default_value: Said | Named | Read | Listed | Gap
      safe_value: Said | Named | Read | Listed | Gap
      sensitive: Said | Named | Read | Listed | Gap
      required_auth: Said | Named | Read | Listed | Gap
      state: Said | Named | Read | Listed | Gap
      description: Said | Named | Read | Listed | Gap
      owner: Said | Named | Read | Listed | Gap
      revision: Said | Named | Read | Listed | Gap
      created_at: Said | Named | Read | Listed | Gap
      updated_at: Said | Named | Read | Listed | Gap
    }
  }[]
  /**
   * The places of tenant overrides.
   */
  tenant_overrides: {
    /**
     * The pattern of the entries: each match makes one row.
     */
    at: string
    where?: Where
    /**
     * Whether the file may lack the place before the first *.
     */
    optional?: boolean
    /**
     * For a reader of the mapping; without effect.
     */
    note?: string
    members: {
      tenant_id: Said | Named | Read | Listed | Gap
      flag_key: Said | Named | Read | Listed | Gap
      value: Said | Named | Read | Listed | Gap
      created_by: Said | Named | Read | Listed | Gap
      updated_by: Said | Named | Read | Listed | Gap
      revision: Said | Named | Read | Listed | Gap
      created_at: Said | Named | Read | Listed | Gap
      updated_at: Said | Named | Read | Listed | Gap
      approval_ref?: Said | Named | Read | Listed | Gap
      note?: Said | Named | Read | Listed | Gap
      expires_at?: Said | Named | Read | Listed | Gap
      deleted_at?: Said | Named | Read | Listed | Gap
    }
  }[]
  /**
   * The places of user overrides.
   */
  user_overrides: {
    /**
     * The pattern of the entries: each match makes one row.
     */
    at: string
    where?: Where
    /**
     * Whether the file may lack the place before the first *.
     */
    optional?: boolean
    /**
     * For a reader of the mapping; without effect.
     */
    note?: string
    members: {
      user_id: Said | Named | Read | Listed | Gap
      flag_key: Said | Named | Read | Listed | Gap
      value: Said | Named | Read | Listed | Gap
      created_by: Said | Named | Read | Listed | Gap
      updated_by: Said | Named | Read | Listed | Gap
      revision: Said | Named | Read | Listed | Gap
      created_at: Said | Named | Read | Listed | Gap
      updated_at: Said | Named | Read | Listed | Gap
      approval_ref?: Said | Named | Read | Listed | Gap
      note?: Said | Named | Read | Listed | Gap
      expires_at?: Said | Named | Read | Listed | Gap
      deleted_at?: Said | Named | Read | Listed | Gap
    }
  }[]
  /**
   * Members that the import ignores on purpose. It refuses a member that no rule reads and that is not listed here. Rules still read below an ignored member.
   *
   * Items: A JSON Pointer (RFC 6901) from the root of the file; the token * matches each member or element.
   */
  ignored: string[]
  /**
   * Entries that the import leaves behind; they are counted and listed. No rule takes an entry within them.
   */
  skipped?: {
    /**
     * A JSON Pointer (RFC 6901) from the root of the file; the token * matches each member or element.
     */
    at: string
    where?: Where
    reason: string
    /**
     * What the file loses. Such an entry is refused unless --accept-loss names it; one that is null or empty loses nothing.
     */
    loss?: string
    /**
     * For a reader of the mapping; without effect.
     */
    note?: string
  }[]
}
export interface NameCondition {
  key: number
  split?: Split
  equals?: null | boolean | string | number
  /**
   * @minItems 1
   */
  one_of?: (null | boolean | string | number)[]
  present?: boolean
  type?: 'null' | 'boolean' | 'string' | 'number' | 'array' | 'object'
}
/**
 * One part of a text that the separator divides into exactly this number of parts; every part must be read by a member or named by a condition.
 */
export interface Split {
  by: string
  part: number
  of: number
}
export interface PlaceCondition {
  /**
   * A JSON Pointer without *; of several, the first that the file has.
   */
  from: string | string[]
  /**
   * Levels above the entry.
   */
  up?: number
  select?: NameSource | PlaceSource
  split?: Split
  equals?: null | boolean | string | number
  /**
   * @minItems 1
   */
  one_of?: (null | boolean | string | number)[]
  present?: boolean
  type?: 'null' | 'boolean' | 'string' | 'number' | 'array' | 'object'
}
export interface NameSource {
  key: number
}
export interface PlaceSource {
  /**
   * A JSON Pointer without *; of several, the first that the file has.
   */
  from: string | string[]
  /**
   * Levels above the entry.
   */
  up?: number
  select?: NameSource | PlaceSource
}
/**
 * The same value in every row.
 */
export interface Said {
  const: Ours
  /**
   * For a reader of the mapping; without effect.
   */
  note?: string
}
/**
 * The member name or element index that the n-th * of the entry matched.
 */
export interface Named {
  key: number
  map?: ValueMap
  split?: Split
  /**
   * A time in another form (timestamp: as Python, Java, Go or JavaScript print it; a date is its midnight, UTC), or a number as text. type yields the JSON type of the value and does not count as reading it.
   */
  as?: 'rfc3339' | 'timestamp' | 'date' | 'unix_s' | 'unix_ms' | 'unix_us' | 'text' | 'type'
  /**
   * The zone of a time that names none, which is refused otherwise.
   */
  zone?: string
  /**
   * Cuts digits below a millisecond, which are refused otherwise.
   */
  truncate?: true
  /**
   * Another case of a name; two names that become one are refused.
   */
  case?: 'lower' | 'kebab' | 'snake'
  /**
   * Text to prepend to the value.
   */
  prefix?: string
  /**
   * For a reader of the mapping; without effect.
   */
  note?: string
}
export interface Becomes {
  /**
   * JSON, compared in RFC 8785 form.
   */
  was: null | boolean | string | number | {} | unknown[]
  becomes?: Ours1
}
/**
 * The value at a JSON Pointer relative to the entry, or to the value that is up levels above it; the empty pointer is that value itself.
 */
export interface Read {
  /**
   * A JSON Pointer without *; of several, the first that the file has.
   */
  from: string | string[]
  /**
   * Levels above the entry.
   */
  up?: number
  select?: NameSource | PlaceSource
  default?: Ours2
  default_by_type?: DefaultByType
  map?: ValueMap
  split?: Split
  /**
   * A time in another form (timestamp: as Python, Java, Go or JavaScript print it; a date is its midnight, UTC), or a number as text. type yields the JSON type of the value and does not count as reading it.
   */
  as?: 'rfc3339' | 'timestamp' | 'date' | 'unix_s' | 'unix_ms' | 'unix_us' | 'text' | 'type'
  /**
   * The zone of a time that names none, which is refused otherwise.
   */
  zone?: string
  /**
   * Cuts digits below a millisecond, which are refused otherwise.
   */
  truncate?: true
  /**
   * Another case of a name; two names that become one are refused.
   */
  case?: 'lower' | 'kebab' | 'snake'
  /**
   * Text to prepend to the value.
   */
  prefix?: string
  /**
   * For a reader of the mapping; without effect.
   */
  note?: string
}
/**
 * The value where the source member is absent, by the JSON type of another value; a type that is not listed is refused.
 */
export interface DefaultByType {
  of: NameSource | PlaceSource
  boolean?: boolean
  string?: string
  number?: number
  object?: {}
}
/**
 * A value by the lists of the file that hold the name; a name in two lists with different values is refused.
 */
export interface Listed {
  name: NameSource | PlaceSource
  /**
   * @minItems 1
   */
  listed: NameList[]
  otherwise: Ours
  /**
   * For a reader of the mapping; without effect.
   */
  note?: string
}
export interface NameList {
  /**
   * A JSON Pointer from the root of the file to a list of texts.
   */
  in: string
  becomes: Ours
}
/**
 * A question that a person has to answer; ff import refuses a mapping with gaps.
 */
export interface Gap {
  gap: string
}
