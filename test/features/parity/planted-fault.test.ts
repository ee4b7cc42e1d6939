import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../../src/core/json/read.ts'
import { compareJson } from '../../../src/core/parity/compare.ts'
import type { RowsByTable } from '../../../src/core/rows/rows.ts'
import { FfError } from '../../../src/errors.ts'
import { checkPlantedFault, type PreparedCase } from '../../../src/features/parity/planted-fault.ts'
import type { ParitySide, ParitySides } from '../../../src/features/parity/sides.ts'
import { flagRow, objectNode, userRow } from '../../core/builders.ts'

const state: RowsByTable = {
  flag_registry: [flagRow({ flag_key: 'ff.a' })],
  tenant_override: [],
  user_override: [userRow({ flag_key: 'ff.a' })],
}
const expectation = (scope: string): JsonObject =>
  objectNode(`{"value":${scope === '"user"'},"matched_scope":${scope},"meta":{}}`)
const toCase = (id: string, scope: string): PreparedCase => ({
  id,
  state,
  prepared: {} as PreparedCase['prepared'],
  expected: expectation(scope),
})

/** A side that decides by whether it holds a user override. */
function createSide(backing: 'file' | 'db', change: Partial<ParitySide> = {}): ParitySide {
  let held = 0
  return {
    facts: { target: backing, backing, server: null },
    load: ({ user_override }) => {
      held = user_override.length
      return Promise.resolve()
    },
    ask: () => {
      const [value, scope] = held > 0 ? ['true', '"user"'] : ['false', '"global"']
      const text = `{"value":${value},"matched_scope":${scope},"meta":{"backing_state":"${backing}"}}`
      return Promise.resolve({ answer: { status: 'decided', text }, rows: null })
    },
    ...change,
  }
}
const check = (sides: ParitySides, cases = [toCase('a', '"user"')]) =>
  checkPlantedFault(cases, sides, { rules: [], compare: compareJson })

describe('a planted fault', () => {
  test('is seen between the sides and by the expectation', async () => {
    const sides = { baseline: createSide('file'), candidate: createSide('db') }
    const cases = [toCase('a', '"global"'), toCase('b', '"user"')]
    expect(await check(sides, cases)).toEqual({ id: 'planted', faults: [], pairs: 2 })
  })

  test('H4: is missed by a proof that asks the baseline twice', async () => {
    const baseline = createSide('file')
    // The candidate of such a proof loads its rows into a store that is never asked.
    const candidate = createSide('file', { ask: (prepared) => baseline.ask(prepared) })
    expect((await check({ baseline, candidate })).faults).toEqual([
      'a without its overrides, baseline-candidate',
      'a without its overrides, candidate-expected',
    ])
  })

  test('proves nothing over a side that is lost', async () => {
    const lost = new FfError('backing_unavailable', 'It is gone.', { hint: 'Look.' })
    const candidate = createSide('db', { load: () => Promise.reject(lost) })
    expect((await check({ baseline: createSide('file'), candidate })).faults).toHaveLength(2)
    const bug = createSide('db', { load: () => Promise.reject(new Error('a bug')) })
    await expect(check({ baseline: createSide('file'), candidate: bug })).rejects.toThrow('a bug')
  })

  test('holds for no case where no override decides', async () => {
    const sides = { baseline: createSide('file'), candidate: createSide('db') }
    expect(await check(sides, [toCase('a', 'null')])).toMatchObject({ pairs: 0 })
  })
})
