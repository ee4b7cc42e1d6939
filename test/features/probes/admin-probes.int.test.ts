import { describe, expect, test } from 'vitest'
import type { Measurement } from '../../../src/core/gate/judge-measurement.ts'
import { PROBES } from '../../../src/features/probes/index.ts'
import type { Probe, ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import { runProbe } from '../../../src/features/probes/framework/run-probe.ts'
import type { Adapters } from '../../../src/ports/adapters.ts'
import type { AdminBehaviour, CheckApproval } from '../../../src/ports/admin.ts'
import { adapters } from '../../../src/composition.ts'
import {
  expectDetected,
  expectHeld,
  runFaults,
  toAdapters,
  toItem,
  TERMS,
  toContext,
} from './context.ts'

const IDS = ['F1', 'F2', 'F3', 'F4'] as const
const faults = new Map<string, ReturnType<typeof runFaults>>()
const getProbe = (id: string): Probe => PROBES[toItem(id).probe.name] as Probe
/** What the controls of a probe measure; they wait for real timeouts, so the cases of this file share one run of each. */
function getFaults(id: string): ReturnType<typeof runFaults> {
  const run = faults.get(id) ?? runFaults(getProbe(id), contextFor(id))
  faults.set(id, run)
  return run
}
const getFault = async (id: string, measure: string): Promise<Measurement> =>
  (await getFaults(id)).get(measure) as Measurement
const contextFor = (id: string, change: Partial<Adapters> = {}): ProbeContext =>
  toContext({ params: toItem(id).probe.params, adapters: toAdapters(change) })
const measured = (id: string, change: Partial<Adapters>) =>
  getProbe(id).measure(contextFor(id, change))

/** The real client with its approval check wrapped by `change`. */
const wrapCheck = (change: (check: CheckApproval) => CheckApproval): Partial<Adapters> => ({
  openApprovals: async (plan) => {
    const opened = await adapters.openApprovals(plan)
    return {
      begin: () => change(opened.begin()),
      abandon: (ref) => opened.abandon(ref),
      metrics: () => opened.metrics(),
      close: () => opened.close(),
    }
  },
})
/** An Admin that shows the behaviour `to` instead of `from`. */
const replaceBehaviour = (from: AdminBehaviour, to: AdminBehaviour): Partial<Adapters> => ({
  openAdminServer: async (approvals) => {
    const server = await adapters.openAdminServer(approvals)
    const setBehaviour = server.setBehaviour.bind(server)
    server.setBehaviour = ({ behaviour, delay_ms }) =>
      setBehaviour({ behaviour: behaviour === from ? to : behaviour, delay_ms })
    return server
  },
})

// They wait for real time-outs, and can do so at the same time.
describe.concurrent.each(IDS)('%s', (id) => {
  test('passes on the real client, and its controls are detected', async () => {
    const item = toItem(id)
    const draft = await runProbe(item, getProbe(id), { context: contextFor(id), terms: TERMS })
    expect(draft.codes).toEqual([])
    expect([draft.result, draft.where]).toEqual(['pass', 'scratch'])
    expect(draft.sample_size).toBeGreaterThanOrEqual(item.min_sample)
    const { times_measured: _, ...met } = draft.met
    expectHeld(item, { ...draft, met })
    expectDetected(item, await getFaults(id))
  })
})

describe('F1 detects', () => {
  test('every message, where the contract is not the pinned one', async () => {
    const { measured: found, example } = await getFault('F1', 'contract_differences')
    expect(found).toEqual({
      contract_differences: 18,
      anonymous_answered: 0,
      foreign_approvals_known: 0,
    })
    expect(example).toContain('sensitive.check.2b')
  })
  test('an Admin that accepts callers without a token', async () => {
    const found = await measured('F1', {
      openApprovals: async (plan) =>
        adapters.openApprovals(
          plan.kind === 'admin' && plan.credential.token === null
            ? { kind: 'file', approvals: [] }
            : plan,
        ),
    })
    expect(found.measured).toMatchObject({ anonymous_answered: 1 })
  })
  test('approvals that Admin confirms for another flag, tenant or user', async () => {
    const here = { flag_key: 'ff.probe', tenant_id: 'T-probe', user_id: 'U-probe' }
    const unscoped = wrapCheck((check) => (question) => check({ ...question, ...here }))
    expect((await measured('F1', unscoped)).measured).toMatchObject({ foreign_approvals_known: 3 })
  })
  test('an approval reported in the wrong state', async () => {
    const blind = wrapCheck((check) => async (question) => {
      const answer = await check(question)
      if (answer.status !== 'known') return answer
      const { stated: _, ...rest } = answer
      return { ...rest, revoked: false }
    })
    const found = await measured('F1', blind)
    expect(found.measured).toMatchObject({ contract_differences: 1 })
    expect(found.example).toBe('revoked came out as valid')
  })
})

describe('F2 detects', () => {
  test('a client that waits too long and then uses the late answer', async () => {
    const { measured: found } = await getFault('F2', 'slowest_ms')
    expect(found).toMatchObject({ slow_allowed: 1, in_time_refused: 0 })
    expect(found['slowest_ms']).toBeGreaterThan(4_900)
  })
  test('a client with too short a timeout', async () => {
    const hasty: Partial<Adapters> = {
      openApprovals: (plan) =>
        adapters.openApprovals(
          plan.kind === 'admin' ? { ...plan, limits: { ...plan.limits, timeout_ms: 500 } } : plan,
        ),
    }
    const found = await measured('F2', hasty)
    expect(found.measured).toMatchObject({ in_time_refused: 1, slow_allowed: 0 })
    expect(found.example).toBe('an answer after 0.9 s')
  })
  test('sockets that stay open', async () => {
    const leaky: Partial<Adapters> = {
      openApprovals: async (plan) => {
        const opened = await adapters.openApprovals(plan)
        return {
          begin: () => opened.begin(),
          abandon: (ref) => opened.abandon(ref),
          metrics: () => ({ ...opened.metrics(), sockets: 1 }),
          close: () => opened.close(),
        }
      },
    }
    expect((await measured('F2', leaky)).measured).toMatchObject({ sockets_left: 5 })
  })
})

describe('F3 detects', () => {
  test('a client that allows in every failure mode', async () => {
    const { measured: found, example } = await getFault('F3', 'modes_denied')
    expect(found).toEqual({ modes_denied: 0, wrong_reasons: 15 })
    expect(example).toBe('refused: allow global_default before, then allow global_default')
  })
  test('a failure mode that does not fail', async () => {
    const found = await measured('F3', replaceBehaviour('cut_short', 'honest'))
    expect(found.measured).toEqual({ modes_denied: 14, wrong_reasons: 1 })
    expect(found.example).toContain('cut short')
  })
  test('a client that denies every request', async () => {
    const found = await measured(
      'F3',
      wrapCheck(() => () => Promise.resolve({ status: 'unreachable' })),
    )
    expect(found.measured).toEqual({ modes_denied: 15, wrong_reasons: 15 })
  })
  test('a denial for another reason', async () => {
    const found = await measured(
      'F3',
      wrapCheck((check) => async (question) => {
        const answer = await check(question)
        return answer.status === 'unreachable' ? { status: 'unknown' } : answer
      }),
    )
    expect(found.measured).toEqual({ modes_denied: 0, wrong_reasons: 15 })
  })
})

test('F4 detects a client without a circuit breaker', async () => {
  const { measured: found } = await getFault('F4', 'open_calls')
  expect(found).toMatchObject({
    opened_as_declared: false,
    open_calls: 11,
    half_open_calls: 10,
    closed_on_success: false,
  })
})
