import { createSignoffDependencies } from '../../artefacts/documents.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { digestItem } from '../../core/gate/inputs.ts'
import { measurePlan } from '../../core/gate/plan-rules.ts'
import type { RunnerSight } from '../../core/gate/heads.ts'
import type { GateInput } from '../../core/gate/judge-gate.ts'
import type { GateJudgement, RunnerKey, WaiverPolicy } from '../../core/gate/types.ts'
import type { SignoffFault } from '../../core/signoff/refusals.ts'
import { checkTrust, type TrustOutcome } from '../../core/signoff/trust.ts'
import type { SignoffDependencies } from '../../core/signoff/types.ts'
import { verifyWaivers } from '../../core/signoff/waivers.ts'
import { listWithdrawals } from '../../core/signoff/withdrawals.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { RUNBOOK } from '../team-folder/input-files.ts'
import { digestInputs } from '../team-folder/digest-inputs.ts'
import type { GateInputs } from './gate-inputs.ts'

/** The input of the item states, except for the heads of the logs that the sign-off covers. */
export interface ItemFacts {
  readonly judged: Omit<GateInput, 'signoff'>
  readonly trust: TrustOutcome
  /** The first waiver approval with an invalid signature; null for none. */
  readonly forged: (SignoffFault & { readonly id: string }) | null
  readonly tools: SignoffDependencies
}

/**
 * Judges the evidence logs, and verifies the trust file and the approvals of the waivers. Reads no file; an untrusted
 * trust file is an outcome, with no runners and no valid approvals. The waiver policy is the stricter of contract and
 * trust file.
 *
 * @throws FfError `setting_invalid` where the pin is not a SHA-256
 */
export async function loadItemFacts(
  { texts, files, identity, trust_pin, pinned_heads, at: now }: GateInputs,
  deps: Pick<Adapters, 'judgeEvidence' | 'signoffCrypto'>,
): Promise<ItemFacts> {
  const tools = createSignoffDependencies(await deps.signoffCrypto())
  const input = { text: texts.trust, chain: texts.trust_chain, pin: checkPin(trust_pin) }
  const outcome = checkTrust(input, now, tools)
  const trust = outcome.status === 'trusted' ? outcome.trust : null
  // A lost log may be damaged, so it is not judged.
  const lost = new Set(trust?.runners.flatMap((one) => (one.lost === true ? [one.kid] : [])))
  const kept = texts.evidence.filter(({ kid }) => !lost.has(kid))
  const evidence = await deps.judgeEvidence(kept, files)
  const written = { kind: 'waivers', schemaVersion: 1, waivers: files.waivers } as const
  const { waivers, faults, until } = verifyWaivers(written, { trust, now }, tools)
  const present = digestInputs(texts, files, tools)
  const runbook = present[RUNBOOK] ?? null
  return {
    judged: {
      checklist: files.checklist.value,
      evidence,
      waivers,
      policy: pickStricter(files.contract.waivers, trust?.waiver_policy ?? null),
      expected: identity,
      runners: listRunners(outcome),
      sight: toRunnerSight(outcome, { withdrawals: texts.withdrawals, now }, tools),
      pinned_heads,
      approvals_until: until,
      inputs: { floor: files.contract.inputs, present },
      item_digests: Object.fromEntries(
        files.checklist.value.items.map((item) => [item.id, digestItem(item, tools.sha256)]),
      ),
      plan_now: files.plan === null ? null : measurePlan(files.plan, { now, runbook }).measured,
      plan_until: (files.plan?.window.until ?? null) as Instant | null,
      staging_database: files.plan?.staging_database ?? null,
      now,
    },
    trust: outcome,
    forged: faults[0] ?? null,
    tools,
  }
}

/** Returns the pin if it is null or 64 lower-case hexadecimal digits. @throws FfError `setting_invalid` */
export function checkPin(pin: string | null): string | null {
  if (pin === null || /^[0-9a-f]{64}$/.test(pin)) return pin
  throw new FfError(
    'setting_invalid',
    `FF_TRUST_SHA256 is ${quoteValue(pin)}: a pin is a SHA-256 in 64 lower-case hexadecimal digits.`,
    {
      hint: 'Set it to the value that `ff trust pin` prints.',
    },
  )
}

/** The runners of a trusted trust file; none where the file is not trusted. */
function listRunners(outcome: TrustOutcome): readonly RunnerKey[] {
  if (outcome.status !== 'trusted') return []
  const { runners, revoked } = outcome.trust
  const revokedKids = new Set(revoked.keys.map(({ kid }) => kid))
  return runners.map(({ kid, name, from, until, places, closed, lost }) => ({
    kid,
    name,
    from: from as Instant,
    until: until as Instant,
    places,
    revoked: revokedKids.has(kid),
    closed: lost === true ? 'lost' : (closed ?? null),
  }))
}

/**
 * What the head of a runner's log has to name of a trust file that verifies under the pin: its version and SHA-256,
 * and the valid withdrawals. Null and no withdrawals where the trust file does not verify.
 */
export function toRunnerSight(
  outcome: TrustOutcome,
  { withdrawals: text, now }: { readonly withdrawals: string | null; readonly now: Instant },
  tools: SignoffDependencies,
): RunnerSight {
  if (outcome.status !== 'trusted') return { trust: null, withdrawn: [] }
  const { trust, sha256 } = outcome
  return {
    trust: { version: trust.version, sha256 },
    withdrawn: listWithdrawals({ text, trust, now }, tools),
  }
}

const pickStricter = (contract: WaiverPolicy, trust: WaiverPolicy | null): WaiverPolicy => ({
  max_active: Math.min(contract.max_active, trust?.max_active ?? contract.max_active),
  max_days: Math.min(contract.max_days, trust?.max_days ?? contract.max_days),
})

/**
 * Does nothing unless the code of a fault begins with `waiver`; the error then has each such fault as a detail.
 * Ignores other faults.
 *
 * @throws FfError `waiver_invalid`
 */
export function refuseWaivers(faults: GateJudgement['faults']): void {
  const own = faults.filter(({ code }) => code.startsWith('waiver'))
  if (own.length === 0) return
  throw new FfError(
    'waiver_invalid',
    `checklists/waivers.json breaks ${own.length} rule${own.length === 1 ? '' : 's'}, so no verdict was made.`,
    {
      hint: 'Correct the file until `ff waiver lint` passes, then run the same command again.',
      details: own.map(({ code, detail }) => `${code}: ${detail}`),
    },
  )
}
