// One boolean flag, on for three users: the core of ff with its whole reason chain against @openfeature/flagd-core.
import { FlagdCore } from '@openfeature/flagd-core'
import { evaluate } from '../../dist/src/core/evaluate/evaluate.js'
import { sized } from './smoke.mjs'

const ON = ['U1', 'U2', 'U3']
const USERS = [...ON, 'U4', 'U5', 'U6']
const DECISIONS = sized(200_000, 6_000)
const ROUNDS = sized(7, 1)
const TIME = '2026-01-15T09:00:00.000Z'

/** @returns {{ ours: number, theirs: number }} decisions per CPU second, medians of interleaved rounds */
export function decisionsPerCpuSecond() {
  const [ours, theirs] = [makeOurs(), makeTheirs()]
  for (const user of USERS) {
    if (ours(user) !== theirs(user) || ours(user) !== ON.includes(user))
      throw new Error(`the two decisions for ${user} differ`)
  }
  const rates = { ours: [], theirs: [] }
  for (let round = -1; round < ROUNDS; round += 1) {
    const [a, b] = [rate(ours), rate(theirs)]
    if (round < 0) continue // Round -1 is a warm-up.
    rates.ours.push(a)
    rates.theirs.push(b)
  }
  const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]
  return { ours: median(rates.ours), theirs: median(rates.theirs) }
}

function rate(decide) {
  const before = process.cpuUsage()
  let on = 0
  for (let at = 0; at < DECISIONS; at += 1) on += decide(USERS[at % USERS.length]) ? 1 : 0
  const { user, system } = process.cpuUsage(before)
  if (Math.abs(on / DECISIONS - ON.length / USERS.length) > 0.01)
    throw new Error('unexpected share of decisions that are on')
  return (DECISIONS * 1e6) / (user + system)
}

function makeOurs() {
  const flag_key = 'ff.bench'
  const metadata = { revision: 1, created_at: TIME, updated_at: TIME }
  const flag = {
    row: {
      flag_key,
      value_type: 'boolean',
      default_value: 'false',
      safe_value: 'false',
      sensitive: false,
      required_auth: 'any',
      state: 'active',
      description: '',
      owner: 'bench',
      ...metadata,
    },
  }
  const overrides = new Map(
    ON.map((user_id) => [
      user_id,
      {
        row: {
          user_id,
          flag_key,
          value: 'true',
          created_by: 'bench',
          updated_by: 'bench',
          ...metadata,
        },
      },
    ]),
  )
  const request = { flag_key, approval_ref: null, request_id: 'bench' }
  return (user_id) => {
    const principal = {
      mode: 'verified',
      source: 'jwt',
      tenant_id: null,
      user_id,
      scopes: [],
      warnings: [],
      key_set_stale: false,
    }
    const rows = { flag, tenant: null, user: overrides.get(user_id) ?? null }
    return (
      evaluate({ request, principal, rows, now: TIME, backing_state: 'file' }).decision.value ===
      'true'
    )
  }
}

function makeTheirs() {
  const quiet = { error() {}, warn() {}, info() {}, debug() {} }
  const core = new FlagdCore(undefined, quiet)
  const targeting = { if: [{ in: [{ var: 'targetingKey' }, ON] }, 'on', 'off'] }
  const flags = {
    'ff.bench': {
      state: 'ENABLED',
      variants: { on: true, off: false },
      defaultVariant: 'off',
      targeting,
    },
  }
  core.setConfigurations(JSON.stringify({ flags }))
  return (targetingKey) =>
    core.resolveBooleanEvaluation('ff.bench', false, { targetingKey }, quiet).value
}
