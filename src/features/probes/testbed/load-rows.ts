import { randomUUID } from 'node:crypto'
import type { Credential } from '../../../core/auth/types.ts'
import type { CanonicalJson } from '../../../core/json/canonical.ts'
import type {
  FlagRow,
  RowsByTable,
  TenantOverrideRow,
  UserOverrideRow,
  ValueType,
} from '../../../core/rows/rows.ts'
import type { HttpClient } from '../../../ports/http.ts'
import { evaluateOverHttp } from '../../parity/service-client.ts'
import type { SendRequest } from './load-generator.ts'
import { TEST_NOW } from './test-tokens.ts'
import { SENSITIVE_FLAG, TEST_ROWS } from './test-service.ts'

const FLAGS = 20
const TENANTS = 50
const USERS = 10
/** For each type the value of the flag, of a tenant and of a user. */
const VALUES: readonly (readonly [ValueType, string, string, string])[] = [
  ['boolean', 'false', 'true', 'true'],
  ['string', '"of all"', '"of a tenant"', '"of a user"'],
  ['number', '0', '0.1', '2'],
  ['object', '{}', '{"of":"a tenant"}', '{"of":["a","user"]}'],
]
const getValues = (at: number) => VALUES[at % VALUES.length] as (typeof VALUES)[number]
const buildRows = <T>(length: number, make: (at: number) => T): readonly T[] =>
  Array.from({ length }, (_, at) => make(at))

const toFlagKey = (at: number): string => `ff.load.f${at}`
const buildFlag = (at: number): FlagRow => ({
  flag_key: toFlagKey(at),
  value_type: getValues(at)[0],
  default_value: getValues(at)[1] as CanonicalJson,
  safe_value: getValues(at)[1] as CanonicalJson,
  sensitive: false,
  required_auth: 'any',
  state: at % 10 === 9 ? 'killed' : 'active',
  description: 'of a load',
  owner: 'ff',
  revision: 1,
  created_at: TEST_NOW,
  updated_at: TEST_NOW,
})
const buildOverride = (at: number, value: string) => ({
  flag_key: toFlagKey(at),
  value: value as CanonicalJson,
  created_by: 'ff',
  updated_by: 'ff',
  revision: 1,
  created_at: TEST_NOW,
  updated_at: TEST_NOW,
})
/** Every second tenant overrides all flags, and every second user every other flag. */
const buildTenantRow = (tenant: number, at: number): TenantOverrideRow => ({
  ...buildOverride(at, getValues(at)[2]),
  tenant_id: `T-load-${tenant * 2}`,
})
const buildUserRow = (user: number, at: number): UserOverrideRow => ({
  ...buildOverride(at * 2, getValues(at * 2)[3]),
  user_id: `U-load-${user * 2}`,
})

/**
 * Rows of the load: 20 flags of all value types, two of them killed, with overrides for 25 tenants and 5 users, and the
 * rows of the test service.
 */
export const LOAD_ROWS: RowsByTable = {
  flag_registry: [...TEST_ROWS.flag_registry, ...buildRows(FLAGS, buildFlag)],
  tenant_override: buildRows(TENANTS / 2, (one) =>
    buildRows(FLAGS, (at) => buildTenantRow(one, at)),
  ).flat(),
  user_override: buildRows(USERS / 2, (one) =>
    buildRows(FLAGS / 2, (at) => buildUserRow(one, at)),
  ).flat(),
}

/**
 * Sends evaluations with dev headers that do not call Admin: 21 flags, 50 tenants and 10 users in turn; one of the
 * flags does not exist. Resolves to whether the answer was a decision (status 200), false where the client failed.
 */
export const createOrdinaryLoad =
  (client: HttpClient): SendRequest =>
  (at) => {
    const tenant_id = `T-load-${at % TENANTS}`
    const user_id = `U-load-${Math.floor(at / TENANTS) % USERS}`
    const dev_headers = { tenant_id, user_id, scopes: [] }
    return isDecided(
      client,
      { token: null, dev_headers },
      { flag_key: toFlagKey(at % (FLAGS + 1)) },
    )
  }
/**
 * Sends evaluations of the sensitive flag with a bearer token, which call Admin; the request `at` names the approval
 * `APP-AT-load`, so that no two share a call. Resolves to whether the answer was a decision (status 200), also a
 * denial.
 */
export const createSensitiveLoad =
  (client: HttpClient, token: string): SendRequest =>
  (at) => {
    const question = { flag_key: SENSITIVE_FLAG, approval_ref: `APP-${at}-load` }
    return isDecided(client, { token, dev_headers: null }, question)
  }

async function isDecided(
  client: HttpClient,
  credential: Credential,
  question: { readonly flag_key: string; readonly approval_ref?: string },
): Promise<boolean> {
  const named = { tenant_id: null, user_id: null, approval_ref: null, ...question }
  const request = { ...named, request_id: randomUUID() }
  return (await evaluateOverHttp(client, { credential, request })).status === 'decided'
}
