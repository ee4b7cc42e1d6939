import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { findRule } from '../../src/core/parity/field-rules.ts'
import { judgeVector } from '../../src/core/parity/judge-vector.ts'
import { type Fault, replace, withFault } from '../support/faults.ts'
import { finished, startFf } from '../support/run-ff.ts'
import { FAULTS, ONE_OF_EACH_PROOF, runSelftestHere } from '../support/planted-faults.ts'
import { shared } from '../support/shared.ts'
import { FULL } from '../support/scale.ts'
import { getCheck, toError, until } from './outcome.ts'

const { replaceable } = await vi.hoisted(() => {
  vi.resetModules() // Files share a process: what an earlier one loaded is not replaceable.
  return import('../support/faults.ts')
})
vi.mock(import('../../src/core/parity/field-rules.ts'), replaceable)
vi.mock(import('../../src/core/parity/judge-vector.ts'), replaceable)

const ARGS = ['parity', 'selftest', '--format', 'json']
/** A full run plants some 270 faults on each side, and runs all cells a dozen times. */
const LONG = { timeout: 300_000 }
/** These alone have to reveal a blind check: a catalogue of more faults then does not pass either. */
const IN_VECTORS = FAULTS.filter(({ proof }) => proof === 'vectors')

describe('ff parity selftest', LONG, () => {
  // Started while the other cases run; a failure is that of its case.
  beforeAll(() => void shared('selftest').catch(() => undefined))

  test('two runs report the same except for the time', async () => {
    // One fault is enough to compare reports, and the proof by vectors is the quickest.
    const faults = FULL ? ONE_OF_EACH_PROOF : IN_VECTORS.slice(0, 1)
    const untimed = async (): Promise<object> => {
      const target = { kind: 'file', folder: null } as const
      const { timing, ...facts } = await runSelftestHere(target, faults)
      expect(timing).toHaveProperty('duration_ms')
      return facts
    }
    expect(await untimed()).toEqual(await untimed())
  })

  /** Harnesses with one check disabled. */
  const BLIND: readonly (readonly [eye: string, fault: Fault])[] = [
    [
      'the expectation of the candidate',
      replace(judgeVector, (real) => (...given) => {
        const verdict = real(...given)
        if (verdict.status === 'unanswered') return verdict
        const seen = verdict.divergences.filter(({ sides }) => sides === 'baseline-candidate')
        return { ...verdict, divergences: seen, status: seen.length > 0 ? 'fail' : 'pass' }
      }),
    ],
    [
      'the rule for fields',
      // A field without a rule may differ.
      replace(findRule, (real) => (rules, at) => {
        const told = rules.map((one) => ({ ...one, rule: 'MUST_DIFFER' as const }))
        return real(told, at) === 'MUST_MATCH' ? 'MAY_DIFFER' : real(rules, at)
      }),
    ],
  ]
  test.each(BLIND)('does not pass with %s gone blind', (_eye, fault) =>
    withFault(fault, async () => {
      expect(IN_VECTORS.length).toBeGreaterThan(5)
      const { exitName } = await runSelftestHere({ kind: 'file', folder: null }, IN_VECTORS)
      expect(['no_go', 'inconclusive']).toContain(exitName)
    }),
  )

  test('that is interrupted proves nothing', async () => {
    const home = await mkdtemp(join(tmpdir(), 'ff-selftest-'))
    const child = startFf([...ARGS, '--candidate', 'file'], { env: { TMPDIR: home } })
    const end = finished(child)
    await until('a scratch store', async () => (await readdir(home)).length > 0)
    child.kill('SIGINT')
    const done = await end
    await rm(home, { recursive: true })
    expect(done.status).toBe(130)
    expect(toError(done).code).toBe('interrupted')
  })

  test('catches every fault on a file and a database, each by the named proof', async () => {
    const done = await shared('selftest')
    expect(done.status, done.stderr + done.stdout.slice(-2000)).toBe(0)
    const { items, verdict } = getCheck(done)
    expect(verdict).toBe('pass')
    expect(items.filter(({ id }) => id.startsWith('control.'))).toHaveLength(14)
    expect(FAULTS.length).toBeGreaterThan(5)
    for (const { id, proof } of FAULTS) {
      const item = items.find((one) => one.id === id)
      expect(item, id).toMatchObject({ state: 'pass', seen_by: { proof } })
      expect(item?.seen_by?.subject).not.toBe('')
    }
  })
})
