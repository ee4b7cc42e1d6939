import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { finished, runFf, startFf } from '../support/run-ff.ts'
import { until } from '../support/until.ts'

const cwd = await mkdtemp(join(tmpdir(), 'ff-observe-'))
afterAll(() => rm(cwd, { recursive: true, force: true }))

describe('ff observe start', () => {
  test.each([
    ['no instance', []],
    [
      'one instance twice, which would count twice',
      [
        '--staging',
        'http://127.0.0.1:1,http://127.0.0.1:2',
        '--staging',
        'http://127.0.0.1:3,http://127.0.0.1:2/',
      ],
    ],
  ])('refuses %s', async (_, options) => {
    const { status, stderr } = await runFf(['observe', 'start', ...options], { cwd })
    expect([status, stderr.includes('target_invalid')]).toEqual([2, true])
  })
})

test('ff observe start makes a key, lets no second one record, and ends 0 by SIGTERM', async () => {
  const options = ['observe', 'start', '--staging', 'http://127.0.0.1:1,http://127.0.0.1:2']
  const first = startFf(options, { cwd })
  const ended = finished(first)
  let said = ''
  first.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
  await until(() => said.includes('records staging'))
  expect((await stat(join(cwd, '.ff/runner.pem'))).mode & 0o777).toBe(0o600)
  const second = await runFf(options, { cwd })
  expect([second.status, second.stderr.includes('[evidence_locked,')]).toEqual([24, true])
  first.kill('SIGTERM')
  expect(await ended).toMatchObject({ status: 0 })
})

describe('ff observe status', () => {
  test('is not ready without a recording', async () => {
    const { status, stdout } = await runFf(['observe', 'status', '--format', 'json'], { cwd })
    expect(status).toBe(21)
    expect(JSON.parse(stdout)).toMatchObject({ minutes: 0, complete: false, clean_hours: 0 })
  })
})
