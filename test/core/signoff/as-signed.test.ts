import { expect, test } from 'vitest'
import { judgeAsSigned } from '../../../src/core/signoff/as-signed.ts'
import { listRequiredAttestations } from '../../../src/core/signoff/gate-state.ts'
import { judgeGate } from '../../../src/core/gate/judge-gate.ts'
import {
  at,
  CHECKLIST,
  CONTROLS,
  getHash,
  go,
  goBut,
  passing,
  RUNNER,
  signed,
  whole,
} from '../gate/builders.ts'

const LENGTH = CHECKLIST.items.length + CONTROLS.length
const HEADS = [{ kid: RUNNER, seq: LENGTH, hash: getHash(LENGTH) }]

const { accepted } = signed()
/** The state of the folder, whose logs are read to their end. */
const state = { accepted, seen: { bundle: null, heads: HEADS, records: [] } }
const attestations = listRequiredAttestations(CHECKLIST.items, [])

test('signed now by both roles, what passes is a GO, which ends as the evidence does', () => {
  const { signoff: _none, ...input } = go()
  const judged = judgeAsSigned(input, state, attestations)
  expect(judged).toMatchObject({ verdict: 'go', valid_until: judgeGate(go()).valid_until })
  const signature = judged.items.find(({ id }) => id === 'J3')
  // The record of its probe ends it, 72 hours after the measurement.
  expect(signature?.valid_until).toBe(at(72 * 3_600_000 - 60_000))
})
test('what is missing besides the signatures stays missing', () => {
  const failing = goBut('A1', { result: 'fail' })
  expect(judgeAsSigned(failing, state, attestations).verdict).toBe('no_go')
  const { A1: _gone, ...fewer } = accepted
  expect(judgeAsSigned(go(), { ...state, accepted: fewer }, attestations).verdict).toBe('not_ready')
  const none = { 'platform-lead': [], 'security-lead': [] }
  const open = judgeAsSigned(go(), state, none).items.filter(({ state }) => state !== 'pass')
  expect(open.map(({ id }) => id)).toEqual(['G3', 'I4', 'J1', 'J3'])
})
test('a failure before the present heads of the logs is no failure since the signing', () => {
  const drafts = CHECKLIST.items.map((item) => passing(item))
  const failed = {
    ...(drafts[0] as (typeof drafts)[number]),
    result: 'fail' as const,
    codes: ['x'],
  }
  const evidence = whole([failed, ...drafts])
  const heads = [{ kid: RUNNER, seq: LENGTH + 1, hash: getHash(LENGTH + 1) }]
  const now = { ...state, seen: { ...state.seen, heads } }
  expect(judgeAsSigned(go({ evidence }), now, attestations).verdict).toBe('go')
  const none = { ...state, seen: { ...state.seen, heads: [] } }
  expect(judgeAsSigned(go({ evidence }), none, attestations).verdict).toBe('not_ready')
})
