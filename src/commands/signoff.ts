import { join } from 'node:path'
import { type SignoffContext, loadSignoffContext } from '../features/signoff/context.ts'
import { type FolderLogs, readFolderLogs } from '../features/signoff/folder-logs.ts'
import { newKey, showKey } from '../features/signoff/keys.ts'
import type { SigningKeyChoice } from '../features/signoff/signing-key.ts'
import { requestSignoff } from '../features/signoff/request.ts'
import { addSignatures, signSignoff } from '../features/signoff/sign.ts'
import { revokeSignoff, rotateTrust } from '../features/signoff/rotate-trust.ts'
import { withdrawSignoff } from '../features/signoff/withdraw.ts'
import { initTrust, formatPin, showTrust } from '../features/signoff/trust.ts'
import { verifySignoff } from '../features/signoff/verify.ts'
import {
  parseWaiverCover,
  lintWaivers,
  listWaivers,
  newWaiver,
  signWaiver,
} from '../features/signoff/waivers.ts'
import { instantFromMs, instantToMs } from '../core/rows/instant.ts'
import { escapeLine, formatJson } from '../core/text/terminal.ts'
import type { Context, Invocation } from './context.ts'
import type {
  KEY_NEW,
  REPORT,
  SIGNING_KEY,
  SIGNOFF_REVOKE,
  WAIVER_NEW,
} from './declarations/options.ts'
import type { TRUST_INIT, TRUST_ROTATE } from './declarations/trust-options.ts'
import { runReportCommand } from './run-report.ts'
import { loadSettings } from './settings.ts'

/**
 * `ff key new`: makes a key file at `--out`, encrypted under a passphrase asked on the terminal, prints its id, and
 * ends `ok`.
 * @throws FfError `terminal_missing`, `passphrase_weak`, `passphrase_wrong`, `file_exists`, `output_failed`,
 * `option_invalid`, `interrupted`, `setting_invalid`, `artefact_invalid` for a file of the folder that cannot be read
 */
export const runKeyNew = ({ context, options }: Invocation<typeof KEY_NEW>): Promise<void> =>
  printLines(context, async (signoffContext) => {
    const { out: path, person, name } = options
    const { kid } = await newKey(signoffContext, path, { person, name })
    return [
      `Wrote the key ${kid} of ${person} to ${path}.`,
      `Print its public half with: ff key show ${path}`,
    ]
  })
/**
 * `ff key show FILE`: prints the public half of a key file as JSON, and ends `ok`. Asks for no passphrase.
 * @throws FfError `key_file_missing`, `key_file_malformed`, `key_file_unreadable`, `key_file_loose`,
 * `setting_invalid`, `artefact_invalid` for a file of the folder that cannot be read
 */
export const runKeyShow = ({ context, words }: Invocation): Promise<void> =>
  printLines(context, async (signoffContext) =>
    formatJson(await showKey(signoffContext, words[0] ?? '')).split('\n'),
  )

const TRUST_DAYS = 180
/**
 * `ff trust init`: writes the first trust file, valid until `--until` or for 180 days, prints its SHA-256 as the pin,
 * and ends `ok`. With `--anew` it replaces a trust file, which ends its sign-off and approvals.
 * @throws FfError `file_exists`, `artefact_invalid`, `output_failed`, `signoff_locked`, `signoff_unwritable`,
 * `waiver_altered`, `setting_invalid`, `evidence_unreadable`, `evidence_old_form`
 */
export const runTrustInit = ({ context, options }: Invocation<typeof TRUST_INIT>): Promise<void> =>
  printLines(context, async (signoffContext) => {
    const until = instantFromMs(instantToMs(signoffContext.now) + TRUST_DAYS * 86_400_000)
    const { whole } = await readLogs(context)
    const { sha256, version } = await initTrust(signoffContext, {
      signers: {
        'platform-lead': options.platformLead,
        'security-lead': options.securityLead,
      },
      runners: options.runner,
      until: options.until ?? until,
      anew: options.anew,
      named: Math.max(0, ...whole.map(({ head }) => head.trust?.version ?? 0)),
    })
    return [
      ...(version === 1 ? [] : formatAnew(version)),
      'Set this protected variable of CI, outside the repository:',
      `FF_TRUST_SHA256=${sha256}`,
    ]
  })
