import { createSignoffDependencies } from '../../artefacts/documents.ts'
import type { RunnerSight } from '../../core/gate/heads.ts'
import { checkTrust, parseTrust } from '../../core/signoff/trust.ts'
import type { SignoffTexts, TrustedRunner } from '../../core/signoff/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { checkPin, toRunnerSight } from './item-facts.ts'

/** The trust file as a runner sees it. */
export interface RunnerTrust {
  /** What verifies under the pin; the head of the runner's log names it. */
  readonly sight: RunnerSight
  /** The entry of a key in the trust file, pinned or not, if its time has not ended; null where there is none. */
  readonly findRunner: (kid: string) => TrustedRunner | null
  /** Whether the trust file names a key and its time is over, the key is revoked, or its log is closed or lost. */
  readonly hasEnded: (kid: string) => boolean
}

/**
 * Checks the texts of a team folder's trust file, chain and withdrawals for a runner, as of now. Returns what the
 * head of its log has to name (version and SHA-256 of a trust file that verifies under the pin, else null, and the
 * withdrawals), and two lookups by key id, which work also for a trust file without a pin: the current entry of a
 * runner, and whether the time of one has ended. Reads no file.
 *
 * @throws FfError `setting_invalid` where the pin is not a SHA-256
 */
export async function readRunnerTrust(
  {
    trust: text,
    trust_chain: chain,
    withdrawals,
  }: Pick<SignoffTexts, 'trust' | 'trust_chain' | 'withdrawals'>,
  { trust_pin, now }: { readonly trust_pin: string | null; readonly now: () => Date },
  { signoffCrypto }: Pick<Adapters, 'signoffCrypto'>,
): Promise<RunnerTrust> {
  const tools = createSignoffDependencies(await signoffCrypto())
  const at = now().toISOString() as Instant
  const outcome = checkTrust({ text, chain, pin: checkPin(trust_pin) }, at, tools)
  const read = text === null ? null : parseTrust(text, tools)
  const file = read?.ok === true ? read.value : null
  const revoked = new Set(file?.revoked.keys.map(({ kid }) => kid))
  const runners = file?.runners ?? []
  const isOver = ({ kid, until, closed, lost }: TrustedRunner): boolean =>
    until <= at || revoked.has(kid) || closed !== undefined || lost === true
  return {
    sight: toRunnerSight(outcome, { withdrawals, now: at }, tools),
    findRunner: (kid) => runners.find((one) => one.kid === kid && !isOver(one)) ?? null,
    hasEnded: (kid) => runners.some((one) => one.kid === kid && isOver(one)),
  }
}

/**
 * Refuses to begin a log for a key that the trust file names as current: its log is elsewhere, and a second one
 * would be a fork. Does nothing where the log is here, or where no current entry names the key.
 *
 * @throws FfError `log_not_here`
 */
export function requireLogHere(
  { kid, isHere }: { readonly kid: string; readonly isHere: boolean },
  { findRunner }: RunnerTrust,
): void {
  const runner = findRunner(kid)
  if (isHere || runner === null) return
  throw new FfError(
    'log_not_here',
    `The trust file names this runner (${runner.name}), and its evidence log ${kid} is not here.`,
    {
      hint: 'Fetch it with `ff evidence import FOLDER` from where the runner keeps it; only for a runner that has none yet, begin it with `ff evidence seal --first`.',
    },
  )
}
