import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PROBES } from '../../../src/features/probes/index.ts'
import type { Probe, ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import { adapters } from '../../../src/composition.ts'
import { copyArtefacts } from '../../support/run-ff.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import {
  expectDetected,
  expectHeld,
  runFaults,
  scratchIn,
  toAdapters,
  toContext,
  toItem,
} from './context.ts'

const getProbe = (name: string): Probe => {
  const found = PROBES[name]
  if (found === undefined) throw new Error(`no probe ${name}`)
  return found
}

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('18')
})
afterAll(() => database.drop())
const here = (change: Partial<ProbeContext> = {}): ProbeContext =>
  toContext({ targets: scratchIn(database), ...change })

test('H1: every metric changes, and a renamed metric is missing', async () => {
  const sound = await getProbe('signals').measure(here())
  expect(sound).toMatchObject({
    measured: { metrics_missing: 0, metrics_still: 0 },
    example: null,
  })
  expectHeld(toItem('H1'), sound)
  expect(sound.met['moved']).toBe(22)
  const faults = await runFaults(getProbe('signals'), here())
  expectDetected(toItem('H1'), faults)
  const faulty = faults.get('metrics_missing')
  expect(faulty).toMatchObject({ measured: { metrics_missing: 1, metrics_still: 1 } })
  expect(faulty?.example).toBe('ff_decisions_total is not there')
})

// It waits for what never comes, and H2 for its drills: at the same time.
test.concurrent('H1: a request metric that counts only scrapes does not change', async () => {
  const forgetful = toAdapters({
    openTelemetry: async (log, readings) => {
      const telemetry = await adapters.openTelemetry(log, readings)
      const httpObserver: typeof telemetry.httpObserver = {
        replied: (done) => {
          if (done.route === 'metrics') telemetry.httpObserver.replied(done)
        },
        failed: (error, request_id) => telemetry.httpObserver.failed(error, request_id),
      }
      return { ...telemetry, httpObserver }
    },
  })
  // Ends the wait for a metric that never changes.
  const signal = AbortSignal.timeout(10_000)
  const seen = await getProbe('signals').measure(here({ adapters: forgetful, signal }))
  expect(seen.example).toBe('ff_http_requests_total did not move')
})

/** Measures H2 with other rules in the contract. */
async function getAlerts(rules: (own: Rule[]) => readonly object[]) {
  const copy = await copyArtefacts()
  try {
    const path = join(copy.root, 'contracts/alert_rules.json')
    const contract = JSON.parse(await readFile(path, 'utf8')) as { rules: Rule[] }
    await writeFile(path, JSON.stringify({ ...contract, rules: rules(contract.rules) }))
    return await getProbe('alerts').measure(here({ root: copy.root }))
  } finally {
    await copy.remove()
  }
}
interface Rule {
  readonly id: string
  readonly measure: object
}
const named = (rules: readonly Rule[], id: string): Rule => {
  const found = rules.find((one) => one.id === id)
  if (found === undefined) throw new Error(`no rule ${id}`)
  return found
}

test.concurrent('H2 reports a rule that cannot fire, one that always fires, one without a drill, and missing rules', async () => {
  const { measured, met, example } = await getAlerts((rules) => [
    { ...named(rules, 'store_down'), threshold: -1 },
    { ...named(rules, 'service_absent'), op: 'below', threshold: 2 },
    { ...named(rules, 'admin_breaker_open'), id: 'of_no_drill' },
    named(rules, 'changes_failing'),
  ])
  expect(example).toBe('store_down: it did not fire on its fault')
  expect(met).toMatchObject({ rules: 4, fired: 1 })
  const gone = 14
  expect(measured).toEqual({ rules_silent: 1 + 1 + gone, rules_stuck: 1 })
})
