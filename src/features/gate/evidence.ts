import { EVIDENCE_SHAPES } from '../../artefacts/schemas.ts'
import { findRunStep } from '../../core/gate/next.ts'
import { checkLogs, findLateLogs, type LateLog, SEAL } from '../../core/gate/judge-logs.ts'
import type { RunnerKey, UntrustedLog, WholeLog } from '../../core/gate/types.ts'
import { buildCheckReport, type CheckResult, passResult } from '../../core/report/check-report.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { type GateInputs, type GateRequest, readGateInputs } from '../item-states/gate-inputs.ts'
import { loadItemFacts } from '../item-states/item-facts.ts'
import { readRunnerTrust, requireLogHere } from '../item-states/runner-trust.ts'
import type { GateFolder } from '../team-folder/load-gate-files.ts'
import { readSignoffFiles } from '../team-folder/signoff-files.ts'

/**
 * `ff evidence list`: one item for each log, and one for each current runner without a log; one pending item
 * `evidence` for no log at all. Where the logs are not trusted, one failed item for each log that is damaged by
 * itself, else the one item `evidence`, and exit `untrusted`. A log whose head is too old is pending, one of a key
 * that the trust file does not name inconclusive.
 *
 * @throws FfError `artefact_invalid`, `checklist_loosened`, `waiver_altered`, `setting_invalid`,
 *   `evidence_unreadable`, `evidence_old_form`
 */
export async function listEvidence(
  request: GateRequest,
  adapters: Pick<Adapters, 'readEvidence' | 'judgeEvidence' | 'signoffCrypto'>,
): Promise<CheckReport> {
  const inputs = await readGateInputs(request, adapters)
  const { judged } = await loadItemFacts(inputs, adapters)
  const found = checkLogs(judged.evidence, { ...judged, must_hold: judged.pinned_heads })
  if (found.status === 'untrusted') {
    const damaged = await findDamagedLogs(inputs, judged.runners, adapters)
    const items = damaged.length === 0 ? [toUntrustedResult(found)] : damaged
    return buildCheckReport('evidence_list', items, { exits: ['untrusted'] })
  }
  const late = findLateLogs(found.logs, judged)
  const here = new Set(found.logs.map(({ kid }) => kid))
  const items = [
    ...found.logs.map((log) => toLogResult(log, { runners: judged.runners, late })),
    ...late.filter(({ kid }) => !here.has(kid)).map(toMissingResult),
  ]
  return buildCheckReport('evidence_list', items.length === 0 ? [NO_LOG] : items)
}

/** No reason of a log is about a signer. */
const NO_FACTS = { waiting: [], signers: { 'platform-lead': '', 'security-lead': '' } }
/** Each log that is damaged by itself, with the way out of it. */
async function findDamagedLogs(
  { texts, files }: GateInputs,
  runners: readonly RunnerKey[],
  { judgeEvidence }: Pick<Adapters, 'judgeEvidence'>,
): Promise<readonly CheckResult[]> {
  const read = await Promise.all(
    texts.evidence.map(async (one) => ({ kid: one.kid, log: await judgeEvidence([one], files) })),
  )
  return read.flatMap(({ kid, log }): readonly CheckResult[] => {
    const runner = runners.find((one) => one.kid === kid)
    if (log.status === 'whole' || runner?.closed === 'lost') return []
    const { code, detail } = log
    const fault = toResult({ id: kid, title: 'is damaged', code, detail })
    const next = runner === undefined ? PUT_ASIDE : GIVE_UP
    return [{ ...fault, state: 'fail', next: next.replaceAll('KID', quoteForShell(kid)) }]
  })
}
/** No record of a key that the trust file does not name counts. */
const PUT_ASIDE = 'mv .ff/evidence/KID .ff/'
const GIVE_UP =
  'Keep .ff/evidence/KID for an investigation. On the machine of the runner make a new key: `rm .ff/runner.pem && ff evidence seal`. Then give up this log and name the new key: `ff trust rotate --lost KID --runner .ff/runner.pub.json --key alice.key.json`'

