// What a change of authority costs a database: how long writes stand still while 8 writers of two instances go on, and how
// long it takes to fill a database.
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { openCutoverSchema } from '../../dist/src/adapters/postgres/cutover-database.js'
import { startEmbedded } from '../../dist/src/adapters/postgres/embedded.js'
import { hashSha256 } from '../../dist/src/adapters/store-files/seal-audit.js'
import { loadMigrations } from '../../dist/src/artefacts/migrations.js'
import { appendToChain, EMPTY_HEAD } from '../../dist/src/core/audit/record.js'
import { makeChange } from './make-store.mjs'
import { sized } from './smoke.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FF = fileURLToPath(new URL('../../dist/bin/ff.js', import.meta.url))
const SWITCHES = sized(200, 4)
const WRITERS_EACH = 4
const ROWS = sized(100_000, 200)
const BATCH = 1_000
const AT = '2026-01-01T00:00:00.000Z'
const BOUND_MS = 10_000
const share = (numbers, part) =>
  numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * part))]

/** A content of one flag and overrides of it, each with the record of its change. */
function makeContent() {
  let head = EMPTY_HEAD
  const changes = Array.from({ length: ROWS }, (_, at) => {
    const { table, row, target } = at === 0 ? makeFlag() : makeOverride(at)
    const event = { audit_id: randomUUID(), occurred_at: AT, actor: 'U1', auth_mode: 'verified' }
    const what = { action: 'override.put', outcome: 'applied', before: null, after: null }
    const record = appendToChain(
      { ...event, ...what, target, request_id: 'r', approval_ref: null, phase: 'file' },
      head,
      hashSha256,
    )
    head = { seq: record.seq, hash: record.hash }
    return { record, name: { op_id: `op${at}`, request_digest: null }, rows: [{ table, row }] }
  })
  async function* list(all) {
    for (let at = 0; at < all.length; at += BATCH) yield all.slice(at, at + BATCH)
  }
  return { head, rows: list(changes.flatMap(({ rows }) => rows)), records: list(changes) }
}
const times = { revision: 1, created_at: AT, updated_at: AT }
const makeFlag = () => ({
  table: 'flag_registry',
  target: 'flag/ff.a',
  row: {
    flag_key: 'ff.a',
    value_type: 'boolean',
    default_value: 'false',
    safe_value: 'false',
    sensitive: false,
    required_auth: 'none',
    state: 'active',
    description: 'd',
    owner: 'o',
    ...times,
  },
})
const makeOverride = (at) => ({
  table: 'tenant_override',
  target: `tenant/T${at}/ff.a`,
  row: {
    tenant_id: `T${at}`,
    flag_key: 'ff.a',
    value: 'true',
    created_by: 'U1',
    updated_by: 'U1',
    ...times,
  },
})

/** Writes without a pause until `isOver`. @returns how many writes it made */
async function writeOn(side, first, isOver) {
  let made = 0
  while (!isOver()) {
    const turn = await side.share({ boundMs: BOUND_MS, leaseMs: BOUND_MS })
    const name = { op_id: randomUUID(), request_digest: null }
    const { result } = await turn.write(makeChange(first + made, 1_000), name)
    if (!result.ok) throw new Error(`a change was refused: ${JSON.stringify(result.problems)}`)
    made += 1
  }
  return made
}

/** Milliseconds from asking for the switch lock to its release, a decision in between, for each switch. */
async function measurePauses(side, record) {
  const pauses = []
  let standing = record
  for (let turn = 0; turn < SWITCHES; turn += 1) {
    const session = await side.openSwitch(BOUND_MS)
    const phase = standing.phase === 'shadow_read' ? 'db_authoritative' : 'shadow_read'
    const next = { ...standing, epoch: standing.epoch + 1, phase }
    const started = performance.now()
    await session.lockExclusive()
    await session.check()
    if (!(await session.decide(next, standing.epoch))) throw new Error('not decided')
    await session.free()
    pauses.push(performance.now() - started)
    await session.close()
    standing = next
  }
  return pauses
}

/** @returns p50 and p99 of the pause in ms, the writes beside the switches, and the seconds of a fill */
export async function cutoverSpeed() {
  const server = await startEmbedded()
  const { host, user, database } = server.database.config
  const env = {
    FF_DATABASE_URL: `postgres://${user}@/${database}?host=${encodeURIComponent(host)}`,
  }
  const sides = []
  try {
    const up = spawnSync(process.execPath, [FF, 'migrate', 'up'], {
      env: { ...process.env, ...env },
    })
    if (up.status !== 0) throw new Error(String(up.stderr))
    const { loaded: migrations } = await loadMigrations(ROOT)
    const options = {
      versions: { oldest: 15, newest: 18 },
      migrations,
      environment: 'prod',
      tools: { digestKey: Buffer.alloc(32, 1), phase: 'file' },
    }
    for (let at = 0; at < 2; at += 1) sides.push(openCutoverSchema(server.database, options))
    const [side] = sides
    const content = makeContent()
    const started = performance.now()
    await side.fill(content)
    const fillSeconds = (performance.now() - started) / 1_000
    const { identity } = await side.look(0)
    const record = {
      epoch: 2,
      phase: 'shadow_read',
      armed: false,
      attempt: 1,
      database: identity,
      survivor: 'file',
      scratch: true,
      drillEndsAt: null,
      closed: false,
    }
    if (!(await side.writeRecord(record, 1))) throw new Error('the record was not written')
    let over = false
    const writers = sides.flatMap((one, at) =>
      Array.from({ length: WRITERS_EACH }, (_, index) =>
        writeOn(one, (at * WRITERS_EACH + index) * 1_000, () => over),
      ),
    )
    const pauses = await measurePauses(side, record).finally(() => (over = true))
    const counts = await Promise.all(writers)
    const writes = counts.reduce((sum, one) => sum + one, 0)
    return { p50: share(pauses, 0.5), p99: share(pauses, 0.99), writes, fillSeconds }
  } finally {
    await Promise.all(sides.map((one) => one.end()))
    await server.stop()
  }
}
