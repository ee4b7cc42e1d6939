import { copyFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { validateSchema } from '../../src/artefacts/schemas.ts'
import { createStore } from '../../src/adapters/file-store/file-store.ts'
import type { PostgresStore } from '../../src/adapters/postgres/postgres-store.ts'
import {
  auditedFolder,
  fiveRecords,
  inStore,
  resealed,
  runnerIn,
  serviceStore,
  tamper,
} from '../support/audited.ts'
import { connect, migratedDatabase, type TestDatabase } from '../support/database.ts'
import { finished, type Run, runFf, startFf } from '../support/run-ff.ts'
import { putFlag } from '../adapters/store-contract/requests.ts'
import { getCheck, toError, until } from './outcome.ts'

const KEY = ['--key', 'ci.pem']
const KNOWN = ['--runner', 'ci.pub.json']
let cwd = ''
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ff-audit-'))
  await runnerIn(cwd, 'ci')
  await auditedFolder(join(cwd, 'store'))
  return () => rm(cwd, { recursive: true, force: true })
})

const ff = (...args: readonly string[]): Promise<Run> =>
  runFf(['audit', ...args, '--format', 'json'], { cwd })
const exported = (...args: readonly string[]): Promise<Run> =>
  ff('export', '--store', 'file:store', '--out', 'worm', ...args)
const verified = (path = 'worm'): Promise<Run> => ff('verify', '--export', path, ...KNOWN)
const names = async (folder = 'worm'): Promise<readonly string[]> =>
  (await readdir(join(cwd, folder))).filter((name) => name !== '.lock').sort()
const outcome = (run: Run): unknown => {
  const wanting = getCheck(run).items.filter(({ codes }) => codes.length > 0)
  return [run.status, wanting.map(({ codes }) => codes).flat()]
}
const add = (): Promise<void> =>
  inStore(join(cwd, 'store'), async (store) => {
    for (let at = 0; at < 3; at += 1)
      await store.refuse({ request: putFlag('ff.c'), code: 'forbidden' })
  })
const batch = (first: number, last: number): readonly [records: string, head: string] => {
  const name = `audit-${[first, last].map((seq) => String(seq).padStart(20, '0')).join('-')}`
  return [`${name}.ndjson`, `${name}.head.json`]
}
const edit = async (name: string, change: (text: string) => string): Promise<void> => {
  const path = join(cwd, 'worm', name)
  const text = await readFile(path, 'utf8')
  expect(change(text)).not.toBe(text)
  await writeFile(path, change(text))
}

