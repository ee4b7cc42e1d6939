import { expect, test } from 'vitest'
import { judgeAsSigned } from '../../../src/core/signoff/as-signed.ts'
import { listRequiredAttestations } from '../../../src/core/signoff/gate-state.ts'
import { judgeGate } from '../../../src/core/gate/judge-gate.ts'
import { at, CHECKLIST, go, goBut, signed } from '../gate/builders.ts'

const { accepted } = signed()
const attestations = listRequiredAttestations(CHECKLIST.items, [])

test('signed now by both roles, what passes is a GO, which ends as the evidence does', () => {
  const { signoff: _none, ...input } = go()
  const judged = judgeAsSigned(input, accepted, attestations)
  expect(judged).toMatchObject({ verdict: 'go', valid_until: judgeGate(go()).valid_until })
  const signature = judged.items.find(({ id }) => id === 'J3')
  // The record of its probe ends it, 72 hours after the measurement.
  expect(signature?.valid_until).toBe(at(72 * 3_600_000 - 60_000))
})
test('what is missing besides the signatures stays missing', () => {
  const failing = goBut('A1', { result: 'fail' })
  expect(judgeAsSigned(failing, accepted, attestations).verdict).toBe('no_go')
  const { A1: _gone, ...fewer } = accepted
  expect(judgeAsSigned(go(), fewer, attestations).verdict).toBe('not_ready')
  const none = { 'platform-lead': [], 'security-lead': [] }
  const open = judgeAsSigned(go(), accepted, none).items.filter(({ state }) => state !== 'pass')
  expect(open.map(({ id }) => id)).toEqual(['G3', 'I4', 'J1', 'J3'])
})
