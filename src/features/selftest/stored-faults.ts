import { type PlantedFault, inLines, type StoredLine } from './fault.ts'

type Change = (lines: readonly StoredLine[]) => readonly StoredLine[]

/** Replaces a text in the tenant override of one flag. */
const replaceInFlag =
  (flag: string, from: string, to: string): Change =>
  (lines) =>
    lines.map((one) =>
      one.table === 'tenant_override' && one.line.includes(`"flag_key":"${flag}"`)
        ? { ...one, line: one.line.replace(from, to) }
        : one,
    )
const replaceEverywhere =
  (from: string, to: string): Change =>
  (lines) =>
    lines.map((one) => ({ ...one, line: one.line.replaceAll(from, to) }))
/** Swaps the values of two rows, so that each checksum over the whole column stays the same. */
const swapValues: Change = (lines) => {
  const getValue = (flag: string): string =>
    /"value":(.*)\},"table"/.exec(
      lines.find(({ line }) => line.includes(`"flag_key":"${flag}"`) && line.includes('"value":'))
        ?.line ?? '',
    )?.[1] ?? ''
  const [big, int] = [getValue('ff.big'), getValue('ff.int')]
  return replaceInFlag(
    'ff.int',
    `"value":${int}`,
    `"value":${big}`,
  )(replaceInFlag('ff.big', `"value":${big}`, `"value":${int}`)(lines))
}
const dropFirst =
  (holds: (one: StoredLine) => boolean): Change =>
  (lines) => {
    const at = lines.findIndex(holds)
    return lines.filter((_, index) => index !== at)
  }

/** Damage that a backfill can do to rows. Much of it changes no decision, such as a lost author or note. */
const STORED: readonly (readonly [name: string, models: string, change: Change])[] = [
  [
    'who-created',
    'created_by is the account of the import',
    replaceEverywhere('"created_by":"U-a"', '"created_by":"import"'),
  ],
  [
    'who-updated',
    'updated_by is the account of the import',
    replaceEverywhere('"updated_by":"U-b"', '"updated_by":"import"'),
  ],
  [
    'when-created',
    'created_at is the time of the import',
    replaceEverywhere('"created_at":"2026-01-15T09', '"created_at":"2026-01-16T09'),
  ],
  [
    'note-lost',
    'a column that no decision reads is left out',
    replaceEverywhere('"note":"as agreed",', ''),
  ],
  [
    'note-empty',
    'NULL loaded as an empty text',
    replaceInFlag('ff.int', '"note":"as agreed"', '"note":""'),
  ],
  [
    'note-null',
    'an absent member written as null',
    replaceInFlag('ff.int', '"note":"as agreed"', '"note":null'),
  ],
  [
    'note-marker',
    'the null marker of a loader kept as a text',
    replaceInFlag('ff.int', '"note":"as agreed"', '"note":"\\\\N"'),
  ],
  [
    'note-blank',
    'char(n) pads',
    replaceInFlag('ff.int', '"note":"as agreed"', '"note":"as agreed "'),
  ],
  [
    'owner-folded',
    'lower() over an owner',
    replaceEverywhere('"owner":"team-a"', '"owner":"TEAM-A"'),
  ],
  [
    'description-cut',
    'varchar(n) cuts',
    replaceEverywhere('Made for the selftest', 'Made for the self'),
  ],
  [
    'revision-reset',
    'revisions begin again at 1',
    replaceEverywhere('"revision":4', '"revision":1'),
  ],
  [
    'revision-behind',
    'one revision not advanced',
    replaceInFlag('ff.int', '"revision":4', '"revision":3'),
  ],
  [
    'boolean-flipped',
    'a boolean is inverted',
    replaceInFlag('ff.bool', '"value":true', '"value":false'),
  ],
  [
    'list-for-object',
    'an empty object bound as a list',
    replaceInFlag('ff.object', '{"a":{}', '{"a":[]'),
  ],
  [
    'microsecond',
    'a wider column, rounded',
    replaceInFlag('ff.int', '09:00:00.000Z","updated_by"', '09:00:00.000001Z","updated_by"'),
  ],
  [
    'offset',
    'an offset instead of Z',
    replaceInFlag('ff.int', '09:00:00.000Z","updated_by"', '14:30:00.000+05:30","updated_by"'),
  ],
  [
    'zone-shifted',
    'a time read in a session of another zone',
    replaceEverywhere('23:59:59.999Z', '18:59:59.999Z'),
  ],
  ['normal-form', 'NFD for NFC', replaceInFlag('ff.text', 'caf\u00e9', 'cafe\u0301')],
  [
    'integer-rounded',
    '2^53+1 for 2^53',
    replaceInFlag('ff.big', '9007199254740992', '9007199254740993'),
  ],
  ['list-order', 'elements in another order', replaceInFlag('ff.object', '[1,2,3]', '[3,2,1]')],
  ['text-for-number', 'a number quoted', replaceInFlag('ff.int', '"value":1', '"value":"1"')],
  [
    'truth-for-number',
    'a number cast to boolean',
    replaceInFlag('ff.int', '"value":1', '"value":true'),
  ],
  ['scale', '1.0 for 1', replaceInFlag('ff.int', '"value":1', '"value":1.0')],
  [
    'double-shortened',
    'extra_float_digits = 0',
    replaceInFlag('ff.double', '0.30000000000000004', '0.3'),
  ],
  ['member-twice', 'a member kept twice', replaceInFlag('ff.object', '{"d":1}', '{"d":1,"d":1}')],
  [
    'separator-shifted',
    'a key joined without an escape',
    (lines) =>
      lines.map((one) => ({
        ...one,
        line: one.line.replace(
          '"flag_key":"ff.text","note":"as agreed","revision":4,"tenant_id":"T-1"',
          '"flag_key":"ff.tex","note":"as agreed","revision":4,"tenant_id":"T-1t"',
        ),
      })),
  ],
  [
    'row-missing',
    'the last row of a table lost',
    dropFirst(({ table, line }) => table === 'user_override' && line.includes('ff.text')),
  ],
  [
    'row-missing-first',
    'the first row of a table lost',
    dropFirst(({ table }) => table === 'tenant_override'),
  ],
  [
    'table-missing',
    'a table not loaded at all',
    (lines) => lines.filter(({ table }) => table !== 'user_override'),
  ],
  [
    'row-repeated',
    'a row loaded twice',
    (lines) => lines.flatMap((one) => (one.line.includes('ff.int') ? [one, one] : [one])),
  ],
  ['values-swapped', "two values in each other's place: sums agree", swapValues],
  ['rows-unsorted', 'rows in the order of another collation', (lines) => lines.toReversed()],
]

/**
 * Faults of the stored rows of the candidate, as a backfill can cause them, with ids `stored.NAME`; the diff (proof
 * `rows`) has to catch each.
 */
export const STORED_FAULTS: readonly PlantedFault[] = STORED.map(([name, models, change]) => ({
  id: `stored.${name}`,
  models,
  proof: 'rows',
  plant: inLines(change),
}))