const formatAnew = (version: number): readonly string[] => [
  `Version ${version} begins anew: no role of an earlier version signed it, so the person who sets its pin vouches for it alone.`,
  'The sign-off, the approvals of waivers and every earlier pin have ended. Merge the checklists folder, set the pin, seal the log of each runner with ff evidence seal, then run ff signoff request.',
]
/**
 * `ff trust show`: prints a report on the trust file, its keys and the logs that name it, and sets its exit. Changes
 * nothing.
 * @throws FfError `setting_invalid`, `artefact_invalid`, `evidence_unreadable`, `evidence_old_form`, and the errors of
 * `runReportCommand`, such as `output_failed`
 */
export const runTrustShow = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, async () => {
    const { whole } = await readLogs(invocation.context)
    return showTrust(await loadContext(invocation.context), whole)
  })
/**
 * `ff trust pin`: prints `FF_TRUST_SHA256=` with the SHA-256 of the trust file, and ends `ok`.
 * @throws FfError `trust_refused` where that file is missing, expired or not valid, `setting_invalid`,
 * `artefact_invalid`
 */
export const runTrustPin = ({ context }: Invocation): Promise<void> =>
  printLines(context, (signoffContext) => Promise.resolve([formatPin(signoffContext)]))
/**
 * `ff trust rotate [FILE]`: shows the next version of the trust file, a file or one that the options make, asks, signs
 * it, prints its pin, or the signature still missing, and ends `ok`. The second signature puts the version in force.
 * @throws FfError `terminal_missing`, `trust_refused`, `artefact_invalid`, `option_invalid`, `log_not_here`,
 * `evidence_untrusted`, `evidence_unreadable`, `evidence_old_form`, `not_attested`, `signed_already`,
 * `signoff_refused`, `signoff_locked`, `signoff_unwritable`, `output_failed`, `setting_invalid`, and those of the key
 * and its signer: `signer_unknown`, `signer_failed`, `signature_not_accepted`, `passphrase_wrong`, `interrupted`,
 * `key_file_missing` and the other `key_file_*`
 */
export const runTrustRotate = ({
  context,
  words,
  options,
}: Invocation<typeof TRUST_ROTATE>): Promise<void> =>
  printLines(context, async (signoffContext) => {
    const readEnds = async () => (await readLogs(context)).ends
    const request = { path: words[0] ?? null, options, readEnds }
    const { missing, sha256, runners } = await rotateTrust(
      signoffContext,
      request,
      signingKeyChoice(options),
    )
    return missing === null
      ? [
          'The next version is signed. Now, in this order:',
          '1. Merge checklists/trust.json and checklists/trust-chain.json.',
          '2. Set the protected variable of CI, outside the repository:',
          `FF_TRUST_SHA256=${sha256}`,
          `3. Seal the log of each runner with ff evidence seal: ${runners.length === 0 ? 'none is named' : runners.join(', ')}.`,
          'Until the pin is set the gate ends 23 (trust_pin_outdated); until each runner has sealed, it is not ready.',
        ]
      : [`Still to sign, with ff trust rotate: ${missing}`]
  })

/**
 * `ff signoff request`: writes the statement of a GO that both leads sign, prints its SHA-256, and ends `ok`.
 * @throws FfError `trust_refused`, `identity_incomplete`, `request_no_go`, `request_not_ready`,
 * `request_inconclusive`, `artefact_invalid`, `output_failed`, `signoff_locked`, `signoff_unwritable`,
 * `setting_invalid`, `waiver_invalid`, `waiver_altered`, `evidence_unreadable`, `evidence_old_form`,
 * `evidence_untrusted`
 */
export const runSignoffRequest = ({ context }: Invocation): Promise<void> =>
  printLines(context, async (signoffContext) => {
    const { sha256, accepted } = await requestSignoff(signoffContext)
    return [
      `Prepared: GO, with ${accepted} items accepted; statement ${sha256}.`,
      'Both leads sign it, each with their own key: ff signoff sign --key alice.key.json',
    ]
  })
