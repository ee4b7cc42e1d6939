import type { CanonicalJson } from '../../../core/json/canonical.ts'
import type { FlagRow, RowsByTable } from '../../../core/rows/rows.ts'
import { TEST_NOW } from './test-tokens.ts'

export const PLAIN_FLAG = 'ff.stage.plain'
/** Nobody decides it without asking Admin. */
export const SENSITIVE_FLAG = 'ff.stage.sensitive'

const flag = (flag_key: string, sensitive: boolean): FlagRow => ({
  flag_key,
  value_type: 'boolean',
  default_value: 'true' as CanonicalJson,
  safe_value: 'false' as CanonicalJson,
  sensitive,
  required_auth: 'any',
  state: 'active',
  description: 'of a drill',
  owner: 'ff',
  revision: 1,
  created_at: TEST_NOW,
  updated_at: TEST_NOW,
})
export const TEST_ROWS: RowsByTable = {
  flag_registry: [flag(PLAIN_FLAG, false), flag(SENSITIVE_FLAG, true)],
  tenant_override: [],
  user_override: [],
}
