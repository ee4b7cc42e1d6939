import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, createDatabase, type TestDatabase } from '../support/database.ts'
import { runFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'
import { openMeddler } from '../support/meddler.ts'
import { type StartedService, startService } from '../support/service.ts'
import { ERROR_FORM, toError, getParity } from './outcome.ts'

let database: TestDatabase
let file: StartedService
let db: StartedService
beforeAll(async () => {
  database = await createDatabase('18')
  file = await startService({}, ['--harness'])
  db = await startService(
    {
      FF_ENV: 'dev',
      FF_BACKING: 'db',
      FF_DATABASE_URL: database.url,
    },
    ['--harness'],
  )
})
afterAll(async () => {
  for (const one of [file, db]) {
    const { status, stderr } = await one.stop()
    expect(status).toBe(0)
    expect(stderr).not.toContain('"level":"error"')
  }
  // Its schema was dropped with it.
  const client = await connect('18', database.database)
  const { rows } = await client.query(`SELECT 1 FROM pg_namespace WHERE nspname LIKE 'ff_%'`)
  await client.end()
  expect(rows).toEqual([])
  await database.drop()
})

const prove = (kind: string, baseline: string, candidate: string, more: readonly string[] = []) =>
  runFf([
    'parity',
    kind,
    '--format',
    'json',
    '--baseline',
    baseline,
    '--candidate',
    candidate,
    ...more,
  ])

describe('proofs over HTTP', () => {
  test('17 of 17 on a file and a database, in both directions', async () => {
    const done = await prove('run', file.origin, db.origin)
    expect(done, done.stderr).toMatchObject({ status: 0, stderr: '' })
    const report = getParity(done)
    expect(report).toMatchObject({
      verdict: 'pass',
      sides: {
        baseline: { target: file.origin, backing: 'file', server: null },
        candidate: { target: db.origin, backing: 'db', server: expect.stringMatching(/^18\./) },
      },
      counts: { expected: 17, compared: 17, skipped: 0, neverReached: 0 },
      findings: [],
    })
    expect(report.controls.every(({ held }) => held)).toBe(true)
    expect(await prove('run', db.origin, 'file')).toMatchObject({ status: 0 })
  })

  test(
    '360 of 360 cells and 92 of 92 situations, compared with the oracle',
    { timeout: 300_000 },
    async () => {
      // The cells of a file over HTTP add no proof, for the vectors above run there: only in a full run.
      const done = await prove('exhaustive', FULL ? file.origin : 'file', db.origin)
      expect(done, done.stdout).toMatchObject({ status: 0, stderr: '' })
      expect(getParity(done)).toMatchObject({
        verdict: 'pass',
        counts: {
          expected: 360,
          compared: 360,
          cases: 2664,
          neverReached: 0,
          situations: { expected: 92, compared: 92, skipped: 0, neverReached: 0 },
        },
        findings: [],
      })
    },
  )

  test.each([
    ['a byte of a reason', (body: string) => body.replace('"value":"', '"value":"x')],
    ['a number', (body: string) => body.replace(/"flag_revision":(\d+)/, '"flag_revision":$1.0')],
    [
      'the backing',
      (body: string) => body.replace('"backing_state":"db"', '"backing_state":"file"'),
    ],
    [
      'a member that comes twice',
      (body: string) => body.replace('"warnings":', '"warnings":[],"warnings":'),
    ],
  ])('%s that is changed in transit is found', async (_what, change) => {
    const meddler = await openMeddler(db.origin, (body, path) =>
      path === '/v1/flags/evaluate' ? change(body) : body,
    )
    try {
      const done = await prove('run', file.origin, meddler.origin)
      expect(done, done.stderr).toMatchObject({ status: 20 })
      expect(getParity(done).findings[0]).toMatchObject({ code: 'divergence' })
    } finally {
      await meddler.close()
    }
  })

  test('a side that goes away is neither a difference nor a pass', async () => {
    const gone = await startService({}, ['--harness'])
    const meddler = await openMeddler(gone.origin, (body, path) => {
      if (path.startsWith('/harness/scenes/scene-3')) gone.child.kill('SIGKILL')
      return body
    })
    const done = await prove('run', file.origin, meddler.origin, [
      '--allow-same-kind',
      '--timeout',
      '60',
    ])
    await meddler.close()
    await gone.stop()
    expect(done.status).toBe(22)
    expect(getParity(done)).toMatchObject({ verdict: 'inconclusive' })
  })
})

describe('a target that is no harness', () => {
  test('is never written to without --harness: a service for callers', async () => {
    const live = await startService()
    const meddler = await openMeddler(live.origin)
    const done = await prove('run', 'file', meddler.origin)
    await meddler.close()
    await live.stop()
    expect(done.status).toBe(2)
    expect(toError(done)).toMatchObject({ code: 'target_invalid' })
    expect(toError(done).hint).toContain('ff parity replay')
    expect(meddler.seen).toEqual(['GET /harness'])
  })

  test.each([
    ['no process listens', 'http://127.0.0.1:1', 22, 'target_unreachable'],
    ['another machine', 'https://ff.example', 2, 'target_invalid'],
    ['another machine, in the clear', 'http://ff.example', 2, 'target_invalid'],
    ['a path', `http://127.0.0.1:1/x`, 2, 'target_invalid'],
    ['a password', 'http://ff:hush@127.0.0.1:1', 2, 'secret_in_option'],
  ])('%s', async (_what, target, status, code) => {
    const done = await runFf(['parity', 'run', '--baseline', target, '--candidate', 'file'])
    expect(done.status).toBe(status)
    expect(done.stderr).toMatch(ERROR_FORM(code, status === 2 ? 'usage' : 'inconclusive'))
    expect(done.stderr).not.toContain('hush')
  })

  test.each(['run', 'exhaustive'])('H5: ff parity %s asks a harness for its kind', async (kind) => {
    const done = await prove(kind, file.origin, 'file')
    expect(done.status).toBe(22)
    expect(toError(done)).toMatchObject({ code: 'sides_alike' })
  })

  test.each(['run', 'exhaustive'])('ff parity %s takes no service for both sides', async (kind) => {
    const done = await prove(kind, file.origin, `${file.origin}/`)
    expect(done.status).toBe(2)
    expect(toError(done)).toMatchObject({
      code: 'target_invalid',
      message: 'Both sides are the same service.',
    })
  })

  test.each(['fuzz', 'diff', 'selftest'])('ff parity %s takes stores alone', async (kind) => {
    const done = await prove(kind, file.origin, file.origin)
    expect(done.status).toBe(2)
    expect(toError(done)).toMatchObject({ code: 'target_invalid' })
  })
})

describe('a harness does not start', () => {
  test.each([
    ['in prod', { FF_ENV: 'prod' }],
    ['in staging', { FF_ENV: 'staging' }],
    ['for other machines', { FF_ENV: 'dev', FF_LISTEN: '0.0.0.0:0' }],
    ['with a second port', { FF_ENV: 'dev', FF_ADMIN_LISTEN: '127.0.0.1:0' }],
    ['in a cutover', { FF_ENV: 'dev', FF_BACKING: 'managed' }],
    ['on a database outside FF_ENV=dev', { FF_BACKING: 'db', FF_DATABASE_URL: 'postgres://h/d' }],
    ['in a folder outside FF_ENV=dev', { FF_STORE_DIR: tmpdir() }],
  ])('%s', async (_where, env) => {
    const done = await runFf(['serve', '--harness'], { env })
    expect(done).toMatchObject({ status: 2, stdout: '' })
    expect(done.stderr).toMatch(ERROR_FORM('setting_invalid', 'usage'))
  })

  test('and in dev it leaves its folder unchanged', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ff-harness-'))
    const started = await startService({ FF_ENV: 'dev', FF_STORE_DIR: folder }, ['--harness'])
    expect(await readdir(folder)).toHaveLength(1)
    expect(await started.stop()).toMatchObject({ status: 0 })
    expect(await readdir(folder)).toEqual([])
    await rm(folder, { recursive: true })
  })
})
