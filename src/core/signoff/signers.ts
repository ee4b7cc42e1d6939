import type { SignoffRole } from '../gate/types.ts'
import type { Instant } from '../rows/instant.ts'
import type { TrustOutcome } from './trust.ts'

/** Who signs for a role where the trust file names no one: as in the examples of `ff key new`. */
const NAMES = { 'platform-lead': 'alice', 'security-lead': 'bob' } as const

/** The id of the person who signs for each role now, for commands that are proposed; an example where none is trusted. */
export function findSigners(
  trust: TrustOutcome,
  at: Instant,
): Readonly<Record<SignoffRole, string>> {
  const signers = trust.status === 'trusted' ? trust.trust.signers : []
  const find = (role: SignoffRole): string =>
    signers.find((one) => one.role === role && one.from <= at && at < one.until)?.person ??
    NAMES[role]
  return { 'platform-lead': find('platform-lead'), 'security-lead': find('security-lead') }
}