/** The fault of logs that are whole one by one. */
function toUntrustedResult({ code, detail }: UntrustedLog): CheckResult {
  const fault = toResult({ id: 'evidence', title: 'a log is not trusted', code, detail })
  const isOfTrust = code.startsWith('trust_') || code === 'withdrawal_missing'
  return { ...fault, state: 'fail', next: isOfTrust ? 'ff trust show' : FETCH }
}
const FETCH =
  'Fetch the log from its runner: `ff evidence import FOLDER`. One that is gone for good, or has two ends, is given up: `ff trust rotate --lost KID --key alice.key.json`, with the key that is named above.'

const countRecords = (count: number): string => `${count} record${count === 1 ? '' : 's'}`

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
  const title = `${name ?? 'not named'}: ${countRecords(entries.length)}, head of ${head.time}`
  if (name === null) {
    const unnamed = toResult({ id: kid, title, code: 'runner_not_named', detail: kid })
    const { fix } = findRunStep({ code: 'runner_not_named', detail: kid }, NO_FACTS)
    return { ...unnamed, state: 'inconclusive', next: fix }
  }
  const stale = late.find((one) => one.kid === kid)
  return stale === undefined
    ? passResult(kid, title)
    : {
        ...toResult({ id: kid, title, ...stale }),
        next: stale.next === SEAL ? SEAL_THERE : stale.next,
      }
}
const SEAL_THERE =
  'Only its runner can seal it: on the machine of the runner run `ff evidence seal`, then fetch the log here with `ff evidence import FOLDER`.'

const toMissingResult = ({ kid, code, detail, next }: LateLog): CheckResult => ({
  ...toResult({ id: kid, title: 'has no log here', code, detail }),
  next: [
    'Fetch it from where the runner keeps it: `ff evidence import FOLDER`.',
    // A log that the trust file closes was begun long ago.
    ...(next === `${SEAL} --first`
      ? [`A new runner begins it on its machine, once: \`${next}\`.`]
      : []),
    `One that is gone for good is given up: \`ff trust rotate --lost ${quoteForShell(kid)} --key alice.key.json\``,
  ].join(' '),
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
 * `ff evidence import FOLDER`: takes over each log that continues the one here; the same one or a shorter part
 * changes nothing.
 *
 * @returns a line for each log, with its number of records
 * @throws FfError `nothing_to_check` where the folder holds no log, `evidence_untrusted`, `evidence_forked`,
 *   `evidence_unreadable`, `evidence_old_form`, `evidence_unwritable`, `evidence_locked`, `disk_full`
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
    extended
      ? `${kid}: imported, ${countRecords(seq)}.`
      : `${kid}: ${countRecords(seq)}, nothing new.`,
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
 * `ff evidence seal`: renews the head of the runner's log, or begins the log of a runner that the trust file does
 * not name, or with `first` of any. Creates a missing key file where `key.make` says so.
 *
 * @returns two lines: the head with the trust file that it names, and the head as FF_EVIDENCE_HEAD takes it
 * @throws FfError `log_not_here`, `option_invalid` for `first` where there is a log, `artefact_invalid`,
 *   `setting_invalid` for a malformed pin, and the errors of `openEvidence`, such as `evidence_locked` and
 *   `runner_key_invalid`
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
    `FF_EVIDENCE_HEAD=${[kid, head.seq, head.hash, head.withdrawn.length].join(':')}`,
  ]
}

function refuseSecond({ kid, isHere }: { readonly kid: string; readonly isHere: boolean }): void {
  if (!isHere) return
  throw new FfError('option_invalid', `--first begins a log, and the log ${kid} is here already.`, {
    hint: 'Run `ff evidence seal` without it; `ff evidence list` says which log is missing.',
  })
}
