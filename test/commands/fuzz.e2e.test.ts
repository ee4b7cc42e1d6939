import { describe, expect, test } from 'vitest'
import { runFf } from '../support/run-ff.ts'
import { getCheck, ERROR_FORM } from './outcome.ts'

describe.concurrent('ff parity fuzz', () => {
  test('finds no difference between a file and a database, and reports how much it compared', async () => {
    const args = ['parity', 'fuzz', '--candidate', 'embedded', '--runs', '60', '--seed', '5']
    const done = await runFf([...args, '--format', 'json'])
    expect(done.status, done.stdout).toBe(0)
    const { kind, items } = getCheck(done)
    expect(kind).toBe('parity_fuzz')
    expect(items.map(({ id }) => id)).toEqual([
      'decisions',
      'writes',
      'metamorphic',
      'control.comparer',
      'control.fields',
      'control.a_a',
      'rule',
      'control.decisions',
      'control.writes',
      'control.metamorphic',
    ])
    expect(items[0]?.title).toMatch(/^60 scenes of seed 5, \d{3,} decisions compared$/)
    expect(items[1]?.title).toMatch(/^\d{2,} writes, each compared and its row read back$/)
  })

  test('without --seed reports the seed that it used', async () => {
    const done = await runFf([
      'parity',
      'fuzz',
      '--candidate',
      'file',
      '--allow-same-kind',
      '--runs',
      '5',
    ])
    expect(done.status).toBe(0)
    expect(done.stdout).toMatch(/5 scenes of seed \d+, /)
  })

  test('ends at its time limit with a partial report', async () => {
    const started = performance.now()
    const args = [
      'parity',
      'fuzz',
      '--candidate',
      'file',
      '--allow-same-kind',
      '--runs',
      '1000000',
      // On a busy machine a shorter run compares too little, and says so (22).
      '--time',
      '4',
    ]
    const done = await runFf(args)
    expect(done.status, done.stdout + done.stderr).toBe(0)
    expect(performance.now() - started).toBeLessThan(20_000)
  })

  test.each([
    ['--runs', '0'],
    ['--runs', 'many'],
    ['--seed', '-1'],
    ['--seed', '2147483648'],
    ['--time', '1.5'],
  ])('%s %s is refused', async (name, value) => {
    const done = await runFf([
      'parity',
      'fuzz',
      '--candidate',
      'file',
      '--allow-same-kind',
      `${name}=${value}`,
    ])
    expect(done).toMatchObject({ status: 2, stdout: '' })
    expect(done.stderr).toMatch(ERROR_FORM('option_invalid', 'usage'))
  })
})