/**
 * `ff signoff sign`: shows the statement, asks for each attestation, signs, writes the signature into the envelope,
 * prints the signer and the role, and ends `ok`.
 * @throws FfError `terminal_missing`, `trust_refused`, `nothing_to_check` without a sign-off, `signoff_refused`,
 * `signoff_stale`, `signed_already`, `clock_set_back`, `not_attested`, `artefact_invalid`, `waiver_altered`,
 * `signoff_locked`, `signoff_unwritable`, `output_failed`, the errors of the gate's inputs, and those of the key and
 * its signer: `option_invalid`, `signer_unknown`, `signer_failed`, `signature_not_accepted`, `passphrase_wrong`,
 * `interrupted`, `key_file_missing` and the other `key_file_*`
 */
export const runSignoffSign = ({
  context,
  options,
}: Invocation<typeof SIGNING_KEY>): Promise<void> =>
  printLines(context, async (signoffContext) => [
    `${await signSignoff(signoffContext, signingKeyChoice(options))}.`,
  ])
/**
 * `ff signoff add FILE`: adds the signatures of another copy of the same statement, if all verify, prints how many
 * were new, and ends `ok`.
 * @throws FfError `trust_refused`, `nothing_to_check`, `signoff_refused`, `signoff_stale`, `artefact_invalid`,
 * `output_failed`, `signoff_locked`, `signoff_unwritable`, and the errors of the gate's inputs, such as
 * `setting_invalid`, `waiver_altered` and `evidence_untrusted`
 */
export const runSignoffAdd = ({ context, words }: Invocation): Promise<void> =>
  printLines(context, async (signoffContext) => [
    `Signatures added: ${await addSignatures(signoffContext, words[0] ?? '')}.`,
  ])
/**
 * `ff signoff verify`: verifies the sign-off as of now, prints a report with an item for each role and sets its exit.
 * Changes nothing.
 * @throws FfError `artefact_invalid`, `setting_invalid`, `waiver_invalid`, `waiver_altered`, `evidence_unreadable`,
 * `evidence_old_form`, `evidence_untrusted`, and the errors of `runReportCommand`, such as `output_failed`
 */
export const runSignoffVerify = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, async () => verifySignoff(await loadContext(invocation.context)))
/**
 * `ff signoff revoke`: writes `checklists/trust-next.json`, over an earlier one, which revokes the statement once both
 * roles sign it; prints the next step, and ends `ok`.
 * @throws FfError `trust_refused`, `nothing_to_check` without a readable sign-off, `artefact_invalid`,
 * `output_failed`, `setting_invalid`
 */
export const runSignoffRevoke = ({
  context,
  options,
}: Invocation<typeof SIGNOFF_REVOKE>): Promise<void> =>
  printLines(context, async (signoffContext) => {
    const sha256 = await revokeSignoff(signoffContext, options.reason)
    return [
      `checklists/trust-next.json revokes the statement ${sha256}.`,
      'It is valid once both roles sign it with: ff trust rotate checklists/trust-next.json --key FILE',
    ]
  })

/**
 * `ff signoff withdraw`: asks, signs, and adds a withdrawal to `checklists/withdrawals.json`, which ends the signature
 * of one person under the present statement for good; prints that, and ends `ok`.
 * @throws FfError `terminal_missing`, `trust_refused`, `nothing_to_check`, `not_attested`, `signed_already`,
 * `artefact_invalid`, `output_failed`, `signoff_locked`, `signoff_unwritable`, `setting_invalid`, and those of the key
 * and its signer: `option_invalid`, `signer_unknown`, `signer_failed`, `signature_not_accepted`, `passphrase_wrong`,
 * `interrupted`, `key_file_missing` and the other `key_file_*`
 */
export const runSignoffWithdraw = ({
  context,
  options,
}: Invocation<typeof SIGNING_KEY>): Promise<void> =>
  printLines(context, async (signoffContext) => {
    const choice = signingKeyChoice(options)
    const { person, statement, isDone } = await withdrawSignoff(signoffContext, choice)
    return [
      `${person} ${isDone ? 'has withdrawn already' : 'withdrew'} from the statement ${statement}. Commit checklists/withdrawals.json.`,
      'A new statement may be signed: ff signoff request',
    ]
  })

