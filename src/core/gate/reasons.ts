import type { SignoffRefusalCode } from '../signoff/refusals.ts'
import { type EvidenceCode, NO_PLAN } from './evidence-checks.ts'
import { type LateLog, SEAL } from './judge-logs.ts'
import type { MeasurementCode } from './judge-measurement.ts'
import type { SignatureCode } from './judge-signature.ts'
import {
  type Reason,
  ANSWERED,
  BROKEN,
  IDENTITY_NOT_SAID,
  MEASURED_ELSEWHERE,
  WRITE_PLAN,
  again,
  allowDisruption,
  badTrust,
  controlled,
  correctClock,
  formatKeyCommand,
  nameRunner,
  none,
  requestOrSign,
  retry,
  run,
  say,
  setPin,
  signAnew,
  spoiled,
  spoiledLog,
  waiver,
} from './reason.ts'
import type { EvidenceFault } from './types.ts'
import type { WaiverMismatch } from './waivers.ts'

/** Every reason that the gate can give by itself. A record of a probe can hold others. */
export type ReasonCode =
  | EvidenceCode
  | MeasurementCode
  | SignatureCode
  | SignoffRefusalCode
  | EvidenceFault
  | LateLog['code']
  | 'decision_about_another'
  | WaiverMismatch
  | ProbeAnswer
  | 'disrupt_not_allowed'

/** Why a probe could not measure: errors that are `inconclusive`, whose record says what to do. */
const ANSWERED_CODES = [
  'system_refused',
  'no_reason_given',
  'backing_unavailable',
  'command_unanswered',
  'disk_full',
  'embedded_unavailable',
  'evidence_old_form',
  'evidence_unreadable',
  'evidence_unwritable',
  'identity_incomplete',
  'key_file_unreadable',
  'mirror_behind',
  'outcome_unknown',
  'output_failed',
  'production_refused',
  'proof_inconclusive',
  'request_inconclusive',
  'request_unsendable',
  'rights_missing',
  'row_refused',
  'service_refused',
  'sides_alike',
  'signer_failed',
  'signoff_unwritable',
  'step_backed_out',
  'step_unsettled',
  'store_corrupt',
  'store_empty',
  'target_missing',
  'target_read_only',
  'target_unreachable',
] as const
/** Why a probe could not measure: a result of its runs, or an error that is `inconclusive`. */
export type ProbeAnswer = (typeof ANSWERED_CODES)[number] | 'flaky' | 'probe_broke'

const TRIGGERS = 'rollback_triggers.json'

