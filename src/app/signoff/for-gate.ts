import type { Identity, SignoffOutcome, Waiver, WaiverPolicy } from '../../core/gate/types.ts'
import type { Asked } from '../../core/signoff/attestations.ts'
import { checkTrust, type TrustOutcome } from '../../core/signoff/trust.ts'
import type { SignoffTexts, SignoffTools, WaiverEntry } from '../../core/signoff/types.ts'
import { verifyWaivers } from '../../core/signoff/waivers.ts'
import type { Instant } from '../../core/state/instant.ts'
import { checkPin } from './desk.ts'
import { signoffOutcome } from './verify.ts'

/** What of the gate is to be held to people's signatures. */
export interface GateMatter {
  readonly items: readonly Asked[]
  readonly identity: Identity
  /** As they are written: no approval is believed yet. */
  readonly waivers: readonly WaiverEntry[]
  /** FF_TRUST_SHA256. */
  readonly trust_pin: string | null
  readonly now: Instant
}
/** Whose word counts, and what they said. */
export interface PeopleSaid {
  readonly outcome: SignoffOutcome
  /** Those that the trust file names and has not revoked; none where it is not under its pin. */
  readonly runners: readonly {
    readonly kid: string
    readonly from: Instant
    readonly until: Instant
  }[]
  /** With the approvals that hold. */
  readonly waivers: readonly Waiver[]
  readonly policy: WaiverPolicy | null
  /** When the trust file ends; null where nobody is trusted. */
  readonly trust_expires: Instant | null
}

/** For `ff gate`: the sign-off in texts of a folder or of decision.json; the pin alone says whom to trust. */
export function peopleOf(texts: SignoffTexts, matter: GateMatter, tools: SignoffTools): PeopleSaid {
  const { now, identity, items } = matter
  const input = { text: texts.trust, chain: texts.trust_chain, pin: checkPin(matter.trust_pin) }
  const found = checkTrust(input, now, tools)
  const trust = found.status === 'trusted' ? found.trust : null
  const written = { kind: 'waivers', schemaVersion: 1, waivers: matter.waivers } as const
  const { waivers, faults } = verifyWaivers(written, { trust, now }, tools)
  const outcome = signoffOutcome({ texts, tools, trust: found, now }, { identity, items })
  const [forged] = faults
  return {
    // An approval that does not hold is a signature that does not hold: somebody is not to be trusted.
    outcome:
      forged === undefined || outcome.status === 'refused'
        ? outcome
        : { status: 'refused', code: forged.code, detail: `${forged.id}: ${forged.detail}` },
    runners: runnersOf(found),
    waivers,
    policy: trust?.waiver_policy ?? null,
    trust_expires: (trust?.expires ?? null) as Instant | null,
  }
}

function runnersOf(found: TrustOutcome): PeopleSaid['runners'] {
  if (found.status !== 'trusted') return []
  const { runners, revoked } = found.trust
  const gone = new Set(revoked.keys.map(({ kid }) => kid))
  return runners
    .filter(({ kid }) => !gone.has(kid))
    .map(({ kid, from, until }) => ({ kid, from: from as Instant, until: until as Instant }))
}