/**
 * `ff waiver new ITEM`: adds a waiver without an approval to the waivers file, prints its id, and ends `ok`.
 * @throws FfError `option_invalid` for a cover of both kinds, of neither, or of another form; `artefact_invalid` where
 * the waiver breaks a rule, `output_failed`, `signoff_locked`, `signoff_unwritable`, `waiver_altered`,
 * `setting_invalid`
 */
export const runWaiverNew = ({
  context,
  words,
  options,
}: Invocation<typeof WAIVER_NEW>): Promise<void> =>
  printLines(context, async (signoffContext) => {
    const { bound, code, expires, ...reasons } = options
    const id = await newWaiver(signoffContext, {
      item: words[0] ?? '',
      covers: parseWaiverCover(bound, code),
      ...reasons,
      expires_at: expires,
    })
    return [`Wrote ${id}, without an approval. Approve it with: ff waiver sign ${id} --key FILE`]
  })
/**
 * `ff waiver sign ID`: shows the waiver, asks, writes the approval of one person, prints the person and the waiver,
 * and ends `ok`.
 * @throws FfError `terminal_missing`, `trust_refused`, `option_invalid`, `not_attested`, `artefact_invalid`,
 * `output_failed`, `signoff_locked`, `signoff_unwritable`, `waiver_altered`, `setting_invalid`, and those of the key
 * and its signer: `signer_unknown`, `signer_failed`, `signature_not_accepted`, `passphrase_wrong`, `interrupted`,
 * `key_file_missing` and the other `key_file_*`
 */
export const runWaiverSign = ({
  context,
  words,
  options,
}: Invocation<typeof SIGNING_KEY>): Promise<void> =>
  printLines(context, async (signoffContext) => [
    `${await signWaiver(signoffContext, words[0] ?? '', signingKeyChoice(options))}.`,
  ])
/**
 * `ff waiver lint`: checks every rule and approval of the waivers, prints a report and sets its exit. Changes nothing.
 * @throws FfError `artefact_invalid` for a file that cannot be parsed or an invalid checklist, `waiver_altered`,
 * `checklist_loosened`, `setting_invalid`, and the errors of `runReportCommand`, such as `output_failed`
 */
export const runWaiverLint = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, async () => lintWaivers(await loadContext(invocation.context)))
/**
 * `ff waiver list`: prints a report on all waivers with their approvals and expiry, and sets its exit. Changes
 * nothing.
 * @throws FfError `artefact_invalid` for a file that cannot be parsed or an invalid checklist, `waiver_altered`,
 * `checklist_loosened`, `setting_invalid`, and the errors of `runReportCommand`, such as `output_failed`
 */
export const runWaiverList = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, async () => listWaivers(await loadContext(invocation.context)))

/** Prints the lines that `work` returns. */
async function printLines(
  context: Context,
  work: (signoffContext: SignoffContext) => Promise<readonly string[]>,
): Promise<void> {
  const lines = await work(await loadContext(context))
  await context.io.stdout(lines.map((line) => `${escapeLine(line)}\n`).join(''))
  context.exit = 'ok'
}

const readLogs = ({ cwd, adapters }: Context): Promise<FolderLogs> =>
  readFolderLogs(join(cwd, '.ff', 'evidence'), adapters)

async function loadContext(context: Context): Promise<SignoffContext> {
  const { root, cwd, env, now, io, adapters } = context
  const { FF_TRUST_SHA256 } = (await loadSettings(env, cwd)).values
  const at = instantFromMs(now().getTime())
  return loadSignoffContext({
    root,
    cwd,
    now: at,
    pin: FF_TRUST_SHA256,
    clock: () => instantFromMs(now().getTime()),
    keys: await adapters.signoffKeys(),
    tryLock: (path) => adapters.tryLock(path),
    terminal: await io.terminal(),
    // Loaded on first use: commands for keys and trust files do not need the gate.
    readGate: async () => {
      const [{ readGateState }, { buildGateRequest: gateRequest }] = await Promise.all([
        import('../features/signoff/verify-for-gate.ts'),
        import('./gate.ts'),
      ])
      return readGateState(await gateRequest({ ...context, now: () => new Date(at) }, {}), adapters)
    },
  })
}

const signingKeyChoice = ({
  key,
  signerCmd: signerCommand,
  person,
}: Invocation<typeof SIGNING_KEY>['options']): SigningKeyChoice => ({ key, signerCommand, person })
