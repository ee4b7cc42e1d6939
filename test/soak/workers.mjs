// Callers of the soak: each changes rows of its own, asks for decisions about them, and sends hostile requests.
import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { hostile } from './requests.mjs'
import { ask, breach, judge } from './service.mjs'

export const FLAGS = ['ff.soak.a', 'ff.soak.b', 'ff.soak.c']
const DEFAULT = 0
/** A change that was answered 503 may still be applied: by now it is, or never will be. */
const SETTLED_MS = 1_500
const SETTLE_TRIES = 1_200

/** Runs one caller with rows of its own. @returns the rows that the store has to hold */
export async function work(service, token, { id, seed, until, counters }) {
  const rows = new Map(FLAGS.map((flag) => [`/v1/flags/override/tenant/T${id}/${flag}`, null]))
  const requests = fc.sample(hostile, { seed: seed + id, numRuns: 2_000 })
  for (let turn = 0; Date.now() < until(); turn += 1) {
    await service.up.catch(() => sleep(50))
    const path = [...rows.keys()][randomInt(rows.size)]
    if (turn % 3 === 0) {
      const one = requests[(turn / 3) % requests.length]
      judge(service, one, await ask(service, turn % 2 === 0 ? token : null, one).catch(() => null))
      counters.hostile += 1
    } else if (turn % 3 === 1) await change(service, token, { path, rows, counters, value: turn })
    else await decide(service, token, { path, possible: [rows.get(path)], counters })
  }
  return rows
}

/** Asks for a decision, which has to follow from one of the rows. A deny is safe. */
async function decide(service, token, { path, possible, counters }) {
  const [tenant_id, flag_key] = path.split('/').slice(-2)
  const call = {
    method: 'POST',
    path: '/v1/flags/evaluate',
    body: JSON.stringify({ flag_key, tenant_id }),
  }
  const answer = await ask(service, token, call)
  judge(service, call, answer)
  if (answer?.status !== 200) return
  counters.decided += 1
  const { decision, value, meta } = JSON.parse(answer.text)
  if (meta.stale === true) counters.stale += 1
  const values = possible.map((row) => row?.value ?? DEFAULT)
  if (decision === 'allow' && !values.includes(value))
    breach(`${service.name}: ${path} was decided ${answer.text}, where ${values} follows`)
}

/** Makes one change, and checks its answer. @param rows by path the stored revision and value; null before the first change */
async function change(service, token, { path, rows, counters, value }) {
  const stored = rows.get(path)
  const stale = value % 7 === 0 && stored !== null
  const gone = value % 5 === 0 && stored?.value != null
  const request_id = randomUUID()
  const call = {
    method: gone ? 'DELETE' : 'PUT',
    path,
    headers: {
      'x-request-id': request_id,
      ...(stale ? { 'if-match': `"${stored.revision + 5}"` } : {}),
    },
    ...(gone ? {} : { body: JSON.stringify({ value }) }),
  }
  const answer = await ask(service, token, call)
  judge(service, call, answer)
  const after = { revision: (stored?.revision ?? 0) + 1, value: gone ? null : value }
  if (answer === null || answer.status === 503) {
    counters.away += answer === null ? 0 : 1
    const known = { path, stored, after: stale ? stored : after, late: answer !== null, counters }
    rows.set(path, await settle(service, token, known))
  } else if (stale) {
    if (answer.status === 412) counters.refused.add(request_id)
    else breach(`${service.name}: ${path} took a stale revision: ${answer.status}`)
  } else if (answer.status < 300) {
    const { revision } = JSON.parse(answer.text)
    if (revision !== after.revision)
      breach(`${service.name}: ${path} is at ${revision} where ${after.revision} follows`)
    counters.applied.add(request_id)
    rows.set(path, after)
  } else
    breach(`${service.name}: ${call.method} ${path} was answered ${answer.status} ${answer.text}`)
}

/**
 * Reads the row of a request whose outcome is unknown, and asks for decisions until it can be read.
 *
 * @param known `late` where the request may still be applied a moment after the store is back
 * @returns the row before or after it, whichever is stored
 */
async function settle(service, token, { path, stored, after, late, counters }) {
  let waits = late
  for (let tries = 0; tries < SETTLE_TRIES; tries += 1) {
    await service.up.catch(() => undefined)
    const answer = await ask(service, token, { method: 'GET', path })
    const read = answer?.status === 200 || answer?.status === 404
    if (read && !waits) return findRow(service, answer, { path, stored, after })
    if (read) waits = false
    else await decide(service, token, { path, possible: [stored, after], counters })
    await sleep(read ? SETTLED_MS : 50)
  }
  throw new Error(`${service.name} did not come back`)
}

function findRow(service, answer, { path, stored, after }) {
  // A tombstone is not readable; the revision of the next change shows which of the two is stored.
  if (answer.status === 404) return after?.value == null ? after : stored
  const { revision, value } = JSON.parse(answer.text)
  for (const one of [stored, after])
    if (one !== null && one.revision === revision && one.value === value) return one
  breach(
    `${service.name}: ${path} holds ${answer.text}, neither ${JSON.stringify(stored)} nor ${JSON.stringify(after)}`,
  )
  return { revision, value }
}

/** Compares the audit trail with what was acknowledged, and with the rows that the callers know. */
export function checkAudit({ name }, { records, whole }, { counters, models }) {
  if (!whole) breach(`${name}: the audit chain is broken`)
  const counts = (outcome) => {
    const perRequest = new Map()
    for (const one of records.filter((record) => record.outcome === outcome))
      perRequest.set(one.request_id, (perRequest.get(one.request_id) ?? 0) + 1)
    return perRequest
  }
  const [applied, refused] = [counts('applied'), counts('refused')]
  for (const id of counters.applied)
    if (applied.get(id) !== 1)
      breach(`${name}: the change ${id} has ${applied.get(id) ?? 0} records`)
  // Repetitions within a minute are one record with their number, which a kill loses.
  const recorded = [...counters.refused].filter((id) => refused.has(id))
  if (counters.refused.size > 0 && recorded.length === 0) breach(`${name}: no refusal has a record`)
  for (const id of recorded)
    if (refused.get(id) !== 1) breach(`${name}: the refusal ${id} has ${refused.get(id)} records`)
  for (const rows of models)
    for (const [path, stored] of rows) {
      const target = path.replace('/v1/flags/override/', '')
      const found = records.filter((one) => one.target === target && one.outcome === 'applied')
      if (stored !== null && found.length !== stored.revision)
        breach(`${name}: ${target} is at ${stored.revision} and has ${found.length} records`)
    }
}
