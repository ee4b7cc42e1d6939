import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT, runFf } from '../support/run-ff.ts'

const names = (await readdir(join(ROOT, 'contracts/schemas')))
  .filter((name) => name.endsWith('.schema.json'))
  .map((name) => name.replace('.schema.json', ''))

describe('ff schema', () => {
  test('lists every schema', async () => {
    expect(names.length).toBeGreaterThan(40)
    const { status, stdout } = await runFf(['schema'])
    expect([status, stdout.trim().split('\n')]).toEqual([0, names.toSorted()])
  })
  test.each(names)('%s prints the schema of that name', async (name) => {
    const { status, stdout } = await runFf(['schema', name])
    expect([status, JSON.parse(stdout)]).toMatchObject([0, { $id: `${name}.schema.json` }])
  })
  test('an unknown name ends 2 with the nearest one', async () => {
    const { status, stderr } = await runFf(['schema', 'gate-reprot'])
    expect([status, stderr]).toEqual([2, expect.stringContaining('`ff schema gate-report`')])
  })
})

describe('--json', () => {
  test('is short for --format json, also of an error', async () => {
    const [long, short] = await Promise.all(
      [['--format', 'json'], ['--json']].map((more) => runFf(['checklist', 'show', ...more])),
    )
    expect(short).toEqual(long)
    const error = await runFf(['parity', 'run', '--vector', 'PV-99', '--json'])
    expect([error.status, JSON.parse(error.stdout)]).toMatchObject([
      2,
      { error: { code: 'nothing_to_check' } },
    ])
  })
  test('beside another format ends 2', async () => {
    const { status, stderr } = await runFf(['gate', '--json', '--format', 'text'])
    expect([status, stderr]).toEqual([2, expect.stringContaining('[option_invalid,')])
  })
  test('is no option of a command without that format', async () => {
    expect((await runFf(['init', '--json'])).status).toBe(2)
  })
})
