// p99 of a whole evaluation with a cached token, with a thousand overrides and with a million.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { evaluateQuestion } from '../../dist/src/features/evaluation/answer-question.js'
import { openFixtureAuthenticator } from '../../dist/src/adapters/auth/test-authenticator.js'
import { FileStore } from '../../dist/src/adapters/file-store/file-store.js'
import { openLive } from '../../dist/src/adapters/stores.js'
import { settingsFromContract } from '../../dist/src/core/auth/contract.js'
import { loadPersistence } from '../../dist/src/features/migrate/load-persistence.js'
import { TENANT } from './make-store.mjs'
import { sized } from './smoke.mjs'

const NOW = '2026-01-15T09:00:00.000Z'
const WINDOWS = sized(5, 1)
const root = new URL('../../', import.meta.url)
const read = (path) => JSON.parse(readFileSync(new URL(path, root), 'utf8'))
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

/** Runs `count` evaluations one after the other. @returns their p99 in microseconds */
async function p99(dependencies, { token, keys, count }) {
  const taken = new Float64Array(count)
  for (let at = 0; at < count; at += 1) {
    const request = {
      flag_key: keys[(at * 7919) % keys.length],
      tenant_id: null,
      user_id: null,
      approval_ref: null,
      request_id: 'bench',
    }
    const credential = { token, dev_headers: null }
    const started = process.hrtime.bigint()
    const { answer } = await evaluateQuestion(dependencies, {
      credential,
      request,
      now: NOW,
      environment: 'prod',
    })
    taken[at] = Number(process.hrtime.bigint() - started) / 1e3
    if (answer.status !== 'decided' || !answer.text.includes('"reason":"tenant_override"'))
      throw new Error(`unexpected answer ${JSON.stringify(answer)}`)
  }
  return taken.sort()[Math.floor(count * 0.99)]
}

/**
 * The median of five p99s of each side, in microseconds. The sides take turns, so that a slower machine slows all of
 * them.
 *
 * @param sizes by name: a folder and the URL of a database that hold the same rows, and the flags' keys
 */
export async function evaluationSpeed(sizes) {
  const fixtures = read('vectors/jwt/fixtures.json')
  const settings = settingsFromContract(read('contracts/jwks_integration_notes.json'), fixtures)
  const { token, jwks } = fixtures.fixtures.find(({ id }) => id === 'JWT-EX-01')
  const claims = Buffer.from(token.split('.')[1], 'base64url').toString()
  if (!claims.includes(TENANT)) throw new Error('the token is for another tenant')
  const authenticator = await openFixtureAuthenticator(jwks, settings)
  const approvals = () => Promise.resolve({ status: 'unreachable' })
  const { migrations, versions } = await loadPersistence(fileURLToPath(root))
  const needs = { migrations, versions, copied: null }
  const sides = []
  for (const [name, { folder, url, keys }] of Object.entries(sizes)) {
    const store = await FileStore.open(folder, { digestKey: Buffer.alloc(32, 1), phase: 'file' })
    const live = await openLive({ kind: 'postgres', url, name: 'bench' }, needs)
    sides.push({
      name,
      backing: 'file',
      store,
      keys,
      count: sized(20_000, 200),
      close: () => store.close(),
    })
    sides.push({
      name,
      backing: 'db',
      store: live.store,
      keys,
      count: sized(3_000, 100),
      close: () => live.close(),
    })
  }
  const windows = sides.map(() => [])
  for (let window = -1; window < WINDOWS; window += 1) {
    for (const [at, { store, keys, count }] of sides.entries()) {
      const taken = await p99({ store, authenticator, approvals }, { token, keys, count })
      if (window >= 0) windows[at].push(taken) // Window -1 is a warm-up.
    }
  }
  for (const { close } of sides) await close()
  await authenticator.close()
  const found = {}
  for (const [at, { name, backing }] of sides.entries())
    found[name] = { ...found[name], [backing]: median(windows[at]) }
  return found
}
