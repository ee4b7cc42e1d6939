import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HAZARDS } from '../../src/core/preflight/hazards.ts'
import { type Run, runFf } from '../support/run-ff.ts'
import { getCheck, ERROR_FORM, STACK } from './outcome.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-preflight-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

let count = 0
async function examined(bytes: string | Buffer, ...args: readonly string[]): Promise<Run> {
  count += 1
  const path = join(folder, `${count}.json`)
  await writeFile(path, bytes)
  return runFf(['parity', 'preflight', path, ...args])
}

describe.concurrent('ff parity preflight', () => {
  test('passes a clean file', async () => {
    const done = await examined('{"flags":{"ff.a":{"value":[1,"é",null]}}}', '--format', 'json')
    expect(done).toMatchObject({ status: 0, stderr: '' })
    const { items, kind, verdict } = getCheck(done)
    expect({ kind, verdict }).toEqual({ kind: 'parity_preflight', verdict: 'pass' })
    expect(items.map(({ id }) => id)).toEqual(Object.keys(HAZARDS))
  })

  test('lists each value that would change, with pointer and new value', async () => {
    const done = await examined('{"a":[1.0,9007199254740993],"b":{"x":1,"x":2}}')
    expect(done.status).toBe(20)
    expect(done.stdout).toContain('/a/0 number_rewritten: 1.0')
    expect(done.stdout).toContain('/a/1 integer_past_doubles: 9007199254740993')
    expect(done.stdout).toContain('/b/x duplicate_member: x')
    expect(done.stdout.replaceAll(/\s+/g, ' ')).toContain(
      'jsonb and JSON.parse keep the last of them',
    )
  })

  test.each<[string, string | Buffer, string]>([
    ['a byte order mark', '\ufeff[1]', 'byte_order_mark'],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'utf8_invalid'],
    ['a hundred thousand levels', '['.repeat(100_000), 'too_deep'],
  ])('%s is a finding of the whole file', async (_hazard, bytes, code) => {
    const done = await examined(bytes, '--format', 'json')
    expect(done.status).toBe(20)
    const { findings, items } = getCheck(done)
    expect(findings.map((one) => one.code)).toEqual([code])
    if (code === 'byte_order_mark') return
    // Unchecked parts are not reported as clean.
    expect(items.filter(({ state }) => state === 'pass')).toEqual([])
  })

  test('lists 100 of 1000 findings, and counts all', async () => {
    const done = await examined(
      `[${Array.from({ length: 1_000 }, () => '1.0').join(',')}]`,
      '--format',
      'json',
    )
    expect(done.status).toBe(20)
    const { findings, items } = getCheck(done)
    expect(findings).toHaveLength(100)
    const item = items.find(({ id }) => id === 'number_rewritten')
    expect(item?.title).toMatch(/^1000, /)
    expect(item?.next).toBe('The first 100 of 1000 are shown.')
  })

  test.each(['[]', '{"flags":{},"overrides":[]}'])('%s holds nothing to look at', async (text) => {
    const done = await examined(text)
    expect(done).toMatchObject({ status: 2, stdout: '' })
    expect(done.stderr).toMatch(ERROR_FORM('nothing_to_check', 'usage'))
  })

  test.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['half a document', '{"a":'],
    ['two documents', '{}{}'],
    ['an HTML page', '<!doctype html>'],
  ])('%s is refused', async (_situation, bytes) => {
    const done = await examined(bytes)
    expect(done).toMatchObject({ status: 2, stdout: '' })
    expect(done.stderr).toMatch(ERROR_FORM('artefact_invalid', 'usage'))
    expect(done.stderr).not.toMatch(STACK)
  })

  test('a missing file, a folder, a pipe and a file that is too large are refused', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const large = join(folder, 'large')
    await writeFile(large, '')
    await truncate(large, 67_108_865)
    for (const path of [join(folder, 'nowhere'), folder, pipe, large]) {
      const done = await runFf(['parity', 'preflight', path])
      expect(done).toMatchObject({ status: 2, stdout: '' })
      expect(done.stderr).toMatch(ERROR_FORM('artefact_invalid', 'usage'))
    }
  })
})
