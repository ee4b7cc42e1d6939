import { describe, expect, test } from 'vitest'
import {
  findUnmeasured,
  listRehearsalSteps,
  MISSING_PARTS,
  type RehearsalOptions,
  type RehearsalParts,
  type RehearsedCommand,
  sumSeconds,
} from '../../../src/features/rehearse/steps.ts'
import { CHECKLIST } from '../../core/gate/builders.ts'

const { items } = CHECKLIST
const OPTIONS: RehearsalOptions = {
  rows: { kind: 'mapped', mapping: 'mapping.json', input: 'flags.json' },
  quick: false,
  sign: true,
}
const PARTS = { broker: true, redis: true, restore: true }
const list = (change: Partial<RehearsalOptions> = {}, parts: Partial<RehearsalParts> = {}) =>
  listRehearsalSteps({ ...OPTIONS, ...change }, items, { ...PARTS, ...parts })
const listCommands = (...given: Parameters<typeof list>): readonly RehearsedCommand[] =>
  list(...given).flatMap((one) => (one.do === 'command' ? [one] : []))
const find = (start: string, ...given: Parameters<typeof list>): readonly string[] =>
  listCommands(...given)
    .map(({ words }) => words.join(' '))
    .filter((words) => words.startsWith(start))

describe('the measurements of a rehearsal', () => {
  test('leave out what needs time, and what nothing measures there yet', () => {
    const ids = find('probe run').map((words) => words.split(' ')[2])
    const left = items.filter(({ id }) => !ids.includes(id))
    expect(left.map(({ id }) => id)).toEqual(
      items
        .filter(
          ({ id, probe }) => ['H3', 'H4'].includes(id) || Object.hasOwn(MISSING_PARTS, probe.name),
        )
        .map(({ id }) => id),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })
  test('end with what ages within the hour', () => {
    const ids = find('probe run').map((words) => words.split(' ')[2])
    expect(ids.slice(-4, -1)).toEqual(['B1', 'C1', 'C2'])
  })
  test('measure last, in the next phase, what answers from Redis have', () => {
    const [step, probe] = listCommands()
      .map(({ words }) => words.join(' '))
      .filter((words) => /^(cutover advance|probe run)/.test(words))
      .slice(-2)
    expect([step, probe?.slice(0, 12)]).toEqual(['cutover advance', 'probe run D4'])
  })
  test('restore a backup on the server whose pg_dump is here', () => {
    const scratch = (words: readonly string[]) => words.map((one) => one.includes('--scratch'))
    expect(scratch(find('probe run I3'))).toEqual([true])
    expect(scratch(find('probe run I3', {}, { restore: false }))).toEqual([false])
  })
  test('make the flag of F1 before it', () => {
    const ids = find('probe run').map((words) => words.split(' ')[2])
    expect(ids.indexOf('H1')).toBeLessThan(ids.indexOf('F1'))
  })
  test('follow a delivery of the audit records, where there is a broker', () => {
    const words = listCommands().map((one) => one.words.join(' '))
    const [ship, probe] = ['audit ship', 'probe run G3'].map((start) =>
      words.findIndex((one) => one.startsWith(start)),
    ) as [number, number]
    expect(ship).toBe(probe - 1)
    expect(find('audit ship', {}, { broker: false })).toEqual([])
  })
  test('allow by name what disrupts staging, and nothing else', () => {
    const disrupting = find('probe run').filter((words) => words.includes('--allow-disrupt'))
    const wanted = items.filter(
      (item) =>
        item.where === 'staging' &&
        item.effect === 'disrupt' &&
        findUnmeasured(item, false) === null,
    )
    expect(disrupting.map((words) => words.split(' ')[2])).toEqual(wanted.map(({ id }) => id))
  })
})

describe('a sample', () => {
  const runs = listCommands({ quick: true }).filter(({ words }) => words[1] === 'run')
  test('is signed by a key of its own, into a folder of its own', () => {
    expect(runs.length).toBeGreaterThan(5)
    for (const { words, settings } of runs) {
      expect(words).toContain('--evidence')
      expect(settings).toEqual({ FF_RUNNER_KEY_FILE: 'private/quick.pem' })
    }
  })
  test('is smaller, takes less time, and is not signed by people', () => {
    expect(runs.length).toBeLessThan(find('probe run').length)
    expect(sumSeconds(list({ quick: true }))).toBeLessThan(sumSeconds(list()) / 2)
    expect(find('signoff', { quick: true })).toEqual([])
  })
})

test('no person signs with --no-sign', () => {
  expect(find('signoff sign')).toHaveLength(2)
  expect(find('signoff', { sign: false })).toEqual([])
})

test('goes to complete twice, and back', () => {
  expect(find('cutover advance')).toHaveLength(9)
  expect(find('cutover rollback --to')).toEqual([
    'cutover rollback --to db_authoritative',
    'cutover rollback --to file',
    'cutover rollback --to db_authoritative',
    'cutover rollback --to shadow_read',
  ])
})

test('copies a store in place of the import of a file', () => {
  const own = { rows: { kind: 'store', folder: '/srv/ff' } } as const
  expect(find('import', own)).toEqual([])
  expect(list(own).filter((one) => one.do === 'act' && one.act === 'copy_store')).toHaveLength(1)
})
