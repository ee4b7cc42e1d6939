import { describe, expect, test } from 'vitest'
import type { CutoverPhase } from '../../../src/core/cutover/phases.ts'
import type { CutoverStanding } from '../../../src/core/cutover/way-out.ts'
import { hasTwoSides, refuseRepair } from '../../../src/features/cutover/refuse-repair.ts'

const at = (phase: CutoverPhase, standing: CutoverStanding) => ({
  phase,
  next: { standing, command: 'ff cutover next' },
})

describe('a repair of rows', () => {
  test('needs two sides that are at rest', () => {
    expect(hasTwoSides(at('dual_write', 'ready'))).toBe(true)
    expect(hasTwoSides(at('file', 'ready'))).toBe(false)
    expect(hasTwoSides(at('shadow_read', 'armed'))).toBe(false)
  })

  test.each<[CutoverPhase, CutoverStanding, code: string, part: string]>([
    ['file', 'ready', 'phase_refused', 'The phase is file'],
    ['complete', 'finished', 'phase_refused', 'The phase is complete'],
    ['db_authoritative', 'drill', 'phase_refused', 'A drill is under way'],
    ['shadow_read', 'armed', 'phase_refused', 'in the middle of a step'],
    ['shadow_read', 'intent_open', 'phase_refused', 'in the middle of a step'],
    ['dual_write', 'copies_differ', 'phase_refused', 'in the middle of a step'],
    ['dual_write', 'other_database', 'phase_refused', 'another database'],
    ['dual_write', 'chains_forked', 'chains_forked', 'name the side'],
    ['file', 'database_left', 'database_left', 'never joined again'],
  ])('in %s, %s, says why it is refused, and what leads out', (phase, standing, code, part) => {
    const refusal = refuseRepair(at(phase, standing))
    expect(refusal.code).toBe(code)
    expect(refusal.message).toContain(part)
    expect(refusal.hint).toContain('`ff cutover next`')
  })
})