/** What to do about each reason, and the command that comes next. A code without a row does not compile. */
export const REASONS: Readonly<Record<ReasonCode, Reason>> = {
  ...(Object.fromEntries(ANSWERED_CODES.map((code) => [code, ANSWERED])) as Record<
    (typeof ANSWERED_CODES)[number],
    Reason
  >),
  no_record: again(say('Nothing was measured yet.')),
  disrupt_not_allowed: {
    fix: say('Its probe disrupts staging, which was not allowed: agree on a time with its users.'),
    next: allowDisruption,
    person: true,
  },
  runner_not_named: {
    fix: say(
      'Measure again as a runner that the trust file names; or name this one in the next version of the trust file, which both leads sign with ff trust rotate. `ff evidence list` shows each log with its runner.',
    ),
    next: nameRunner,
    person: true,
  },
  runner_not_current: again(
    say('It was measured outside the time of its runner, or its key is revoked.'),
  ),
  runner_not_for_place: {
    fix: ({ detail }) =>
      `Measure it as a runner of that place, or name the place in the next version of the trust file, which both leads sign with ff trust rotate: ${detail}.`,
    next: nameRunner,
    person: true,
  },
  measured_elsewhere: MEASURED_ELSEWHERE,
  clock_set_back: correctClock('A record or a log is ahead of this clock.'),
  identity_not_said: IDENTITY_NOT_SAID,
  identity_changed: again(({ detail }) => `Since the measurement this has changed: ${detail}.`),
  probe_changed: again(({ detail }) => `It was measured by another probe, ${detail}.`),
  item_changed: again(say('Its limits or parameters in the checklist are others now.')),
  build_differs: again(({ detail }) => `It was measured by another build of ff: ${detail}.`),
  input_changed: again(({ detail }) => `Since the measurement this has changed: ${detail}.`),
  input_missing: again(
    ({ detail }) =>
      `The record does not name what it was made with: ${detail}.${detail.includes(TRIGGERS) ? ` Where there is none yet: \`cp checklists/templates/${TRIGGERS} checklists/${TRIGGERS}\`, and fill it in.` : ''}`,
  ),
  evidence_old: again(say('The measurement is too old.')),
  plan_over: {
    fix: ({ detail }) =>
      detail.endsWith(NO_PLAN)
        ? WRITE_PLAN
        : 'The window of the plan is over. Agree a new one and write it into checklists/plan.json: `ff plan check` says what to write.',
    next: ({ detail }) => (detail.endsWith(NO_PLAN) ? 'ff plan new' : 'ff plan check'),
    person: true,
    earlier: true,
  },
  control_not_run: controlled('The deliberate fault was not tried, so the result proves nothing.'),
  control_not_detected: controlled(
    'The probe did not detect the deliberate fault, so its result proves nothing. `ff doctor` checks what it needs here.',
  ),
  control_runner_not_named: controlled(
    'The deliberate fault was tried by a runner that the trust file does not name.',
  ),
  control_stale: controlled('The deliberate fault was tried too long ago, or with other code.'),
  limit_broken: BROKEN,
  probe_failed: BROKEN,
  measure_missing: retry(({ detail }) => `The probe reported no value for ${detail}.`),
  too_few_samples: retry(({ detail }) => `Too little was looked at: ${detail}.`),
  flaky: retry(say('Repeated measurements differed. Find out why before measuring again.')),
  probe_broke: retry(
    say('The probe broke, which is a fault of ff. `ff doctor` checks the machine.'),
  ),
  waiver_expired: waiver('Its waiver has ended.'),
  waiver_not_yet_requested: waiver('Its waiver begins later.'),
  waiver_not_approved: waiver(
    'Its waiver is not approved: `ff waiver list` shows who has to sign.',
  ),
  waiver_for_another_cutover: waiver('Its waiver is for another cutover or attempt.'),
  waiver_after_failure: waiver('Its waiver does not count while the last result is a failure.'),
  waiver_past_bound: waiver('The value is past the bound of its waiver.'),
  waiver_covers_another_state: waiver('Its waiver covers another state.'),
  waiver_covers_another_reason: waiver('Its waiver covers another reason.'),
  waiver_altered: {
    fix: say(
      'A waiver was changed after its approval. Find out who changed it with `git log -p -- checklists/waivers.json`, and restore it.',
    ),
    next: run('ff waiver lint'),
    person: true,
  },
  // the decision file
  decision_about_another: {
    fix: ({ detail }) => `Get the decision about what is deployed: ${detail}.`,
    next: none,
    person: true,
    first: true,
  },
  // the logs
  evidence_edited: spoiledLog('A log was changed.'),
  evidence_cut: spoiledLog('A log ends too early.'),
  evidence_reordered: spoiledLog('The records of a log stand in another order.'),
  evidence_recomputed: spoiledLog('A log was changed.'),
  evidence_missing: spoiledLog('A log or a record is gone.'),
  evidence_forked: spoiledLog('One key has two logs.'),
  withdrawal_missing: badTrust('A withdrawal that a runner has seen is gone.'),
  log_missing: {
    fix: ({ detail }) =>
      `The log of ${detail} is not here. Fetch it with ff evidence import from where the runner keeps it; where the runner is this machine and has none yet, begin it.`,
    next: run('ff evidence seal --first'),
    // ff probe run refuses to begin a log beside one that is elsewhere.
    first: true,
  },
  head_stale: {
    fix: ({ detail, unclosed }) =>
      unclosed
        ? `The next version of the trust file closes the log, which its runner has to have sealed within the hour: ${detail}.`
        : `Only its runner can seal the log again: on the machine of the runner run \`${SEAL}\`, then fetch the log here with ff evidence import: ${detail}.`,
    next: run('ff evidence seal'),
  },
  // the trust file
  trust_missing: {
    fix: ({ signers }) =>
      `Each lead makes a key and hands over its public half: ${formatKeyCommand(signers['platform-lead'])} and ${formatKeyCommand(signers['security-lead'])}. Then create the trust file.`,
    next: ({ signers }) =>
      `ff trust init --platform-lead ${signers['platform-lead']}.pub.json --security-lead ${signers['security-lead']}.pub.json --runner .ff/runner.pub.json`,
    person: true,
    first: true,
  },
  trust_pin_missing: setPin('Nothing from outside the repository confirms the trust file.'),
  trust_pin_outdated: setPin('The trust file was rotated. Once you know why:'),
  trust_pin_mismatch: badTrust('The trust file is not the one that the pin names.'),
  trust_malformed: badTrust('The trust file is not valid.'),
  trust_kid_differs: badTrust('The trust file names a key under the id of another.'),
  trust_key_weak: badTrust('The trust file holds a weak key.'),
  trust_key_shared: badTrust('Two entries of the trust file share a key.'),
  trust_role_unfilled: badTrust('The trust file has no signer for a role.'),
  trust_chain_broken: badTrust('The chain of trust files is broken.'),
  trust_unsigned: badTrust(
    'A version of the trust file is not signed by both roles of the one before.',
  ),
  trust_rolled_back: badTrust('The trust file is older than one that a runner has seen.'),
  trust_forked: badTrust('Two trust files have the same version.'),
  trust_expired: {
    fix: ({ signers }) =>
      `The trust file has expired. Both leads sign the next version with a later expiry: \`ff trust rotate --until TIME --key ${signers['platform-lead']}.key.json\`, then the other lead.`,
    next: run('ff trust show'),
    person: true,
    first: true,
  },
  // signatures
  signature_missing: {
    fix: say('Both leads sign the same statement, each with their own key.'),
    next: requestOrSign,
  },
  attestation_missing: {
    fix: ({ detail }) => `A signature has to attest it: ${detail}.`,
    next: requestOrSign,
  },
  role_missing: { fix: say('A role has not signed.'), next: requestOrSign },
  signature_old: signAnew('The signature is too old.'),
  accepted_since_signing: signAnew('More is accepted now than when it was signed.'),
  failed_since_signing: signAnew('An accepted item has failed since it was signed.'),
  signature_withdrawn: signAnew('A signer withdrew from the statement.'),
  statement_revoked: signAnew('The statement was revoked.'),
  signoff_expired: signAnew('The statement has ended.'),
  decision_no_go: signAnew('The statement is one of a no-go.'),
  environment_differs: signAnew('The statement is about another environment.'),
  cutover_differs: signAnew('The statement is about another cutover.'),
  attempt_ahead: signAnew('The statement is about a later attempt.'),
  attempt_ended: {
    fix: ({ item, detail }) =>
      item === null || item.kind === 'signature'
        ? 'The statement is about an earlier attempt. Prepare a new statement, which both leads sign.'
        : `The target is in another attempt than the plan says: ${detail}.`,
    next: ({ item }) =>
      item === null || item.kind === 'signature'
        ? 'ff signoff request'
        : `grep -n '"attempt"' checklists/plan.json`,
    person: true,
  },
  database_changed: signAnew('The statement is about another database.'),
  schema_changed: signAnew('The statement is about another schema.'),
  code_changed: signAnew('The statement is about other code.'),
  build_changed: signAnew('The statement was prepared by another build of ff.'),
  config_changed: signAnew('The statement is about other settings.'),
  subject_not_covered: signAnew('The statement does not cover all files.'),
  checklist_changed: signAnew('The checklist has changed.'),
  waivers_changed: signAnew('The waivers have changed.'),
  plan_changed: signAnew('The plan has changed.'),
  triggers_changed: signAnew('The rollback triggers have changed.'),
  inputs_changed: signAnew('The runbook or a file of a team command has changed.'),
  signed_before_evidence: signAnew('A signature is older than what it covers.'),
  key_revoked: signAnew('A key that signed is revoked.'),
  key_outside_window: signAnew('A key signed outside its time.'),
  key_unknown: signAnew('The trust file does not name a key that signed.'),
  role_not_of_signer: signAnew('A key signed for a role that it does not have.'),
  person_not_of_signer: signAnew('A key signed for another person.'),
  key_repeated: signAnew('One key signed twice.'),
  person_repeated: signAnew('One person signed for both roles.'),
  signed_in_future: correctClock('A signature is ahead of this clock.'),
  withdrawal_invalid: {
    fix: say(
      'checklists/withdrawals.json is not as ff wrote it. Find out who changed it with `git log -p -- checklists/withdrawals.json`, and restore it.',
    ),
    next: run('ff signoff verify'),
    person: true,
  },
  envelope_malformed: spoiled('The sign-off is not valid.'),
  envelope_not_canonical: spoiled('The sign-off has another spelling than ff writes.'),
  unprotected_header: spoiled('A signature has an unprotected header.'),
  header_malformed: spoiled('The header of a signature is not valid.'),
  header_key_embedded: spoiled('A signature brings its own key.'),
  alg_none: spoiled('A signature has no algorithm.'),
  alg_symmetric: spoiled('A signature has a symmetric algorithm.'),
  alg_not_allowed: spoiled('A signature has an algorithm that is not allowed.'),
  typ_wrong: spoiled('A signature is of another type.'),
  meaning_wrong: spoiled('A signature has another meaning.'),
  signature_malformed: spoiled('A signature is not valid.'),
  signature_invalid: spoiled('A signature does not verify.'),
  payload_altered: spoiled('The statement was changed after it was signed.'),
  duplicate_member: spoiled('The statement has a member twice.'),
  payload_not_canonical: spoiled('The statement has another spelling than ff writes.'),
  statement_malformed: spoiled('The statement is not valid.'),
}

/**
 * The row of a code in `REASONS`: what to do and the next command. `ANSWERED`, which shows what the record says, for
 * a code without a row, such as one that the probe itself recorded.
 */
export const findReason = (code: string): Reason =>
  Object.hasOwn(REASONS, code) ? REASONS[code as ReasonCode] : ANSWERED
