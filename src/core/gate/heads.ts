import { instantToMs, type Instant } from '../rows/instant.ts'
import type { ChainHead, EvidenceFault, EvidenceHead, TrustMark } from './types.ts'

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
  { readonly ok: true; readonly head: EvidenceHead } | ({ readonly ok: false } & HeadFault)

/**
 * The next head of a log, at record `last`; says at least what the head before said: a trust file that does not verify
 * now keeps the one named before. Refused for an older or another trust file of the same version, a withdrawal that is
 * gone, and a clock more than 60 s behind the head before (`clock_set_back`).
 *
 * @param before null for a log that begins now
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
  if (named.trust !== null && present.trust !== null) {
    const fault = compareTrust(named.trust, present.trust)
    if (fault !== null) return fault
  }
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
