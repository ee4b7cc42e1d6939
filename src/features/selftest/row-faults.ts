import type { CanonicalJson } from '../../core/json/canonical.ts'
import { instantFromMs, type Instant, instantToMs } from '../../core/rows/instant.ts'
import type { AnyOverrideRow, AnyRow, FlagRow, RowsByTable } from '../../core/rows/rows.ts'
import { type PlantedFault, inStore, type FaultRow, type FaultSide } from './fault.ts'

type Change = (state: RowsByTable) => RowsByTable
const value = (text: string): CanonicalJson => text as CanonicalJson

/** Every value of every row: defaults, safe values, overrides. */
const changeValues = (change: (text: string) => string): Change => {
  const of = (text: CanonicalJson): CanonicalJson => value(change(text))
  return ({ flag_registry, ...overrides }) => ({
    ...mapOverrides((row) => (row.value === undefined ? row : { ...row, value: of(row.value) }))({
      flag_registry,
      ...overrides,
    }),
    flag_registry: flag_registry.map((row) => ({
      ...row,
      default_value: of(row.default_value),
      safe_value: of(row.safe_value),
    })),
  })
}
const changeNumbers = (change: (text: string) => string): Change =>
  changeValues((text) => (/^-?\d/.test(text) ? change(text) : text))
/** Changes each string value, alone or in an object, but no member name. */
const changeStrings = (change: (text: string) => string): Change =>
  changeValues((text) =>
    text.replaceAll(/"(?:[^"\\]|\\.)*"(?!:)/g, (one) =>
      JSON.stringify(change(JSON.parse(one) as string)),
    ),
  )

const mapFlags =
  (change: (row: FlagRow) => FlagRow): Change =>
  (state) => ({ ...state, flag_registry: state.flag_registry.map(change) })
const mapOverrides =
  (change: <T extends AnyOverrideRow>(row: T) => T): Change =>
  (state) => ({
    ...state,
    tenant_override: state.tenant_override.map(change),
    user_override: state.user_override.map(change),
  })
const moveExpiries = (ms: number): Change =>
  mapOverrides((row) =>
    row.expires_at === undefined ? row : { ...row, expires_at: addMs(row.expires_at, ms) },
  )
const addMs = (time: Instant, ms: number): Instant => instantFromMs(instantToMs(time) + ms)

function dropMembers<T extends AnyOverrideRow>(
  row: T,
  ...names: readonly (keyof AnyOverrideRow)[]
): T {
  return Object.fromEntries(
    Object.entries(row).filter(([name]) => !(names as readonly string[]).includes(name)),
  ) as T
}

/** Swaps the contents of neighbouring rows and leaves their keys in place. */
function swapContents<T extends AnyRow>(rows: readonly T[], key: keyof T): readonly T[] {
  return rows.map((row, at) => {
    const other = rows[at % 2 === 0 ? at + 1 : at - 1]
    return other === undefined ? row : { ...other, [key]: row[key], flag_key: row.flag_key }
  })
}

/** Adds a user override with the safe value to each flag without one. */
const extraUser: Change = (state) => ({
  ...state,
  user_override: [
    ...state.user_override,
    ...state.flag_registry
      .filter(({ flag_key }) => state.user_override.every((row) => row.flag_key !== flag_key))
      .map(({ flag_key, safe_value, owner, created_at, updated_at }) => ({
        user_id: 'U1001',
        flag_key,
        value: safe_value,
        revision: 1,
        created_by: owner,
        updated_by: owner,
        created_at,
        updated_at,
      })),
  ],
})

