import { afterAll, beforeAll, expect, test } from 'vitest'
import { ENDPOINTS } from '../../../src/features/probes/testbed/endpoints.ts'
import { PROBES } from '../../../src/features/probes/index.ts'
import { SUITE } from '../../../src/features/probes/testbed/management-suite.ts'
import type { Measurement } from '../../../src/core/gate/judge-measurement.ts'
import type { Probe } from '../../../src/features/probes/framework/probe.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { expectDetected, expectHeld, runFaults, scratchIn, toContext, toItem } from './context.ts'

const getProbe = (id: string): Probe => PROBES[toItem(id).probe.name] as Probe
let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('18')
})
afterAll(() => database.drop())
const contextFor = (id: string, params: object = {}) =>
  toContext({ targets: scratchIn(database), params: { ...toItem(id).probe.params, ...params } })
/** The measurement of an item, whose limits hold. */
async function measureHeld(id: string): Promise<Measurement> {
  const sound = await getProbe(id).measure(contextFor(id))
  expectHeld(toItem(id), sound)
  return sound
}
/** What each control of an item measures; all are detected. */
async function measureFaults(id: string, params: object = {}): ReturnType<typeof runFaults> {
  const faults = await runFaults(getProbe(id), contextFor(id, params))
  expectDetected(toItem(id), faults)
  return faults
}

test('E4 gets every kind of status from both stores, and detects a list in reverse order', async () => {
  const sound = await measureHeld('E4')
  expect(sound.example).toBeNull()
  expect(sound.sample_size).toBe(SUITE.length)
  expect(SUITE.length).toBeGreaterThan(120)
  expect(sound.met['statuses']).toBe('200 201 400 401 403 404 405 409 412 413 415 422')
  const faulty = (await measureFaults('E4')).get('differences')
  expect(faulty?.measured['differences']).toBeGreaterThan(5)
  expect(faulty?.example).toContain('/v1/flags')
})

test('A5 sends every credential to every endpoint, and detects an unguarded endpoint', async () => {
  const sound = await measureHeld('A5')
  expect(sound.example).toBeNull()
  expect(sound.met).toMatchObject({ endpoints: ENDPOINTS.length, unsendable: 1 })
  expect(sound.sample_size).toBeGreaterThanOrEqual(500)
  expect(sound.sample_size % ENDPOINTS.length).toBe(0)
  expect(sound.met['let_in']).toBeGreaterThan(20)
  // A tenth of the fixtures in their own environments already shows the open endpoint.
  const faulty = (await measureFaults('A5', { pairs: 1 })).get('differences')
  expect(faulty?.example).toContain('at flags.list')
  // H8: authenticators that accept expired tokens.
  expect(faulty?.measured['rows_wrong']).toBeGreaterThan(0)
})

test('A1 measures the endpoint of evaluations', async () => {
  const forged = await measureHeld('A1')
  expect(forged.measured['valid_accepted']).toBe(9)
  expect(forged.met['ways_in']).toContain('/v1/flags/evaluate')
})

test('a verifier that trusts headers accepts most forgeries, and fetches the key of the attacker', async () => {
  const measured = (await measureFaults('A1')).get('forged_accepted')?.measured
  expect(measured?.['forged_accepted']).toBeGreaterThan(45)
  expect(measured?.['attacker_key_requests']).toBeGreaterThan(0)
})

test('A3 measures the endpoint of evaluations, and detects fixed keys and a restart', async () => {
  const rotated = await measureHeld('A3')
  expect(rotated.measured).toMatchObject({ retired_key_refused: true, valid_refused: 0 })
  expect(rotated.met['endpoint']).toContain('/v1/flags/evaluate')
  await measureFaults('A3')
})
