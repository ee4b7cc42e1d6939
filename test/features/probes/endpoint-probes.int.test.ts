import { afterAll, beforeAll, expect, test } from 'vitest'
import { ENDPOINTS } from '../../../src/features/probes/testbed/endpoints.ts'
import { PROBES } from '../../../src/features/probes/index.ts'
import { SUITE } from '../../../src/features/probes/testbed/management-suite.ts'
import type { Probe } from '../../../src/features/probes/framework/probe.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { getControl, scratchIn, toContext, toItem } from './context.ts'

const getProbe = (name: string): Probe => PROBES[name] as Probe
let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('18')
})
afterAll(() => database.drop())
const contextFor = (id: string) =>
  toContext({ targets: scratchIn(database), params: toItem(id).probe.params })

test('E4 gets every kind of status from both stores, and detects a list in reverse order', async () => {
  const sound = await getProbe('api-parity').measure(contextFor('E4'))
  expect(sound.example).toBeNull()
  expect(sound.measured).toEqual({ differences: 0 })
  expect(sound.sample_size).toBe(SUITE.length)
  expect(SUITE.length).toBeGreaterThan(120)
  expect(sound.met['statuses']).toBe('200 201 400 401 403 404 405 409 412 413 415 422')
  const faulty = await getControl(getProbe('api-parity'), 'differences')(contextFor('E4'))
  expect(faulty.measured['differences']).toBeGreaterThan(5)
  expect(faulty.example).toContain('/v1/flags')
})

test('A5 sends every credential to every endpoint, and detects an unguarded endpoint', async () => {
  const sound = await getProbe('mode-matrix').measure(contextFor('A5'))
  expect(sound.example).toBeNull()
  expect(sound.measured).toEqual({ rows_wrong: 0, differences: 0 })
  expect(sound.met).toMatchObject({ endpoints: ENDPOINTS.length, unsendable: 1 })
  expect(sound.sample_size).toBeGreaterThanOrEqual(500)
  expect(sound.sample_size % ENDPOINTS.length).toBe(0)
  expect(sound.met['let_in']).toBeGreaterThan(20)
  const faulty = await getControl(getProbe('mode-matrix'), 'differences')(contextFor('A5'))
  expect(faulty.example).toContain('at flags.list')
  // H8: authenticators that accept expired tokens.
  expect(faulty.measured['rows_wrong']).toBeGreaterThan(0)
})

test('A1 and A3 measure the endpoint of evaluations', async () => {
  const forged = await getProbe('token-forgeries').measure(contextFor('A1'))
  expect(forged.measured).toEqual({
    forged_accepted: 0,
    attacker_key_requests: 0,
    valid_accepted: 9,
  })
  expect(forged.met['ways_in']).toContain('/v1/flags/evaluate')
  const rotated = await getProbe('key-rotation').measure(contextFor('A3'))
  expect(rotated.measured).toMatchObject({ retired_key_refused: true, valid_refused: 0 })
  expect(rotated.met['endpoint']).toContain('/v1/flags/evaluate')
})
