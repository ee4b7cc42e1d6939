// The whole way of an evaluation, its token cached, against a thousand overrides and against a million.
import { readFileSync } from 'node:fs'
import { ask } from '../../dist/src/app/ask.js'
import { openSteadyDoor } from '../../dist/src/auth/scripted-door.js'
import { FileStore } from '../../dist/src/backings/file/file-store.js'
import { openLive } from '../../dist/src/backings/index.js'
import { byContract } from '../../dist/src/core/auth/contract.js'
import { TENANT } from './make-store.mjs'

const NOW = '2026-01-15T09:00:00.000Z'
const WINDOWS = 5
const root = new URL('../../', import.meta.url)
const read = (path) => JSON.parse(readFileSync(new URL(path, root), 'utf8'))
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

/** The median of five p99s, in microseconds. */
async function p99(counter, token, { keys, count }) {
  const question = (at) => ({
    credential: { token, dev_headers: null },
    request: {
      flag_key: keys[(at * 7919) % keys.length],
      tenant_id: null,
      user_id: null,
      approval_ref: null,
      request_id: 'bench',
    },
    now: NOW,
    environment: 'prod',
  })
  const windows = []
  for (let window = -1; window < WINDOWS; window += 1) {
    const taken = new Float64Array(count)
    for (let at = 0; at < count; at += 1) {
      const started = process.hrtime.bigint()
      const { answer } = await ask(counter, question(at))
      taken[at] = Number(process.hrtime.bigint() - started) / 1e3
      if (answer.status !== 'decided' || !answer.text.includes('"reason":"tenant_override"'))
        throw new Error(`the bench was answered ${JSON.stringify(answer)}`)
    }
    if (window >= 0) windows.push(taken.sort()[Math.floor(count * 0.99)]) // The first is a warm-up.
  }
  return median(windows)
}

/** p99 on a folder and on a database that hold the same rows, in microseconds. */
export async function evaluationSpeed({ folder, keys }, url) {
  const fixtures = read('vectors/jwt/fixtures.json')
  const settings = byContract(read('contracts/jwks_integration_notes.json'), fixtures)
  const { token, jwks } = fixtures.fixtures.find(({ id }) => id === 'JWT-EX-01')
  const claims = Buffer.from(token.split('.')[1], 'base64url').toString()
  if (!claims.includes(TENANT)) throw new Error('the token is for another tenant')
  const door = await openSteadyDoor(jwks, settings)
  const approvals = () => Promise.resolve({ status: 'unreachable' })
  const store = await FileStore.open(folder, { digestKey: Buffer.alloc(32, 1), phase: 'file' })
  const file = await p99({ store, door, approvals }, token, { keys, count: 20_000 })
  await store.close()
  const needs = { migrations: [], versions: { oldest: 15, newest: 18 }, copied: null }
  const live = await openLive({ kind: 'postgres', url, name: 'bench' }, needs)
  const db = await p99({ store: live.store, door, approvals }, token, { keys, count: 3_000 })
  await live.close()
  await door.close()
  return { file, db }
}
