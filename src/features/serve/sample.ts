import type { CanonicalJson } from '../../core/json/canonical.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { FlagRow, RowsByTable } from '../../core/rows/rows.ts'

const CREATED_AT = '2026-01-01T00:00:00.000Z' as Instant
const toCanonical = (text: string): CanonicalJson => text as CanonicalJson
const makeFlag = (
  flag_key: string,
  held: Pick<FlagRow, 'value_type' | 'default_value' | 'safe_value' | 'description'>,
): FlagRow => ({
  flag_key,
  ...held,
  sensitive: false,
  required_auth: 'none',
  state: 'active',
  owner: 'sample',
  revision: 1,
  created_at: CREATED_AT,
  updated_at: CREATED_AT,
})

/** The flag of the example request that `ff serve` prints. */
export const SAMPLE_FLAG = 'ff.sample.banner'
/** Rows of the sample that `ff serve` serves without a configured store. */
export const SAMPLE_ROWS: RowsByTable = {
  flag_registry: [
    makeFlag(SAMPLE_FLAG, {
      value_type: 'boolean',
      default_value: toCanonical('true'),
      safe_value: toCanonical('false'),
      description: 'whether the banner is shown',
    }),
    makeFlag('ff.sample.colours', {
      value_type: 'object',
      default_value: toCanonical('{"accent":"#663399","dark":false}'),
      safe_value: toCanonical('{"accent":"#000000","dark":false}'),
      description: 'colours of the page',
    }),
  ],
  tenant_override: [],
  user_override: [
    {
      user_id: 'U1001',
      flag_key: SAMPLE_FLAG,
      value: toCanonical('false'),
      created_by: 'sample',
      updated_by: 'sample',
      revision: 1,
      created_at: CREATED_AT,
      updated_at: CREATED_AT,
    },
  ],
}
