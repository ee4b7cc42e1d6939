import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Table = 'flag_registry' | 'tenant_override' | 'user_override'
/** A row of a store: its table and its JSON text, valid or not. */
export type StoredLine = readonly [table: Table, row: string]

/** Writes a snapshot of a file store with exactly these rows, and a correct header and footer. */
export async function writeStore(folder: string, lines: readonly StoredLine[]): Promise<string> {
  await mkdir(folder, { recursive: true })
  const count = (table: Table): number => lines.filter(([one]) => one === table).length
  const counts = {
    flag_registry: count('flag_registry'),
    tenant_override: count('tenant_override'),
    user_override: count('user_override'),
  }
  const header = JSON.stringify({ v: 1, epoch: 0, seq: 0, head: '0'.repeat(64), counts })
  const body = lines.map(([table, row]) => `{"row":${row},"table":"${table}"}\n`).join('')
  const text = `${header}\n${body}`
  const sha256 = createHash('sha256').update(text).digest('hex')
  await writeFile(join(folder, SNAPSHOT), `${text}${JSON.stringify({ sha256 })}\n`)
  return folder
}

const SNAPSHOT = 'snapshot.ndjson'
/** The format number in the header of a store's snapshot. */
export async function readFormat(folder: string): Promise<number> {
  const [header = ''] = (await readFile(join(folder, SNAPSHOT), 'utf8')).split('\n')
  return (JSON.parse(header) as { readonly v: number }).v
}
/** Gives the snapshot of a store the format that earlier versions write. */
export async function toFormat1(folder: string): Promise<void> {
  const text = await readFile(join(folder, SNAPSHOT), 'utf8')
  const rows = text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1)
  const changed = rows.replace('{"v":2,', '{"v":1,')
  if (changed === rows) throw new Error('the snapshot has no format 2')
  const sha256 = createHash('sha256').update(changed).digest('hex')
  await writeFile(join(folder, SNAPSHOT), `${changed}${JSON.stringify({ sha256 })}\n`)
}

/** Writes a store into a new temporary folder. @returns the folder */
export const storeFolder = async (lines: readonly StoredLine[]): Promise<string> =>
  writeStore(await mkdtemp(join(tmpdir(), 'ff-test-store-')), lines)

const AT = '2026-01-15T09:00:00.000Z'
type Members = Readonly<Record<string, string | undefined>>
const toRow = (members: Members): string =>
  `{${Object.entries(members)
    .filter(([, text]) => text !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => `"${name}":${text}`)
    .join(',')}}`

/** A flag of a value type; `more` changes members, as JSON text. */
export const flagLine = (flag_key: string, value_type: string, more: Members = {}): StoredLine => [
  'flag_registry',
  toRow({
    created_at: `"${AT}"`,
    default_value: DEFAULTS[value_type],
    description: '"Made by hand"',
    flag_key: `"${flag_key}"`,
    owner: '"tests"',
    required_auth: '"any"',
    revision: '1',
    safe_value: DEFAULTS[value_type],
    sensitive: 'false',
    state: '"active"',
    updated_at: `"${AT}"`,
    value_type: `"${value_type}"`,
    ...more,
  }),
]
const DEFAULTS: Members = { boolean: 'false', string: '""', number: '0', object: '{}' }

/** A tenant override; `more` sets members, as JSON text. */
export const tenantLine = (tenant: string, flag_key: string, more: Members): StoredLine => [
  'tenant_override',
  toRow({
    created_at: `"${AT}"`,
    created_by: '"U1"',
    flag_key: `"${flag_key}"`,
    revision: '3',
    tenant_id: `"${tenant}"`,
    updated_at: `"${AT}"`,
    updated_by: '"U1"',
    ...more,
  }),
]