describe('ff audit export', () => {
  test('writes records with their sink status and a signed head; a second run, the new records', async () => {
    expect(await exported(...KEY)).toMatchObject({ status: 0, stderr: '' })
    expect(await names()).toEqual([...batch(1, 10)].sort())
    const lines = (await readFile(join(cwd, 'worm', batch(1, 10)[0]), 'utf8')).split('\n')
    expect(lines.pop()).toBe('')
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(records.flatMap((one) => validateSchema('audit-record', one, ''))).toEqual([])
    expect(records.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(new Set(records.map(({ sink_status }) => sink_status))).toEqual(new Set(['pending']))
    await add()
    expect((await exported(...KEY)).status).toBe(0)
    expect(await names()).toEqual([...batch(1, 10), ...batch(11, 13)].sort())
    const run = await verified()
    expect(outcome(run)).toEqual([0, []])
    expect(getCheck(run).items.map(({ id }) => id)).toEqual([
      batch(1, 10)[1],
      batch(11, 13)[1],
      'continuity',
    ])
    for (const one of batch(11, 13))
      expect(outcome(await verified(join('worm', one)))).toEqual([0, []])
  })

  test('with nothing new writes nothing', async () => {
    await exported(...KEY)
    const before = await names()
    expect(await exported(...KEY)).toMatchObject({ status: 0 })
    expect(await names()).toEqual(before)
  })

  test('begins after --since, and verifies the records before it', async () => {
    expect((await exported(...KEY, '--since', '7')).status).toBe(0)
    expect(await names()).toEqual([...batch(8, 10)].sort())
    expect(outcome(await verified())).toEqual([0, []])
    const beyond = await exported(...KEY, '--since', '99')
    expect([beyond.status, toError(beyond).code]).toEqual([2, 'option_invalid'])
  })

  test('signs nothing of a broken chain', async () => {
    const logs = (await readdir(join(cwd, 'store'))).filter((one) => one.startsWith('log-')).sort()
    const [segment = ''] = logs
    const path = join(cwd, 'store', segment)
    const [first = '', ...rest] = (await readFile(path, 'utf8')).split('\n')
    const changed = resealed(first, (json) => json.replaceAll('U-editor', 'mallory')).trimEnd()
    await writeFile(path, [changed, ...rest].join('\n'))
    const run = await exported(...KEY)
    expect([run.status, toError(run).code]).toEqual([23, 'audit_altered'])
    expect(toError(run).message).toContain('record 1')
    expect(await names()).toEqual([])
  })

  test('detects a tail that was cut since the last head', async () => {
    await exported(...KEY)
    const logs = (await readdir(join(cwd, 'store'))).filter((one) => one.startsWith('log-')).sort()
    const path = join(cwd, 'store', logs.at(-1) ?? '')
    const lines = (await readFile(path, 'utf8')).split('\n')
    await writeFile(path, `${lines.slice(0, 3).join('\n')}\n`)
    const run = await exported(...KEY)
    expect([run.status, toError(run).code]).toEqual([23, 'audit_altered'])
    expect(toError(run).message).toContain('record 10')
    expect(await names()).toHaveLength(2)
  })

  test('of an empty trail does not pass', async () => {
    await createStore(join(cwd, 'empty'))
    const run = await ff('export', '--store', 'file:empty', '--out', 'worm', ...KEY)
    expect(outcome(run)).toEqual([22, ['audit_empty']])
    expect(await names()).toEqual([])
  })

  test('never overwrites a file', async () => {
    await exported(...KEY, '--since', '7')
    const [records, head] = batch(8, 10)
    const kept = await readFile(join(cwd, 'worm', head))
    await edit(records, (text) => text.replace('U-editor', 'mallory'))
    const again = await exported(...KEY, '--since', '7')
    expect([again.status, toError(again).code]).toEqual([2, 'file_exists'])
    expect(await readFile(join(cwd, 'worm', head))).toEqual(kept)
    expect(await names()).toEqual([...batch(8, 10)].sort())
  })

  test.each([
    [['--out', 'worm'], 'runner_key_invalid'],
    [['--out', 'worm', '--key', 'ci.pub.json'], 'runner_key_invalid'],
    [KEY, 'option_invalid'],
    [['--out', 'worm', ...KEY, '--since', '-1'], 'option_invalid'],
    [['--out', 'worm', '--signer-cmd', 'true'], 'option_invalid'],
    [['--out', 'worm', ...KEY, '--database', 'embedded'], 'option_invalid'],
  ])('with %j ends 2', async (args, code) => {
    const run = await ff('export', '--store', 'file:store', ...args)
    expect([run.status, toError(run).code]).toEqual([2, code])
  })
})

describe('a signer program', () => {
  beforeEach(() =>
    writeFile(
      join(cwd, 'sign.mjs'),
      `import { createPrivateKey, sign } from 'node:crypto'
       import { readFileSync, writeFileSync } from 'node:fs'
       const bytes = readFileSync(0)
       if (process.argv[3] === 'wait') {
         writeFileSync('waiting', '')
         const parent = process.ppid
         while (process.ppid === parent) await new Promise((r) => setTimeout(r, 20))
       }
       process.stdout.write(sign(null, bytes, createPrivateKey(readFileSync(process.argv[2]))))`,
    ),
  )
  const by = (line: string): readonly string[] => ['--signer-cmd', line, ...KNOWN]

  test('signs as the key does', async () => {
    expect((await exported(...by('node sign.mjs ci.pem'))).status).toBe(0)
    expect(outcome(await verified())).toEqual([0, []])
  })

  test('whose signature does not verify is refused, and no file is kept', async () => {
    await runnerIn(cwd, 'other')
    const run = await exported(...by('node sign.mjs other.pem'))
    expect([run.status, toError(run).code]).toEqual([23, 'signature_not_accepted'])
    expect(await names()).toEqual([])
  })

  test('locks the folder while it runs; after a kill the next run exports everything', async () => {
    const args = ['audit', 'export', '--store', 'file:store', '--out', 'worm']
    const first = startFf([...args, ...by('node sign.mjs ci.pem wait')], { cwd })
    const ended = finished(first)
    await until('the signer waits', async () => (await readdir(cwd)).includes('waiting'))
    const second = await exported(...KEY)
    expect([second.status, toError(second).code]).toEqual([24, 'export_locked'])
    first.kill('SIGKILL')
    expect((await ended).signal).toBe('SIGKILL')
    expect((await names()).filter((name) => name.startsWith('audit-'))).toEqual([])
    expect((await exported(...KEY)).status).toBe(0)
    expect(await names()).toEqual([...batch(1, 10)].sort())
    expect(outcome(await verified())).toEqual([0, []])
  })
})

describe('kill -9', () => {
  test('at any moment leaves no head without its records, and the next run continues', async () => {
    await inStore(join(cwd, 'store'), async (store) => {
      const request = putFlag('ff.c')
      await Promise.all(
        Array.from({ length: 4_000 }, () => store.refuse({ request, code: 'forbidden' })),
      )
    })
    for (const ms of [250, 350, 450, 550, 650]) {
      const child = startFf(['audit', 'export', '--store', 'file:store', '--out', 'worm', ...KEY], {
        cwd,
      })
      const ended = finished(child)
      await sleep(ms)
      child.kill('SIGKILL')
      await ended
      const there = await names().catch(() => [])
      for (const name of there.filter((one) => one.endsWith('.head.json')))
        expect(there).toContain(name.replace('.head.json', '.ndjson'))
    }
    expect((await exported(...KEY)).status).toBe(0)
    expect(await names()).toEqual([...batch(1, 4_010)].sort())
    expect(outcome(await verified())).toEqual([0, []])
  })

  test('between the records and their head: the next run writes the head', async () => {
    await exported(...KEY)
    const kept = await readFile(join(cwd, 'worm', batch(1, 10)[0]))
    await rm(join(cwd, 'worm', batch(1, 10)[1]))
    expect((await exported(...KEY)).status).toBe(0)
    expect(await readFile(join(cwd, 'worm', batch(1, 10)[0]))).toEqual(kept)
    expect(outcome(await verified())).toEqual([0, []])
    // A record was delivered between the two runs.
    await rm(join(cwd, 'worm', batch(1, 10)[1]))
    await edit(batch(1, 10)[0], (text) =>
      text.replace('"sink_status":"pending"', '"sink_status":"failed"'),
    )
    expect((await exported(...KEY)).status).toBe(0)
    expect(outcome(await verified())).toEqual([0, []])
  })
})

describe('exported batches', () => {
  beforeEach(async () => {
    await exported(...KEY)
    await add()
    await exported(...KEY)
    await add()
    await exported(...KEY)
  })
  const turned = (text: string, order: readonly number[]): string => {
    const lines = text.split('\n')
    return order.map((at) => `${lines[at]}\n`).join('')
  }

  test.each<[string, number, (text: string) => string, string]>([
    ['a member was changed', 1, (text) => text.replace('U-editor', 'mallory'), 'audit_changed'],
    ['a record is missing', 11, (text) => turned(text, [0, 2]), 'audit_dropped'],
    ['two were swapped', 11, (text) => turned(text, [0, 2, 1]), 'audit_reordered'],
    ['the last record is missing', 11, (text) => turned(text, [0, 1]), 'audit_cut'],
    ['a line has other white space', 11, (text) => text.replace('":', '": '), 'export_altered'],
    ['an empty line follows', 14, (text) => `${text}\n`, 'audit_changed'],
    ['the last line has no line feed', 14, (text) => text.slice(0, -1), 'export_altered'],
  ])('are refused where %s', async (_what, first, change, code) => {
    await edit(batch(first, first === 1 ? 10 : first + 2)[0], change)
    expect(outcome(await verified())).toEqual([23, [code]])
  })

  test('are incomplete where the records of one, or a whole batch, are missing', async () => {
    await rm(join(cwd, 'worm', batch(11, 13)[0]))
    expect(outcome(await verified())).toEqual([23, ['export_missing']])
    await rm(join(cwd, 'worm', batch(11, 13)[1]))
    expect(outcome(await verified())).toEqual([23, ['audit_dropped']])
  })

  test('may overlap, and may begin anywhere', async () => {
    await exported(...KEY, '--since', '12')
    expect(outcome(await verified())).toEqual([0, []])
    for (const name of batch(1, 10)) await rm(join(cwd, 'worm', name))
    expect(outcome(await verified())).toEqual([0, []])
  })

  test('of another chain do not continue this one', async () => {
    await auditedFolder(join(cwd, 'other'))
    await ff('export', '--store', 'file:other', '--out', 'others', ...KEY)
    await cp(join(cwd, 'others'), join(cwd, 'worm'), { recursive: true, force: true })
    expect(outcome(await verified())).toEqual([23, ['audit_rewritten']])
  })

  /** The store with records 15 and 16 lost, and four others in their place. */
  async function rewritten(): Promise<void> {
    const logs = (await readdir(join(cwd, 'store'))).filter((one) => one.startsWith('log-')).sort()
    const path = join(cwd, 'store', logs.at(-1) ?? '')
    const lines = (await readFile(path, 'utf8')).split('\n')
    await writeFile(path, `${lines.slice(0, -3).join('\n')}\n`)
    await inStore(join(cwd, 'store'), async (store) => {
      for (let at = 0; at < 4; at += 1)
        await store.refuse({ request: putFlag('ff.d'), code: 'forbidden' })
    })
  }

  test('of a rewritten tail are not signed, whatever --since is', async () => {
    await rewritten()
    for (const since of ['0', '14']) {
      const run = await exported(...KEY, '--since', since)
      expect([run.status, toError(run).code]).toEqual([23, 'audit_altered'])
      expect(toError(run).message).toContain('record 16')
    }
    expect(await names()).toHaveLength(6)
  })

  test('that end with different records belong to different chains', async () => {
    await rewritten()
    await ff('export', '--store', 'file:store', '--out', 'anew', '--since', '14', ...KEY)
    await cp(join(cwd, 'anew'), join(cwd, 'worm'), { recursive: true, force: true })
    expect(outcome(await verified())).toEqual([23, ['audit_rewritten']])
  })

  test('without a head are nothing to check, and untrusted under an unknown key', async () => {
    const empty = await mkdtemp(join(cwd, 'empty-'))
    expect(outcome(await verified(empty))).toEqual([22, ['audit_empty']])
    const [name = ''] = batch(11, 13).slice(1)
    await copyFile(join(cwd, 'worm', name), join(empty, name))
    expect(outcome(await ff('verify', '--export', join(empty, name)))).toEqual([
      23,
      ['head_signer_unknown'],
    ])
    const nowhere = await verified('nowhere')
    expect([nowhere.status, toError(nowhere).code]).toEqual([2, 'artefact_invalid'])
  })
})

describe('ff audit tail', () => {
  let database: TestDatabase
  let service: PostgresStore
  beforeAll(async () => {
    database = await migratedDatabase('15')
    service = serviceStore(database)
    await fiveRecords(service, 'ff.a')
    await fiveRecords(service, 'ff.b')
  })
  afterAll(async () => {
    await service.close()
    await database.drop()
  })
  const readTrail = (kind: string): readonly string[] =>
    kind === 'file' ? ['--store', 'file:store'] : ['--database', database.url]
  const tail = (kind: string, ...args: readonly string[]): Promise<Run> =>
    runFf(['audit', 'tail', ...readTrail(kind), ...args], { cwd })

  test.each(['file', 'db'])('of a %s shows the last records, a line each', async (kind) => {
    const run = await tail(kind, '--lines', '2')
    expect(run).toMatchObject({ status: 0, stderr: '' })
    const [one, two] = kind === 'file' ? [9, 10] : [15, 16]
    expect(run.stdout).toBe(
      `${one}  2026-01-15T09:00:00.000Z  applied  override.put  tenant/A1/ff.b  by U-editor  request-1\n` +
        `${two}  2026-01-15T09:00:00.000Z  refused  flag.put  flag/ff.other  by U-editor  request-1\n`,
    )
    expect((await tail(kind)).stdout.split('\n')).toHaveLength(11)
    const all = await tail(kind, '--lines', '100', '--format', 'ndjson')
    const seqs = all.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { seq: number }).seq)
    expect(seqs).toEqual(Array.from({ length: two ?? 0 }, (_, at) => at + 1))
  })

  test('escapes control characters', async () => {
    await inStore(join(cwd, 'store'), (store) =>
      store.refuse({
        request: putFlag('ff.c', {}, { request_id: '\u001b[31mred\n' }),
        code: 'forbidden',
      }),
    )
    const { stdout } = await tail('file', '--lines', '1')
    expect(stdout).toMatch(/\\u001b\[31mred\\u000a\n$/)
    expect(stdout).not.toContain('\u001b')
  })

  test.each([
    ['file', 'SIGTERM', 0],
    ['file', 'SIGINT', 130],
    ['db', 'SIGTERM', 0],
    ['db', 'SIGINT', 130],
  ] as const)('of a %s follows until %s, which ends %i', async (kind, signal, status) => {
    const child = startFf(['audit', 'tail', ...readTrail(kind), '--lines', '1', '--follow'], {
      cwd,
    })
    let seen = ''
    child.stdout?.on('data', (text: Buffer) => (seen += text.toString()))
    const ended = finished(child)
    await until('the last record', async () => seen.split('\n').length === 2)
    const refuse = { request: putFlag('ff.late', {}, { request_id: signal }), code: 'forbidden' }
    if (kind === 'db') await service.refuse(refuse)
    else {
      await inStore(join(cwd, 'store'), (store) => store.refuse(refuse))
      await until('the first of two', async () => seen.includes(signal))
      // In a segment of its own.
      await inStore(join(cwd, 'store'), async (store) => {
        await store.compact()
        await store.refuse({ ...refuse, code: 'again' })
      })
    }
    await until('what came', async () => seen.split('\n').length === (kind === 'db' ? 3 : 4))
    child.kill(signal)
    expect(await ended).toMatchObject({ status, stderr: '' })
    expect(seen.split('\n').at(-2)).toContain(`flag/ff.late  by U-editor  ${signal}`)
  })

  test('stops at an invalid record', async () => {
    const sql = await connect('15', database.database)
    await sql.query('CREATE TABLE kept AS TABLE ff.audit')
    await tamper(sql, `UPDATE ff.audit SET after = '1e400' WHERE seq = 3`)
    const run = await tail('db', '--lines', '100')
    expect([run.status, run.stderr]).toEqual([23, expect.stringContaining('[audit_altered')])
    await tamper(sql, 'DELETE FROM ff.audit; INSERT INTO ff.audit TABLE kept; DROP TABLE kept')
    await sql.end()
  })

  test.each([
    [['--lines', '10001'], 'option_invalid'],
    [['--format', 'junit'], 'option_invalid'],
  ])('with %j ends 2', async (args, code) => {
    const run = await tail('file', ...args)
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining(`[${code}, exit usage]`)])
  })
})
