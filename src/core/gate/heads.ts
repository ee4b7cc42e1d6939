import { instantToMs, type Instant } from '../rows/instant.ts'
import { findHeadFault, getLastRecord } from './chain.ts'
import type { ChainHead, EvidenceFault, EvidenceHead, TrustMark, WholeLog } from './types.ts'

/** How far the clock of a runner may be ahead of another's, in milliseconds. */
export const CLOCK_TOLERANCE_MS = 60_000

/** What a runner verifies under its own pin: the trust file, and each withdrawal by its SHA-256. */
export interface RunnerSight {
  /** Null where no trust file verifies. */
  readonly trust: TrustMark | null
  readonly withdrawn: readonly string[]
}
interface HeadFault {
  readonly code: EvidenceFault | 'clock_set_back'
  readonly detail: string
}
export type HeadRenewal =
  | { readonly ok: true; readonly head: EvidenceHead }
  | ({ readonly ok: false } & HeadFault)

/**
 * The next head of a log, at record `last`; says at least what the head before said: a trust file that does not
 * verify now keeps the one named before, and its withdrawals, and its time never goes back. Refused for an older
 * trust file (`trust_rolled_back`), another of the same version (`trust_forked`), a withdrawal that is gone
 * (`withdrawal_missing`), and a clock more than 60 s behind the head before (`clock_set_back`).
 *
 * @param before null for a log that begins now, which is never refused
 */
export function renewHead(
  before: EvidenceHead | null,
  last: ChainHead,
  { trust, withdrawn, time }: RunnerSight & { readonly time: Instant },
): HeadRenewal {
  const next = { ...last, time, trust, withdrawn: [...withdrawn].sort() }
  if (before === null) return { ok: true, head: next }
  const fault = findRetreat(before, next)
  if (fault !== null) return { ok: false, ...fault }
  if (instantToMs(before.time) - instantToMs(time) > CLOCK_TOLERANCE_MS)
    return { ok: false, code: 'clock_set_back', detail: `the last head is of ${before.time}` }
  return {
    ok: true,
    head: {
      ...next,
      trust: trust ?? before.trust,
      withdrawn: trust === null ? before.withdrawn : next.withdrawn,
      time: time < before.time ? before.time : time,
    },
  }
}

/**
 * Why what is present says less than a head: a trust file older than the named one (`trust_rolled_back`), another one
 * of the same version (`trust_forked`), or a withdrawal that is not there (`withdrawal_missing`). Null where it says as
 * much, and for a trust file that does not verify, which has its own refusal.
 */
export function findRetreat(
  named: RunnerSight,
  present: RunnerSight,
): { readonly code: EvidenceFault; readonly detail: string } | null {
  if (present.trust === null) return null
  const fault = named.trust === null ? null : compareTrust(named.trust, present.trust)
  if (fault !== null) return fault
  const gone = named.withdrawn.find((one) => !present.withdrawn.includes(one))
  return gone === undefined ? null : { code: 'withdrawal_missing', detail: gone }
}

function compareTrust(named: TrustMark, present: TrustMark): ReturnType<typeof findRetreat> {
  if (present.version < named.version)
    return {
      code: 'trust_rolled_back',
      detail: `a head names version ${named.version}, the trust file is version ${present.version}`,
    }
  return present.version === named.version && present.sha256 !== named.sha256
    ? { code: 'trust_forked', detail: `two files claim to be version ${named.version}` }
    : null
}

/** What an import does to a log: nothing, or replace it by one that goes on after it. */
export type LogExtension =
  | { readonly ok: true; readonly extends: boolean }
  | { readonly ok: false; readonly code: EvidenceFault; readonly detail: string }

/**
 * Compares a log of the same key with the one that is here. The other extends it where it holds all its records and
 * has more, or as many and a newer head; the same or a shorter part of it changes nothing. Two logs of which neither
 * continues the other are `evidence_forked`; a longer one whose head says less is `trust_rolled_back`,
 * `trust_forked` or `withdrawal_missing`.
 *
 * @param here null where there is no log of the key
 */
export function compareLogs(here: WholeLog | null, other: WholeLog): LogExtension {
  if (here === null) return { ok: true, extends: true }
  const added = other.entries.length - here.entries.length
  const [shorter, longer] = added < 0 ? [other, here] : [here, other]
  const forked = findHeadFault(longer.entries, getLastRecord(shorter.entries))
  if (forked !== null) return { ok: false, code: forked.code, detail: forked.detail }
  const since = instantToMs(other.head.time) - instantToMs(here.head.time)
  if (added < 0 || (added === 0 && since <= 0)) return { ok: true, extends: false }
  if (since < 0)
    return { ok: false, code: 'evidence_forked', detail: `its head is older, ${other.head.time}` }
  const trust = other.head.trust ?? NO_TRUST
  const retreat = findRetreat(here.head, { ...other.head, trust })
  return retreat === null ? { ok: true, extends: true } : { ok: false, ...retreat }
}
/** A head without a trust file says less than one that names any. */
const NO_TRUST: TrustMark = { version: 0, sha256: '' }