const ROWS: readonly FaultRow<Change>[] = [
  [
    'boolean-flipped',
    'true is stored as false',
    changeValues((text) => (text === 'true' ? 'false' : text === 'false' ? 'true' : text)),
  ],
  [
    'boolean-as-number',
    'a boolean column read as 0 and 1',
    changeValues((text) => (text === 'true' ? '1' : text === 'false' ? '0' : text)),
  ],
  [
    'number-as-float4',
    'a double through a shorter float',
    changeNumbers((text) => String(Math.fround(Number(text)))),
  ],
  [
    'number-last-digit',
    'extra_float_digits cut the last digit',
    changeNumbers((text) => String(Number(Number(text).toPrecision(15)))),
  ],
  [
    'number-trailing-zero',
    'numeric keeps the scale of 1.0',
    changeNumbers((text) => (text.includes('.') ? `${text}0` : `${text}.0`)),
  ],
  ['number-as-text', 'int8 arrives as a string', changeNumbers((text) => `"${text}"`)],
  ['number-off-by-one', 'a rounded integer', changeNumbers((text) => String(Number(text) + 1))],
  [
    'integer-past-2-53',
    'a parser that reads integers as doubles',
    changeValues((text) => text.replaceAll('9007199254740991', '9007199254740992')),
  ],
  ['text-trailing-space', 'char(n) pads', changeStrings((text) => `${text} `)],
  ['text-decomposed', 'NFC is stored as NFD', changeStrings((text) => text.normalize('NFD'))],
  ['text-upper-case', 'citext, or a helpful lower()', changeStrings((text) => text.toUpperCase())],
  [
    'text-replacement',
    'a character outside the BMP becomes U+FFFD',
    changeStrings((text) => text.replaceAll(/[\u{10000}-\u{10ffff}]/gu, '\ufffd')),
  ],
  [
    'text-latin1',
    'UTF-8 read as Latin-1',
    changeStrings((text) => Buffer.from(text, 'utf8').toString('latin1')),
  ],
  ['text-emptied', 'NULL through coalesce', changeStrings(() => '')],
  [
    'list-reversed',
    'an array without an ordinal',
    changeValues((text) =>
      text.replaceAll(
        /\[([^[\]]*)\]/g,
        (_, inner: string) => `[${inner.split(',').reverse().join(',')}]`,
      ),
    ),
  ],
  [
    'empty-object-as-list',
    'an empty object bound as an array',
    changeValues((text) => text.replaceAll('{}', '[]')),
  ],
  [
    'member-lost',
    'a member that a column does not have',
    changeValues((text) => text.replace(/"columns":\d+,?/, '')),
  ],
  [
    'member-null',
    'absent comes back as null',
    changeValues((text) => text.replace(/^\{(?=")/, '{"absent":null,')),
  ],
  [
    'value-nulled',
    'a value lost to null',
    mapOverrides((row) => ({ ...row, value: value('null') })),
  ],
  [
    'defaults-swapped',
    'the columns of default and safe value are swapped',
    mapFlags((row) => ({ ...row, default_value: row.safe_value, safe_value: row.default_value })),
  ],
  [
    'type-changed',
    'the type of a flag is lost',
    mapFlags((row) => ({ ...row, value_type: row.value_type === 'string' ? 'number' : 'string' })),
  ],
  [
    'flags-missing',
    'the registry was not copied',
    (state) => ({
      flag_registry: [],
      tenant_override: [],
      user_override: state.user_override.slice(0, 0),
    }),
  ],
  ['users-missing', 'user overrides were not copied', (state) => ({ ...state, user_override: [] })],
  [
    'tenants-missing',
    'tenant overrides were not copied',
    (state) => ({ ...state, tenant_override: [] }),
  ],
  ['user-extra', 'a row that no writer made', extraUser],
  [
    'users-swapped',
    'a join by row number',
    (state) => ({ ...state, user_override: swapContents(state.user_override, 'user_id') }),
    'cells',
  ],
  [
    'tenants-swapped',
    'a shifted column of a load',
    (state) => ({ ...state, tenant_override: swapContents(state.tenant_override, 'tenant_id') }),
  ],
  [
    'tombstoned',
    'a live row is loaded as deleted',
    mapOverrides((row) => ({
      ...dropMembers(row, 'value', 'approval_ref', 'note', 'expires_at'),
      deleted_at: row.updated_at,
    })),
  ],
  ['expiry-later', 'a time rounded up by a millisecond', moveExpiries(1)],
  ['expiry-earlier', 'a time truncated by a millisecond', moveExpiries(-1)],
  ['expiry-zone', 'a timestamp without zone, read in another', moveExpiries(5 * 3_600_000)],
  [
    'expiry-lost',
    'a column that was not copied',
    mapOverrides((row) => dropMembers(row, 'expires_at')),
  ],
  [
    'revision-advanced',
    'a trigger that counts twice',
    mapOverrides((row) => ({ ...row, revision: row.revision + 1 })),
  ],
  [
    'flag-revision-advanced',
    'a trigger that counts twice',
    mapFlags((row) => ({ ...row, revision: row.revision + 1 })),
  ],
  [
    'auth-loosened',
    'required_auth falls back to its default',
    mapFlags((row) => ({ ...row, required_auth: 'none' })),
    'cells',
  ],
  [
    'auth-tightened',
    'required_auth of another flag',
    mapFlags((row) => ({ ...row, required_auth: 'verified' })),
  ],
  ['kill-lost', 'a killed flag is active again', mapFlags((row) => ({ ...row, state: 'active' }))],
  ['archived', 'an active flag is archived', mapFlags((row) => ({ ...row, state: 'archived' }))],
  [
    'sensitive-lost',
    'a flag is no longer sensitive',
    mapFlags((row) => ({ ...row, sensitive: false })),
  ],
  ['sensitive-gained', 'every flag is sensitive', mapFlags((row) => ({ ...row, sensitive: true }))],
  [
    'approval-lost',
    'an override loses its approval',
    mapOverrides((row) => dropMembers(row, 'approval_ref')),
  ],
  [
    'approval-of-another',
    'an override with the approval of another row',
    mapOverrides((row) =>
      row.approval_ref === undefined ? row : { ...row, approval_ref: 'APP-1-other' },
    ),
  ],
]

/** The sides that get a fault. With the fault in both, the sides agree, and only the expectation can find it. */
const PLACES: Readonly<Record<string, readonly FaultSide[]>> = {
  file: ['baseline'],
  database: ['candidate'],
  both: ['baseline', 'candidate'],
}

/**
 * Faults of storing rows, each planted in the file (baseline), in the database (candidate) and in both, with ids
 * `file.NAME`, `database.NAME` and `both.NAME`; the vectors, or the cells where a fault says so, have to catch each.
 */
export const ROW_FAULTS: readonly PlantedFault[] = Object.entries(PLACES).flatMap(
  ([place, sides]) =>
    ROWS.map(([name, models, change, proof = 'vectors']) => ({
      id: `${place}.${name}`,
      models,
      proof,
      plant: inStore(sides, change),
    })),
)
