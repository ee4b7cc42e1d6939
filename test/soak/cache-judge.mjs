// Compares decisions with the database: each has to be that of one state of it, and of one that is new enough.
import { listColumnNames } from '../../dist/src/adapters/postgres/columns.js'
import { breach } from './service.mjs'

const SAFE = -1
const TABLES = { flag: 'flag_registry', tenant: 'tenant_override', user: 'user_override' }

/** When a seq was known to be committed; the least number counts as of no change. */
export class KnownSeqs {
  #seqs = []
  #at = []
  /** Notes that a change was committed by now. */
  note(seq, at = performance.now()) {
    if (seq <= (this.#seqs.at(-1) ?? 0)) return
    this.#seqs.push(seq)
    this.#at.push(at)
  }
  /** The last seq that was known to be committed at a time; 0 for none. */
  before(at) {
    let [low, high] = [0, this.#at.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#at[middle] <= at) low = middle + 1
      else high = middle
    }
    return this.#seqs[low - 1] ?? 0
  }
}

/** The revisions of each row with the seqs from which on they held, from the rows of the change log. */
export function buildHistory(rows) {
  const history = new Map()
  for (const { seq, target, revision, image } of rows) {
    const states = history.get(target) ?? []
    const last = states.at(-1)
    if (last !== undefined) last.until = Number(seq)
    const names = listColumnNames(TABLES[target.split('/')[0]])
    const row = Object.fromEntries(names.map((name, at) => [name, image[at]]))
    states.push({ revision: Number(revision), from: Number(seq), until: Infinity, row })
    history.set(target, states)
  }
  return history
}

const overlap = (spans, others) =>
  spans.flatMap((a) =>
    others.flatMap((b) => {
      const [from, until] = [Math.max(a.from, b.from), Math.min(a.until, b.until)]
      return from < until ? [{ from, until }] : []
    }),
  )
const isLive = ({ row }) => row.deleted_at === null
/** The times without a live row of a target. */
const missing = (states = []) => [
  { from: 0, until: states[0]?.from ?? Infinity },
  ...states.filter((one) => !isLive(one)),
]

/**
 * Judges one decision: `flag`, `tenant` and `user` are the targets of its rows, `least` the seq that it has to know.
 *
 * @returns why it is wrong; null where it is right
 */
function findFault(history, { flag, tenant, user, decided, least }) {
  const { value, matched_scope, meta } = decided
  const held = history.get(flag)?.find(({ revision }) => revision === meta.flag_revision)
  if (held === undefined) return 'it names a revision of the flag that was never stored'
  const scopes = { tenant, user }
  const matched = scopes[matched_scope]
  const override = history.get(matched)?.find((one) => one.revision === meta.override_revision)
  let spans = [held]
  if (held.row.state === 'killed') {
    if (value !== SAFE) return 'the flag is killed at that revision'
  } else if (matched !== undefined) {
    if (override === undefined || !isLive(override)) return 'it names an override that never was'
    if (value !== override.row.value) return `the override holds ${override.row.value}`
    spans = overlap(spans, [override])
    if (matched_scope === 'tenant') spans = overlap(spans, missing(history.get(user)))
  } else {
    if (value !== held.row.default_value) return `the default is ${held.row.default_value}`
    spans = overlap(overlap(spans, missing(history.get(tenant))), missing(history.get(user)))
  }
  if (spans.length === 0) return 'its rows never stood together'
  const newest = Math.max(...spans.map(({ until }) => until))
  return newest > least ? null : `it ends before ${newest}, where ${least} was committed`
}

/**
 * Judges all decisions, and records a breach for each that is wrong or too old.
 *
 * @returns how many were judged, and how many differ from the newest state that was known when they were asked for
 */
export function judgeDecisions(history, known, { reads, bound_ms }) {
  let behind = 0
  for (const read of reads) {
    const least = known.before(read.sent - bound_ms)
    const fault = findFault(history, { ...read, least })
    if (fault !== null) breach(`${read.by}: ${JSON.stringify(read.decided)}: ${fault}`)
    else if (findFault(history, { ...read, least: known.before(read.sent) }) !== null) behind += 1
  }
  return { judged: reads.length, behind }
}
