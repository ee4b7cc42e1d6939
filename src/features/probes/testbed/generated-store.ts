import { join } from 'node:path'
import { EMPTY_HEAD } from '../../../core/audit/record.ts'
import type { CanonicalJson } from '../../../core/json/canonical.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import { formatRowLine } from '../../../core/row-format/row-line.ts'
import type { Instant } from '../../../core/rows/instant.ts'
import { type FlagRow, serializeRow, type TenantOverrideRow } from '../../../core/rows/rows.ts'
import type { ProbeContext } from '../framework/probe.ts'

/** The only flag of a generated store. */
export const GENERATED_FLAG = 'ff.probe'
const CREATED_AT = '2026-01-01T00:00:00.000Z' as Instant

/** Ids of tenants, `T000000` and up; in byte order for up to a million. Empty for 0. */
export const generateTenants = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `T${String(at).padStart(6, '0')}`)

/**
 * Lends a new file store with the flag `GENERATED_FLAG` of type number and one override for each tenant, whose value is
 * `revision`, all at that revision; no audit records. Removes it afterwards. `tenants` have to be in byte order.
 */
export const withGeneratedStore = <T>(
  { adapters }: Pick<ProbeContext, 'adapters'>,
  { tenants, revision }: { readonly tenants: readonly string[]; readonly revision: number },
  use: (store: TargetSpec) => Promise<T>,
): Promise<T> =>
  adapters.withScratchFolder(async (parent) => {
    const folder = join(parent, 'store')
    const counts = { flag_registry: 1, tenant_override: tenants.length, user_override: 0 }
    const lines = [
      formatRowLine('flag_registry', serializeRow(buildFlagRow(revision))),
      ...tenants.map((one) =>
        formatRowLine('tenant_override', serializeRow(buildOverrideRow(one, revision))),
      ),
    ]
    const about = { epoch: 0, head: EMPTY_HEAD, counts }
    await adapters.writeNewStore(folder, about, encodeLines(lines))
    return use({ kind: 'file', folder })
  })

async function* encodeLines(lines: readonly string[]): AsyncGenerator<Buffer> {
  yield Buffer.from(lines.map((line) => `${line}\n`).join(''))
}

const buildFlagRow = (revision: number): FlagRow => ({
  flag_key: GENERATED_FLAG,
  value_type: 'number',
  default_value: '0' as CanonicalJson,
  safe_value: '0' as CanonicalJson,
  sensitive: false,
  required_auth: 'none',
  state: 'active',
  description: 'made by a probe',
  owner: 'ff',
  revision,
  created_at: CREATED_AT,
  updated_at: CREATED_AT,
})

const buildOverrideRow = (tenant_id: string, revision: number): TenantOverrideRow => ({
  tenant_id,
  flag_key: GENERATED_FLAG,
  value: String(revision) as CanonicalJson,
  note: 'as it was imported',
  created_by: 'importer',
  updated_by: 'importer',
  revision,
  created_at: CREATED_AT,
  updated_at: CREATED_AT,
})
