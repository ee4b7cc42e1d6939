import { findRunStep, formatStep } from '../../core/gate/next.ts'
import type { SignoffOutcome } from '../../core/gate/types.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { findSigners } from '../../core/signoff/signers.ts'
import { ROLES } from '../../core/signoff/types.ts'
import type { ExitName } from '../../core/exit.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { type SignoffContext, judgeSignoffNow } from './context.ts'

const EXIT_BY_STATUS: Readonly<Record<SignoffOutcome['status'], ExitName>> = {
  verified: 'ok',
  missing: 'not_ready',
  stale: 'not_ready',
  inconclusive: 'inconclusive',
  refused: 'untrusted',
}

/**
 * `ff signoff verify`: one item for each role, as of `context.now`. Exit `not_ready` for a missing signature or a
 * stale sign-off, `untrusted` for a refused one, whose code every role then has, `inconclusive` where it cannot be
 * judged.
 *
 * @throws FfError `artefact_invalid` for an invalid waivers file, and the errors of reading the gate, such as
 *   `checklist_loosened` and `evidence_untrusted`
 */
export async function verifySignoff(context: SignoffContext): Promise<CheckReport> {
  const outcome = judgeSignoffNow(context, await context.readGate())
  return buildCheckReport(
    'signoff_verify',
    ROLES.map((role) => toRoleResult(role, outcome, context)),
    {
      exits: [EXIT_BY_STATUS[outcome.status]],
    },
  )
}

function toRoleResult(
  role: (typeof ROLES)[number],
  outcome: SignoffOutcome,
  { texts, trust, now }: SignoffContext,
): CheckResult {
  const waiting = texts.signoff !== null && outcome.status === 'missing' ? outcome.roles : []
  const facts = { waiting, signers: findSigners(trust, now) }
  if (outcome.status === 'verified') {
    const signature = outcome.signatures.find((one) => one.role === role)
    return passResult(
      role,
      `${signature?.person ?? ''} at ${signature?.signed_at ?? ''}, until ${outcome.valid_until}`,
    )
  }
  if (outcome.status === 'missing') {
    return outcome.roles.includes(role)
      ? {
          id: role,
          title: 'has not signed',
          state: 'pending',
          findings: [{ code: 'role_missing', pointer: null, detail: role }],
          next: formatStep(findRunStep({ code: 'role_missing', detail: role }, facts)),
        }
      : passResult(role, 'has signed')
  }
  const { status, code, detail } = outcome
  return {
    id: role,
    title: status,
    state: status === 'refused' ? 'fail' : status === 'stale' ? 'pending' : 'inconclusive',
    findings: [{ code, pointer: null, detail }],
    next: formatStep(findRunStep({ code, detail }, facts)),
  }
}
