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

export interface ArtefactByKind {
  parity_test_matrix: ParityTestMatrix
  cutover_parity_matrix: CutoverParityMatrix
  persistence_schema: PersistenceSchema
  jwt_fixtures: JwtFixtures
  oracle_cells: OracleCells
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
 * Credentials for the vectors, made by vectors/jwt/make.mjs; each with the clock and environment it is meant for and what the JWKS endpoint does.
 */
export interface JwtFixtures {
  kind: 'jwt_fixtures'
  schemaVersion: 1
  issuer: string
  audience: string
  /**
   * @minItems 1
   */
  fixtures: {
    id: string
    title: string
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
    jwks: {
      behaviour: 'up' | 'refused'
      keys: {
        kty: string
        kid: string
        alg?: string
        use?: string
        [k: string]: string | undefined
      }[]
    }
  }[]
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
