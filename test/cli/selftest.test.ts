import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CATALOGUE } from '../../src/app/selftest/catalogue.ts'
import { copyPackage, finished, runFf, startFf } from '../support/run-ff.ts'
import { checkOf, edit, errorOf } from './outcome.ts'

const ARGS = ['parity', 'selftest', '--format', 'json']
/** Some two hundred runs of the vectors, and a dozen of all cells. */
const LONG = { timeout: 300_000 }

describe('ff parity selftest', LONG, () => {
  test('catches every fault on a file and a database, and each by the proof that it names', async () => {
    const done = await runFf([...ARGS, '--candidate', 'embedded'])
    expect(done.status, done.stderr + done.stdout.slice(-2000)).toBe(0)
    const { items, verdict } = checkOf(done)
    expect(verdict).toBe('pass')
    expect(items.filter(({ id }) => id.startsWith('control.'))).toHaveLength(10)
    for (const { id, proof } of CATALOGUE) {
      const item = items.find((one) => one.id === id)
      expect(item, id).toMatchObject({ state: 'pass', seen_by: { proof } })
      expect(item?.seen_by?.subject).not.toBe('')
    }
  })

  test('two runs say the same, but for the time', async () => {
    const runs = await Promise.all([1, 2].map(() => runFf([...ARGS, '--candidate', 'file'])))
    const [first, second] = runs.map(({ stdout }) => {
      const { timing, ...facts } = JSON.parse(stdout) as { timing: object }
      expect(timing).toHaveProperty('duration_ms')
      return facts
    })
    expect(first).toEqual(second)
  })

  /** A harness that has gone blind in one eye. */
  const BLIND: readonly (readonly [string, string, string, string])[] = [
    [
      'the expectation of the candidate',
      'core/parity/judge-vector.js',
      'compared.flatMap((one) => one.divergences',
      "compared.filter(({ sides }) => sides === 'baseline-candidate').flatMap((one) => one.divergences",
    ],
    [
      'the rule for fields',
      'core/parity/field-rules.js',
      "rule: 'MUST_MATCH'",
      "rule: 'MAY_DIFFER'",
    ],
  ]
  test.each(BLIND)('does not pass with %s gone blind', async (_eye, file, from, to) => {
    const copy = await copyPackage()
    try {
      await edit(join(copy.root, 'dist/src', file), from, to)
      const done = await runFf([...ARGS, '--candidate', 'file'], { root: copy.root })
      expect([20, 22]).toContain(done.status)
    } finally {
      await copy.remove()
    }
  })

  test('that is interrupted ends so, and proves nothing', async () => {
    const child = startFf([...ARGS, '--candidate', 'file'])
    setTimeout(() => child.kill('SIGINT'), 2_000)
    const done = await finished(child)
    expect(done.status).toBe(130)
    expect(errorOf(done).code).toBe('interrupted')
  })
})
