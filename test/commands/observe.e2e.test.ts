import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { runFf } from '../support/run-ff.ts'

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

describe('ff observe status', () => {
  test('is not ready without a recording', async () => {
    const { status, stdout } = await runFf(['observe', 'status', '--format', 'json'], { cwd })
    expect(status).toBe(21)
    expect(JSON.parse(stdout)).toMatchObject({ minutes: 0, complete: false, clean_hours: 0 })
  })
})
