import { EVIDENCE_SHAPES } from '../../artefacts/schemas.ts'
import { findRunStep, formatStep } from '../../core/gate/next.ts'
import { checkLogs, findLateLogs, type LateLog } from '../../core/gate/judge-logs.ts'
import type { RunnerKey, WholeLog } from '../../core/gate/types.ts'
import { buildCheckReport, type CheckResult, passResult } from '../../core/report/check-report.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { type GateRequest, readGateInputs } from '../item-states/gate-inputs.ts'
import { loadItemFacts } from '../item-states/item-facts.ts'
import { readRunnerTrust, requireLogHere } from '../item-states/runner-trust.ts'
import type { GateFolder } from '../team-folder/load-gate-files.ts'
import { readSignoffFiles } from '../team-folder/signoff-files.ts'

/**
 * `ff evidence list`: one item for each log, and one for each current runner without a log. Logs that are not trusted
 * are one item, `evidence`, which fails with exit `untrusted`.
 *
 * @throws FfError the errors of the inputs of `ff gate`
 */
export async function listEvidence(
  request: GateRequest,
  adapters: Pick<Adapters, 'readEvidence' | 'judgeEvidence' | 'signoffCrypto'>,
): Promise<CheckReport> {
  const inputs = await readGateInputs(request, adapters)
  const { judged } = await loadItemFacts(inputs, adapters)
  const found = checkLogs(judged.evidence, { ...judged, must_hold: judged.pinned_heads })
  if (found.status === 'untrusted') {
    const { code, detail } = found
    const fault = toResult({ id: 'evidence', title: 'a log is not trusted', code, detail })
    const next = formatStep(findRunStep({ code, detail }, NO_FACTS))
    return buildCheckReport('evidence_list', [{ ...fault, state: 'fail', next }], {
      exits: ['untrusted'],
    })
  }
  const late = findLateLogs(found.logs, judged)
  const items = [
    ...found.logs.map((log) => toLogResult(log, { runners: judged.runners, late })),
    ...late.filter(({ code }) => code === 'log_missing').map(toMissingResult),
  ]
  return buildCheckReport('evidence_list', items.length === 0 ? [NO_LOG] : items)
}

/** No reason of a log is about a signer. */
const NO_FACTS = { requested: false, signers: { 'platform-lead': '', 'security-lead': '' } }

function toResult({
  id,
  title,
  code,
  detail,
}: Pick<CheckResult, 'id' | 'title'> & {
  readonly code: string
  readonly detail: string
}): CheckResult {
  const findings = [{ code, pointer: null, detail }]
  return { id, title, state: 'pending', findings, next: null }
}

function toLogResult(
  { kid, entries, head }: WholeLog,
  { runners, late }: { readonly runners: readonly RunnerKey[]; readonly late: readonly LateLog[] },
): CheckResult {
  const name = runners.find((one) => one.kid === kid)?.name ?? null
  const title = `${name ?? 'not named'}: ${entries.length} records, head of ${head.time}`
  if (name === null) {
    const unnamed = toResult({ id: kid, title, code: 'runner_not_named', detail: kid })
    const { fix } = findRunStep({ code: 'runner_not_named', detail: kid }, NO_FACTS)
    return { ...unnamed, state: 'inconclusive', next: fix }
  }
  const stale = late.find((one) => one.kid === kid)
  return stale === undefined
    ? passResult(kid, title)
    : { ...toResult({ id: kid, title, ...stale }), next: formatStep(findRunStep(stale, NO_FACTS)) }
}

const toMissingResult = ({ kid, code, detail }: LateLog): CheckResult => ({
  ...toResult({ id: kid, title: 'has no log here', code, detail }),
  next: formatStep(findRunStep({ code, detail }, NO_FACTS)),
})

const NO_LOG: CheckResult = {
  ...toResult({
    id: 'evidence',
    title: 'no log',
    code: 'no_record',
    detail: 'nothing was measured',
  }),
  next: 'ff probe run',
}

/**
 * `ff evidence import FOLDER`: takes over each log that continues the one here; the same one or a shorter part changes
 * nothing.
 *
 * @returns a line for each log
 * @throws FfError `nothing_to_check` where the folder holds no log, and the errors of the adapter
 */
export async function importEvidence(
  from: string,
  into: string,
  adapters: Pick<Adapters, 'importEvidence'>,
): Promise<readonly string[]> {
  const done = await adapters.importEvidence(from, into, EVIDENCE_SHAPES)
  if (done.length === 0)
    throw new FfError('nothing_to_check', `${quoteValue(from)} holds no evidence log.`, {
      hint: 'Name the .ff/evidence folder of a runner, or the folder of one log in it.',
    })
  return done.map(({ kid, seq, extended }) =>
    extended ? `${kid}: imported, ${seq} records.` : `${kid}: ${seq} records, nothing new.`,
  )
}

export interface SealRequest {
  readonly folder: GateFolder
  /** The folder of the evidence logs. */
  readonly evidence: string
  /** The runner's key file, and whether to create a missing one. */
  readonly key: { readonly path: string; readonly make: boolean }
  /** Whether to begin the log. */
  readonly first: boolean
  readonly trust_pin: string | null
  readonly now: () => Date
}

/**
 * `ff evidence seal`: renews the head of the runner's log, or begins the log of a runner that the trust file does not
 * name, or with `first` of any.
 *
 * @returns the head as FF_EVIDENCE_HEAD takes it, and the trust file that it names
 * @throws FfError `log_not_here`, `option_invalid` for `first` where there is a log, and the errors of `openEvidence`
 */
export async function sealEvidence(
  request: SealRequest,
  adapters: Pick<Adapters, 'openEvidence' | 'signoffCrypto'>,
): Promise<readonly string[]> {
  const { folder, evidence, key, first, now } = request
  const trust = await readRunnerTrust(await readSignoffFiles(folder), request, adapters)
  const { writer } = await adapters.openEvidence(evidence, {
    shapes: EVIDENCE_SHAPES,
    key,
    now,
    sight: trust.sight,
    onLog: (log) => (first ? refuseSecond(log) : requireLogHere(log, trust)),
  })
  await writer.close()
  const { kid, head } = writer
  const named = head.trust === null ? 'no trust file' : `trust file version ${head.trust.version}`
  return [
    `Sealed the log at record ${head.seq}, ${head.time}; the head names ${named}.`,
    `FF_EVIDENCE_HEAD=${[kid, head.seq, head.hash].join(':')}`,
  ]
}

function refuseSecond({ kid, isHere }: { readonly kid: string; readonly isHere: boolean }): void {
  if (!isHere) return
  throw new FfError('option_invalid', `--first begins a log, and the log ${kid} is here already.`, {
    hint: 'Run `ff evidence seal` without it.',
  })
}
