import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect, createDatabase, type TestDatabase } from '../support/database.ts'
import { finished, ROOT, type Run, runFf, startFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'
import { getCheck, toError, STACK, until } from './outcome.ts'

const EXAMPLE = join(ROOT, 'contracts/examples/incumbent')
const [FILE, MAPPING] = [join(EXAMPLE, 'flags.json'), join(EXAMPLE, 'mapping.json')]

/** Overrides of an import that is killed: ten batches, or twenty in a full run. */
const ROWS = FULL ? 20_000 : 10_000

let folder: string
let database: TestDatabase
let client: pg.Client
let env: Record<string, string>
let made = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-mapping-'))
  database = await createDatabase('18')
  client = await connect('18', database.database)
  env = { FF_DATABASE_URL: database.url }
})
afterAll(async () => {
  await client.end()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

const place = (): string => join(folder, String((made += 1)))
async function written(bytes: string | Buffer): Promise<string> {
  const path = place()
  await writeFile(path, bytes)
  return path
}
const ff = (...args: readonly string[]): Promise<Run> =>
  runFf([...args, '--format', 'json'], { env })
const imported = (file: string, mapping: string, ...more: readonly string[]): Promise<Run> =>
  ff('import', file, '--mapping', mapping, ...more)
/** A dry run into a new store: it checks everything, and needs no database. */
const judged = async (file: string | Buffer, mapping: string = MAPPING): Promise<Run> =>
  imported(await written(file), mapping, '--into', `file:${place()}`, '--dry-run')
const refused = (run: Run): readonly string[] =>
  getCheck(run)
    .findings.filter(({ subject }) => subject === 'mapping')
    .map(({ code, pointer }) => `${pointer} ${code}`)
const snapshot = (store: string): Promise<string> =>
  readFile(join(store, 'snapshot.ndjson'), 'utf8')
const namesIn = (path: string): Promise<readonly string[]> =>
  readdir(path).catch((): readonly string[] => [])
const hasStore = async (store: string): Promise<boolean> =>
  (await namesIn(store)).includes('snapshot.ndjson')
const edited = async (from: string, to: string): Promise<string> => {
  const parts = (await readFile(FILE, 'utf8')).split(from)
  if (parts.length !== 2) throw new Error(`${parts.length - 1} places of ${from}`)
  return parts.join(to)
}
const rowsThere = async (): Promise<number> => {
  const { rows } = await client.query(
    'SELECT ((SELECT count(*) FROM ff.flag_registry) + (SELECT count(*) FROM ff.tenant_override) + (SELECT count(*) FROM ff.user_override))::int AS one',
  )
  return (rows[0] as { one: number }).one
}

/** A file with this many tenants and one flag, large enough to take a while. */
const many = (count: number): string => {
  const tenants = Array.from({ length: count }, (_, at) => `"T${at}":{"a":{"v":${at}}}`)
  return `{"flags":{"a":0},"tenants":{${tenants.join(',')}}}`
}
const AT = { const: '2026-01-01T00:00:00.000Z' }
const SMALL = {
  kind: 'incumbent_mapping',
  schemaVersion: 1,
  title: 'made for a test',
  flags: [
    {
      at: '/flags/*',
      members: {
        flag_key: { key: 1, prefix: 'ff.' },
        value_type: { from: '', as: 'type' },
        default_value: { from: '' },
        safe_value: { from: '' },
        sensitive: { const: false },
        required_auth: { const: 'any' },
        state: { const: 'active' },
        description: { const: '' },
        owner: { const: 'tests' },
        revision: { const: 1 },
        created_at: AT,
        updated_at: AT,
      },
    },
  ],
  tenant_overrides: [
    {
      at: '/tenants/*/*',
      members: {
        tenant_id: { key: 1 },
        flag_key: { key: 2, prefix: 'ff.' },
        value: { from: '/v' },
        created_by: { const: 'U1' },
        updated_by: { const: 'U1' },
        revision: { const: 1 },
        created_at: AT,
        updated_at: AT,
      },
    },
  ],
  user_overrides: [],
  ignored: [],
}
const small = (change: (mapping: typeof SMALL) => void = () => undefined): Promise<string> => {
  const mapping = structuredClone(SMALL)
  change(mapping)
  return written(JSON.stringify(mapping))
}

describe('the example', () => {
  beforeEach(async () => {
    expect((await ff('migrate', 'up')).status).toBe(0)
  })
  afterEach(() => client.query('DROP SCHEMA IF EXISTS ff CASCADE'))

  test('is imported alike into a store and a database', async () => {
    const store = place()
    const dry = [
      await imported(FILE, MAPPING, '--dry-run'),
      await imported(FILE, MAPPING, '--into', `file:${store}`, '--dry-run'),
    ]
    expect(dry.map(({ status }) => status)).toEqual([0, 0])
    expect([await rowsThere(), await hasStore(store)]).toEqual([0, false])
    const into = await imported(FILE, MAPPING, '--into', `file:${store}`)
    const across = await imported(FILE, MAPPING)
    expect([into.status, across.status, await rowsThere()]).toEqual([0, 0, 9])
    expect((await ff('parity', 'diff', '--baseline', `file:${store}`)).status).toBe(0)
    // An import of the store gives the same database as the import of the file.
    const again = await ff('import', store)
    expect(again.status).toBe(0)
    const title = (run: Run): string =>
      getCheck(run).items.find(({ id }) => id === 'source')?.title ?? ''
    expect(title(again)).toBe(title(across))
    expect(title(again)).toMatch(/^sha256 [0-9a-f]{64} over 9 rows$/)
  })

  test('imported twice changes nothing', async () => {
    await imported(FILE, MAPPING)
    const again = await imported(FILE, MAPPING)
    expect(again.status).toBe(0)
    expect(getCheck(again).items.find(({ id }) => id === 'tenant_override')?.title).toBe(
      '3 rows, 0 inserted, 0 updated, 3 as they were',
    )
  })

  test('with another value at the same revision is refused', async () => {
    await imported(FILE, MAPPING)
    const run = await imported(await written(await edited('"safe": " "', '"safe": ""')), MAPPING)
    expect(run.status).toBe(20)
    expect(getCheck(run).findings.map(({ code }) => code)).toContain('revision_conflict')
  })

  test('killed by kill -9 leaves whole rows, and the next run continues', async () => {
    const [file, mapping] = [await written(many(ROWS)), await small()]
    const child = startFf(['import', file, '--mapping', mapping], { env })
    const ended = finished(child)
    await until('some rows', async () => (await rowsThere()) > 1_000, 60_000)
    child.kill('SIGKILL')
    expect((await ended).signal).toBe('SIGKILL')
    expect(await rowsThere()).toBeLessThan(ROWS + 1)
    await until(
      'the lock is free',
      async () => (await imported(file, mapping)).status === 0,
      60_000,
    )
    expect(await rowsThere()).toBe(ROWS + 1)
  })
})

describe('a new store', () => {
  test('has the same bytes each time, in any time zone and layout of the file', async () => {
    const [first, second] = [place(), place()]
    await imported(FILE, MAPPING, '--into', `file:${first}`)
    const other = await written(JSON.stringify(JSON.parse(await readFile(FILE, 'utf8')), null, 8))
    const run = await runFf(['import', other, '--mapping', MAPPING, '--into', `file:${second}`], {
      env: { TZ: 'Asia/Kolkata', LC_ALL: 'tr_TR.UTF-8' },
    })
    expect(run.status).toBe(0)
    expect((await snapshot(second)).split('\n')[1]).toBe((await snapshot(first)).split('\n')[1])
    const third = place()
    await imported(FILE, MAPPING, '--into', `file:${third}`)
    expect(await snapshot(third)).toBe(await snapshot(first))
  })

  test('is never overwritten', async () => {
    const store = place()
    await imported(FILE, MAPPING, '--into', `file:${store}`)
    const before = await snapshot(store)
    const again = await imported(FILE, MAPPING, '--into', `file:${store}`)
    expect([again.status, toError(again).code]).toEqual([2, 'option_invalid'])
    expect(await snapshot(store)).toBe(before)
  })

  test('is missing or complete after a kill -9 at any moment', async () => {
    const [file, mapping] = [await written(many(ROWS)), await small()]
    const store = place()
    const at: boolean[] = []
    for (const names of [0, 1, 2]) {
      const child = startFf(['import', file, '--mapping', mapping, '--into', `file:${store}`])
      const ended = finished(child)
      await until(
        'it is at work, or done',
        async () => (await namesIn(store)).length >= names || child.exitCode !== null,
        60_000,
      )
      await sleep(names * 20)
      child.kill('SIGKILL')
      await ended
      at.push(await hasStore(store))
      if (at.at(-1) === true) break
    }
    const run = await imported(file, mapping, '--into', `file:${store}`)
    expect(run.status).toBe(at.at(-1) === true ? 2 : 0)
    expect((await snapshot(store)).split('\n')).toHaveLength(ROWS + 4)
    expect((await readdir(store)).filter((name) => name.endsWith('.new'))).toEqual([])
    const clean = place()
    await imported(file, mapping, '--into', `file:${clean}`)
    expect(await snapshot(store)).toBe(await snapshot(clean))
  })

  test('is missing after Ctrl-C', async () => {
    const [file, mapping, store] = [await written(many(60_000)), await small(), place()]
    const child = startFf(['import', file, '--mapping', mapping, '--into', `file:${store}`])
    const ended = finished(child)
    // The folder appears while the rows are written, which takes a while.
    await until('it writes', async () => (await namesIn(store)).length > 0, 60_000)
    child.kill('SIGINT')
    expect([(await ended).status, await hasStore(store)]).toEqual([130, false])
  })
})

describe.concurrent('the report', () => {
  test('lists each change with its place, old and new value', async () => {
    const run = await judged(await readFile(FILE))
    const changes = getCheck(run).findings.map(
      (one) => `${one.pointer} ${one.code} ${(one as unknown as { detail: string }).detail}`,
    )
    expect(changes).toContain('/switches/checkout.limits/now/per_day number_respelled 1.0 -> 1')
    expect(changes).toContain('/switches/search.weight/safe number_respelled -0 -> 0')
    expect(changes).toContain(
      '/switches/checkout.new-flow/made time_converted "2025-09-01T10:30:00+02:00" -> "2025-09-01T08:30:00.000Z"',
    )
    expect(changes).toContain('/per_user/1/version default_taken absent -> 1')
    const text = await runFf([
      'import',
      FILE,
      '--mapping',
      MAPPING,
      '--into',
      'file:x',
      '--dry-run',
    ])
    expect(text.status).toBe(0)
    expect(text.stdout).toContain('/switches/banner.text/status mapped: "gone" -> "archived"')
  })

  test('counts the ignored places', async () => {
    const run = await judged(await readFile(FILE))
    expect(getCheck(run).items[0]).toMatchObject({ id: 'mapping', state: 'pass' })
    expect(getCheck(run).items[0]?.title).toBe('left behind on purpose: 1')
  })
})

describe.concurrent('refused, with its place in the file, and nothing written:', () => {
  test.each<[string, string, string, readonly string[]]>([
    ['2^53+1', '2.50', '9007199254740993', ['/switches/search.weight/now number_not_canonical']],
    [
      'a number beyond doubles',
      '2.50',
      '1e400',
      ['/switches/search.weight/now number_not_canonical'],
    ],
    [
      'a member twice',
      '"set": 0',
      '"set": 0, "set": 0',
      ['/per_tenant/T-pty-pilot-02/search.weight/set duplicate_member'],
    ],
    [
      'a member of a value twice',
      '{ "b": -0,',
      '{ "b": -0, "b": 0,',
      ['/switches/checkout.limits/now/__proto__/b duplicate_member'],
    ],
    [
      'half a surrogate',
      '"safe": " "',
      '"safe": "\\udc00"',
      ['/switches/banner.text/safe lone_surrogate'],
    ],
    [
      'U+0000',
      'too many old results',
      '\\u0000',
      ['/per_tenant/T-pty-pilot-02/search.weight/why nul_character'],
    ],
    [
      'an unread member',
      '"who": "U1002"',
      '"who": "U1002", "colour": "red"',
      ['/per_user/1/colour member_unmapped'],
    ],
    ['an unread list', '"per_user":', '"groups": [], "per_user":', ['/groups member_unmapped']],
    ['a missing member', '"team": "search", ', '', ['/switches/search.weight/team member_missing']],
    [
      'a member of another type',
      '"guarded": "yes"',
      '"guarded": "maybe"',
      ['/switches/checkout.limits/guarded type_wrong'],
    ],
    [
      'an unknown state',
      '"status": "gone"',
      '"status": "lost"',
      ['/switches/banner.text/status form_wrong'],
    ],
    [
      'null for a value',
      '"set": 0',
      '"set": null',
      ['/per_tenant/T-pty-pilot-02/search.weight/set value_type_unsupported'],
    ],
    [
      'a value of another type than its flag',
      '"set": 0',
      '"set": "0"',
      ['/per_tenant/T-pty-pilot-02/search.weight/set value_type_mismatch'],
    ],
    [
      'an unknown flag',
      '"switch": "checkout.new-flow", "set": "off"',
      '"switch": "x", "set": "off"',
      ['/per_user/1/switch flag_unknown'],
    ],
    [
      'two entries for one row',
      '"who": "U1002"',
      '"who": "U1001"',
      ['/per_user/1/switch row_repeated'],
    ],
    ['an invalid key', '"banner.text":', '"Banner Text":', ['/switches/Banner Text form_wrong']],
    ['an id with a space', '"T-pty-pilot-02":', '"T 02":', ['/per_tenant/T 02 form_wrong']],
    [
      'a microsecond',
      '59.9990Z',
      '59.9991Z',
      ['/switches/search.weight/made time_not_convertible'],
    ],
    [
      'a leap second',
      '23:59:59.9990Z',
      '23:59:60Z',
      ['/switches/search.weight/made time_not_convertible'],
    ],
    [
      'a missing place',
      '"per_user": [',
      '"users": [',
      ['/users member_unmapped', '/per_user place_missing'],
    ],
    ['a byte order mark', '{\n  "service"', '\ufeff{\n  "service"', [' byte_order_mark']],
    [
      'a value of 65 levels',
      '"now": 2.50',
      `"now": ${'['.repeat(65)}${']'.repeat(65)}`,
      [' too_deep'],
    ],
  ])('%s', async (_what, from, to, expected) => {
    const store = place()
    const file = await written(await edited(from, to))
    const run = await imported(file, MAPPING, '--into', `file:${store}`)
    expect(refused(run)).toEqual(expected)
    expect([run.status, run.stderr, await hasStore(store)]).toEqual([20, '', false])
  })

  test('by cause, with three places each, or one cause in full', async () => {
    const text = '{"flags":{"a":1},"tenants":{},"x1":1,"x2":1,"x3":1,"x4":1,"x5":1}'
    const [file, mapping] = [await written(text), await small()]
    const into = ['--into', `file:${place()}`, '--dry-run']
    const short = await imported(file, mapping, ...into)
    expect(refused(short)).toEqual([
      ...['/x1', '/x2', '/x3'].map((at) => `${at} member_unmapped`),
      'null member_unmapped',
    ])
    expect(getCheck(short).items[0]?.title).toBe('5 refused')
    const long = await imported(file, mapping, ...into, '--explain', 'member_unmapped')
    expect(refused(long)).toHaveLength(5)
    const none = await imported(file, mapping, ...into, '--explain', 'form_wrong')
    expect([none.status, toError(none).code]).toEqual([2, 'option_invalid'])
  })

  test('a loss, until it is accepted by its name', async () => {
    const skipped = [{ at: '/rules', reason: 'targeting rules', loss: 'targeting' }]
    const mapping = await small((one) => Object.assign(one, { skipped }))
    const file = await written('{"flags":{"a":1},"tenants":{},"rules":[1]}')
    const into = ['--into', `file:${place()}`]
    const run = await imported(file, mapping, ...into)
    expect([run.status, refused(run)]).toEqual([20, ['/rules not_carried']])
    const other = await imported(file, mapping, ...into, '--accept-loss', 'segments')
    expect([other.status, toError(other).code]).toEqual([2, 'option_invalid'])
    const accepted = await imported(file, mapping, ...into, '--accept-loss', 'targeting')
    expect(accepted.status).toBe(0)
    expect(getCheck(accepted).findings.map(({ code }) => code)).toContain('loss_accepted')
  })

  test('invalid UTF-8', async () => {
    const text = await edited('"safe": " "', '"safe": "?"')
    const bytes = Buffer.from(text)
    bytes[bytes.indexOf('"?"') + 1] = 0xff
    const run = await judged(bytes)
    expect([run.status, refused(run)]).toEqual([20, [' utf8_invalid']])
  })

  test('all problems at once', async () => {
    const text =
      '{"flags":{"a":1,"B":1e400,"c":[1]},"tenants":{"T1":{"x":{"v":1},"a":{"w":1}}},"y":0}'
    const run = await judged(text, await small())
    expect(run.status).toBe(20)
    expect([...refused(run)].sort()).toEqual([
      '/flags/B form_wrong',
      '/flags/B number_not_canonical',
      '/flags/c form_wrong',
      '/flags/c value_type_unsupported',
      '/flags/c value_type_unsupported',
      '/tenants/T1/a/v member_missing',
      '/tenants/T1/a/w member_unmapped',
      '/tenants/T1/x flag_unknown',
      '/y member_unmapped',
    ])
  })
})

describe.concurrent('a run that cannot start ends 2:', () => {
  const spoiled = (change: (mapping: typeof SMALL) => void): Promise<string> => small(change)
  const first = ({ flags }: typeof SMALL): { at: string; members: object } => flags[0] as never
  test.each<[string, (mapping: typeof SMALL) => void, string]>([
    ['an invalid pointer', (one) => (first(one).at = 'flags/*'), '/flags/0/at: schema_pattern'],
    [
      'a wildcard in a pointer to one place',
      (one) => Object.assign(first(one).members, { default_value: { from: '/*' } }),
      '/flags/0/members/default_value/from: schema_pattern',
    ],
    [
      'a member that rows do not have',
      (one) => Object.assign(first(one).members, { colour: { const: 'red' } }),
      '/flags/0/members/colour: schema_additional_properties',
    ],
    [
      'a row that lacks a member',
      (one) => delete (first(one).members as { owner?: object }).owner,
      '/flags/0/members/owner: schema_required',
    ],
    [
      'an unknown form of time',
      (one) => Object.assign(first(one).members, { created_at: { from: '', as: 'excel' } }),
      '/flags/0/members/created_at/as: schema_enum',
    ],
    [
      'a key without a wildcard',
      (one) => Object.assign(first(one).members, { owner: { key: 2 } }),
      '/flags/0/members/owner/key: wildcard_missing (/flags/* has 1)',
    ],
    [
      'a level above the file',
      (one) => Object.assign(first(one).members, { owner: { from: '/x', up: 3 } }),
      '/flags/0/members/owner/up: level_missing (/flags/* has 2)',
    ],
    [
      'a selecting key without a wildcard',
      (one) => Object.assign(first(one).members, { owner: { from: '/x', select: { key: 2 } } }),
      '/flags/0/members/owner/select/key: wildcard_missing (/flags/* has 1)',
    ],
    [
      'a part of a text that nothing reads',
      (one) =>
        Object.assign(first(one).members, {
          owner: { key: 1, split: { by: ':', part: 2, of: 2 } },
        }),
      '/flags/0/members: part_unread (part 1 of 2)',
    ],
    [
      'a condition with two tests',
      (one) => Object.assign(first(one), { where: [{ key: 1, equals: 'a', present: true }] }),
      '/flags/0/where/0: test_not_single (it has 2)',
    ],
    [
      'a map with two entries for one value',
      (one) =>
        Object.assign(first(one).members, {
          state: { key: 1, map: [{ was: 1, becomes: 'active' }, { was: 1 }] },
        }),
      '/flags/0/members/state/map/1: value_repeated (1)',
    ],
  ])('%s', async (_what, change, detail) => {
    const run = await judged('{"flags":{"a":1}}', await spoiled(change))
    expect([run.status, toError(run).code]).toEqual([2, 'artefact_invalid'])
    expect(toError(run).details?.join('\n')).toContain(`#${detail}`)
    expect(run.stderr).not.toMatch(STACK)
  })

  test('a file over 64 MiB', async () => {
    const path = await written('{}')
    await truncate(path, 67_108_865)
    const run = await imported(path, MAPPING, '--into', `file:${place()}`)
    expect([run.status, toError(run).code]).toEqual([2, 'artefact_invalid'])
    expect(toError(run).message).toContain('file_too_large')
  })

  test.each<[string, string, string]>([
    ['half a document', '{"flags":', 'artefact_invalid'],
    ['a document without a row', '{"flags":{},"tenants":{}}', 'nothing_to_check'],
  ])('%s', async (_what, text, code) => {
    const run = await judged(text, await small())
    expect([run.status, toError(run).code]).toEqual([2, code])
  })

  test.each<[string, readonly string[], string]>([
    ['no file', ['/nowhere', '--mapping', MAPPING], 'artefact_invalid'],
    ['no mapping', [FILE, '--mapping', '/nowhere'], 'artefact_invalid'],
    [
      'a store without its folder',
      [FILE, '--mapping', MAPPING, '--into', 'file'],
      'target_invalid',
    ],
    ['a private server', [FILE, '--mapping', MAPPING, '--into', 'embedded'], 'target_invalid'],
    [
      'two places',
      [FILE, '--mapping', MAPPING, '--into', 'file:x', '--database', 'embedded'],
      'option_invalid',
    ],
    ['--explain without --mapping', [FILE, '--explain', 'form_wrong'], 'option_invalid'],
    ['--into without --mapping', [FILE, '--into', 'file:x'], 'option_invalid'],
  ])('%s', async (_what, args, code) => {
    const run = await ff('import', ...args)
    expect([run.status, toError(run).code]).toEqual([2, code])
  })
})

test('ff artefacts validate checks a mapping of the user', async () => {
  expect((await ff('artefacts', 'validate', await small())).status).toBe(0)
  const broken = await small((one) =>
    Object.assign(one.flags[0]?.members ?? {}, { owner: { key: 9 } }),
  )
  const run = await ff('artefacts', 'validate', broken)
  expect([run.status, getCheck(run).findings[0]?.code]).toEqual([2, 'wildcard_missing'])
})
