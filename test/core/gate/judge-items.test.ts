import { expect, test } from 'vitest'
import { judgeGate } from '../../../src/core/gate/judge-gate.ts'
import { judgeItems } from '../../../src/core/gate/judge-items.ts'
import { toGateState } from '../../../src/core/signoff/gate-state.ts'
import { CHECKLIST, go, goBut, getHash, IDENTITY, RUNNER, signed, waiver } from './builders.ts'

test('a measured item without its attestation passes the first step', () => {
  const missing = { status: 'missing', roles: ['platform-lead', 'security-lead'] } as const
  const items = judgeGate(go({ signoff: missing })).items
  const states = judgeItems({ ...go(), must_hold: [] }).items
  expect(states.map(({ state }) => state)).toEqual(CHECKLIST.items.map(() => 'pass'))
  expect(items.filter(({ state }) => state === 'pending').map(({ id }) => id)).toEqual([
    'G3',
    'I4',
    'J1',
    'J2',
    'J3',
  ])
})

test('a log that does not extend the signed head makes every item an error', () => {
  const head = { kid: RUNNER, seq: 42, hash: getHash(7) }
  const { items, logs } = judgeItems({ ...go(), must_hold: [head] })
  expect(logs).toMatchObject({ status: 'untrusted', code: 'evidence_forked' })
  expect(new Set(items.map(({ state }) => state))).toEqual(new Set(['error']))
  const extended = judgeItems({ ...go(), must_hold: [{ ...head, hash: getHash(42) }] })
  expect(extended.logs.status).toBe('whole')
})

test('an item that is waived although its limits hold is signed as waived, and allows a GO', () => {
  const covers = { state: 'inconclusive', code: 'too_few_samples' } as const
  const waivers = [waiver({ item: 'G3', covers })]
  const input = goBut('G3', { sample_size: 1 }, { waivers })
  const { items } = judgeItems({ ...input, must_hold: [] })
  const about = {
    checklist: CHECKLIST,
    identity: IDENTITY,
    counts: {},
    departures: [],
    heads: [],
    logs: [],
    runners: [],
  }
  const { accepted } = toGateState(items, about)
  expect(accepted['G3']).toBe('waived')
  expect(judgeGate({ ...input, signoff: signed({ accepted }) }).verdict).toBe('go')
  expect(judgeGate(input).items.filter(({ state }) => state === 'stale')).toHaveLength(2)
})
