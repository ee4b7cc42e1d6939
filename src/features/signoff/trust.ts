import type { SignoffRole, Where, WholeLog } from '../../core/gate/types.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { parseSignedDocument } from '../../core/signoff/read-document.ts'
import { checkTrust, parseTrust, toTrustFault } from '../../core/signoff/trust.ts'
import type { PublicKey, TrustFile } from '../../core/signoff/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { findRetreat } from '../../core/gate/heads.ts'
import { toRunnerSight } from '../item-states/item-facts.ts'
import { getKeysEnd } from '../../core/signoff/rotation.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { decodeUtf8OrNull } from '../../core/text/utf8.ts'
import { FfError } from '../../errors.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { type SignoffContext, parseWaivers } from './context.ts'
import { withFolderLock } from './folder-lock.ts'
import { archiveSigned } from './request.ts'
import {
  readNamedText,
  removeBelow,
  SIGNOFF_FILES,
  TRUST_NEXT,
  TRUST_ROTATION,
  writeBelow,
} from '../team-folder/signoff-files.ts'

export interface TrustMembers {
  /** Public key file of each role, as `ff key show` prints it. */
  readonly signers: Readonly<Record<SignoffRole, string>>
  /** Public key file of each runner, and where it may measure. */
  readonly runners: readonly { readonly path: string; readonly places: readonly Where[] }[]
  readonly until: Instant
  /** Whether to begin anew where there is a trust file: its roles do not sign the new one. */
  readonly anew: boolean
  /** The newest version that the head of any log here names; 0 for none. */
  readonly named: number
}

/**
 * `ff trust init`: writes the first version, which has no signatures: the pin authenticates it. Its keys are valid
 * from now until 90 days after the file expires. With `anew` it replaces a trust file by a version above any that is
 * here or named by a log, without a chain: the sign-off is archived, and the approvals of waivers are dropped, since
 * both end.
 *
 * @returns its SHA-256 in hexadecimal, the pin, and its version
 * @throws FfError `file_exists`, `artefact_invalid` for a bad key file or a broken rule, `output_failed`,
 *   `signoff_locked`, `signoff_unwritable`, `backing_unavailable`
 */
export async function initTrust(
  context: SignoffContext,
  members: TrustMembers,
): Promise<{ readonly sha256: string; readonly version: number }> {
  const { trust: present, trust_chain: chain } = context.texts
  if ((present !== null || chain !== null) && !members.anew)
    throw new FfError('file_exists', `${SIGNOFF_FILES.trust} exists already, or its chain does.`, {
      hint: 'Both roles sign its next version with `ff trust rotate`; where a role cannot sign any more, run the same command with `--anew`.',
    })
  const version = Math.max(0, members.named, ...listVersions(context)) + 1
  const window = { from: context.now, until: getKeysEnd(members.until) }
  const roles = Object.entries(members.signers) as [SignoffRole, string][]
  const trust: TrustFile = {
    kind: 'trust',
    schemaVersion: 1,
    version,
    expires: members.until,
    signers: await Promise.all(
      roles.map(async ([role, path]) => {
        const { person, name, kid, jwk } = await readPublicKey(context, path)
        return { person, name, role, kid, jwk, ...window }
      }),
    ),
    required_roles: ['platform-lead', 'security-lead'],
    runners: await Promise.all(
      members.runners.map(async ({ path, places }) => {
        const { name, kid, jwk } = await readPublicKey(context, path)
        return { name, kid, jwk, ...window, places }
      }),
    ),
    waiver_policy: { max_active: 3, max_days: 14 },
    revoked: { keys: [], statements: [] },
  }
  const text = formatTrustFile(trust)
  requireWholeTrust(context, text)
  await withFolderLock(context, async () => {
    await endSignatures(context)
    await writeBelow(context.cwd, SIGNOFF_FILES.trust, text)
  })
  return { sha256: context.tools.sha256(text), version }
}

/** The versions that the trust file and its chain have; empty where neither can be read. */
function listVersions({ texts, tools }: SignoffContext): readonly number[] {
  const chain =
    texts.trust_chain === null ? null : parseSignedDocument('trust_chain', texts.trust_chain, tools)
  const links = chain?.ok === true ? chain.value.links : []
  const payloads = links.map(({ payload }) => decodeUtf8OrNull(tools.decode(payload) ?? NO_BYTES))
  return [texts.trust, ...payloads].flatMap((text) => {
    const read = text === null ? null : parseTrust(text, tools)
    return read?.ok === true ? [read.value.version] : []
  })
}
const NO_BYTES = new Uint8Array()

/** Ends what was signed under an earlier trust file, before the new one is written. */
async function endSignatures(context: SignoffContext): Promise<void> {
  const { cwd } = context
  const { waivers, ...file } = parseWaivers(context)
  if (waivers.some(({ approvals }) => approvals.length > 0)) {
    const open = waivers.map((one) => ({ ...one, approvals: [] }))
    const text = `${JSON.stringify({ ...file, waivers: open }, null, 2)}\n`
    await writeBelow(cwd, SIGNOFF_FILES.waivers, text)
  }
  await archiveSigned(context)
  for (const name of [SIGNOFF_FILES.signoff, SIGNOFF_FILES.trust_chain, TRUST_ROTATION, TRUST_NEXT])
    await removeBelow(cwd, name)
}

/**
 * Reads a public key file, as `ff key show` prints it; checks its form alone.
 *
 * @throws FfError `artefact_invalid` where the file is missing, unreadable or not a public key
 */
export async function readPublicKey(
  { tools }: Pick<SignoffContext, 'tools'>,
  path: string,
): Promise<PublicKey> {
  const read = parseSignedDocument('public_key', await readNamedText(path), tools)
  if (read.ok) return read.value
  throw new FfError('artefact_invalid', `${quoteValue(path)} is not a public key file.`, {
    hint: 'Write one with `ff key show alice.key.json > alice.pub.json`, and name it.',
    details: [read.detail],
  })
}

/** The text of a trust file, as indented JSON with a line feed; its SHA-256 is the pin. */
export const formatTrustFile = (trust: TrustFile): string => `${JSON.stringify(trust, null, 2)}\n`

/**
 * Parses the text of a trust file and checks its rules, such as strong keys and a signer for each role; checks
 * neither its pin, signatures nor expiry.
 *
 * @throws FfError `artefact_invalid` with the code and place of the first broken rule
 */
export function requireWholeTrust({ tools }: SignoffContext, text: string): TrustFile {
  const read = parseTrust(text, tools)
  if (read.ok) return read.value
  throw new FfError('artefact_invalid', `The trust file breaks a rule: ${read.fault.code}.`, {
    hint: 'Correct the place that is named, then run the same command again.',
    details: [`${read.fault.code}: ${read.fault.detail}`],
  })
}

/**
 * `ff trust pin`: the assignment `FF_TRUST_SHA256=` with the SHA-256 of the trust file, for a protected CI variable.
 * Ignores the pin that is set.
 *
 * @throws FfError `trust_refused` where the file is missing, breaks a rule or is otherwise not trusted under its own
 *   pin, such as an expired one
 */
export function formatPin(context: SignoffContext): string {
  const { texts, tools, now } = context
  const sha256 = tools.sha256(texts.trust ?? '')
  const pin = texts.trust === null ? null : sha256
  const input = { text: texts.trust, chain: texts.trust_chain, pin }
  const outcome = checkTrust(input, now, tools)
  if (outcome.status === 'trusted') return `FF_TRUST_SHA256=${sha256}`
  const { code, detail } = toTrustFault(outcome)
  throw new FfError('trust_refused', `${SIGNOFF_FILES.trust} cannot be pinned: ${code}.`, {
    hint: `Create one with \`ff trust init\`, or restore a good version from \`git log -- ${SIGNOFF_FILES.trust}\`.`,
    details: [`${code}: ${detail}`],
  })
}

/**
 * `ff trust show`: the item `trust`, which fails with its fault and exit `untrusted` where the file is not trusted
 * (`inconclusive` where there is none); each log whose head names a newer trust file, another one of its version, or
 * a withdrawal that is not here, which fails too; then, for a file that parses, its version, each key with its
 * window, and each revoked statement. A revoked key or one outside its window is pending. Reads no file.
 */
export function showTrust(
  context: SignoffContext,
  logs: readonly Pick<WholeLog, 'kid' | 'head'>[],
): CheckReport {
  const { trust, texts, tools, now } = context
  const fault = trust.status === 'trusted' ? null : toTrustFault(trust)
  const head: CheckResult =
    fault === null
      ? passResult('trust', PINNED[texts.trust_chain === null ? 'alone' : 'chained'])
      : {
          id: 'trust',
          title: 'no key is trusted',
          state: fault.code === 'trust_missing' ? 'inconclusive' : 'fail',
          findings: [{ ...fault, pointer: null }],
          next: NEXT[fault.code] ?? null,
        }
  const read = texts.trust === null ? null : parseTrust(texts.trust, tools)
  const people = read?.ok === true ? listMembers(read.value, now) : []
  const retreats = listRetreats(context, logs)
  const trusted = fault === null || fault.code === 'trust_missing'
  return buildCheckReport('trust_show', [head, ...retreats, ...people], {
    exits: trusted && retreats.length === 0 ? [] : ['untrusted'],
  })
}

/** What the heads of the logs name and the trusted file does not hold, with the way out. */
function listRetreats(
  { trust, texts, tools, now }: SignoffContext,
  logs: readonly Pick<WholeLog, 'kid' | 'head'>[],
): readonly CheckResult[] {
  const lost = new Set(
    trust.status === 'trusted'
      ? trust.trust.runners.flatMap((one) => (one.lost === true ? [one.kid] : []))
      : [],
  )
  const sight = toRunnerSight(trust, { withdrawals: texts.withdrawals, now }, tools)
  return logs.flatMap(({ kid, head }): readonly CheckResult[] => {
    const found = lost.has(kid) ? null : findRetreat(head, sight)
    if (found === null) return []
    const findings = [{ ...found, pointer: null }]
    const title = 'its head names more than is here'
    return [{ id: kid, title, state: 'fail', findings, next: RETREAT_NEXT[found.code] ?? null }]
  })
}
const RETREAT_NEXT: Readonly<Record<string, string>> = {
  trust_forked:
    'Find out which of the two files is right with `git log -p -- checklists`. To keep the present one, let both leads sign the version after it: `ff trust rotate --key alice.key.json`.',
  trust_rolled_back:
    'Restore the newest version from `git log -- checklists`, with its pin. Where it is gone for good, begin anew with `ff trust init --anew`.',
  withdrawal_missing:
    'Restore checklists/withdrawals.json from `git log -- checklists/withdrawals.json`.',
}

/** Without a chain no signer of an earlier version approved the file. */
const PINNED = {
  chained:
    'is exactly the file that FF_TRUST_SHA256 pins, signed by both roles of the version before',
  alone: 'is exactly the file that FF_TRUST_SHA256 pins; the pin alone vouches for it',
}

const NEXT: Readonly<Record<string, string>> = {
  trust_missing:
    'Run `ff trust init --platform-lead alice.pub.json --security-lead bob.pub.json --runner .ff/runner.pub.json`.',
  trust_pin_missing:
    'Set FF_TRUST_SHA256, outside the repository, to the value that `ff trust pin` prints.',
  trust_pin_outdated:
    'Set FF_TRUST_SHA256, outside the repository, to the value that `ff trust pin` prints, once you know why the file was rotated.',
  trust_pin_mismatch:
    'Find out who changed the file with `git log -p -- checklists`, then restore the pinned version.',
  trust_expired:
    'Both leads sign the next version with a later expiry: `ff trust rotate --until TIME --key alice.key.json`, then the other lead.',
}

function listMembers(
  { version, expires, signers, runners, revoked }: TrustFile,
  now: string,
): readonly CheckResult[] {
  const revokedKids = new Set(revoked.keys.map(({ kid }) => kid))
  return [
    passResult('version', `${version}, until ${expires}`),
    ...signers.map((one) =>
      toMemberResult(one, `${one.person}, ${one.role}`, { revokedKids, now }),
    ),
    ...runners.map((one) =>
      toMemberResult(one, `runner ${one.name}, ${one.places.join(' ')}`, { revokedKids, now }),
    ),
    ...revoked.statements.map(({ sha256, reason }) => passResult(sha256, `revoked: ${reason}`)),
  ]
}

function toMemberResult(
  { kid, from, until }: Pick<TrustFile['runners'][number], 'kid' | 'from' | 'until'>,
  who: string,
  { revokedKids, now }: { readonly revokedKids: ReadonlySet<string>; readonly now: string },
): CheckResult {
  const code = revokedKids.has(kid)
    ? 'key_revoked'
    : from <= now && now < until
      ? null
      : 'key_outside_window'
  const title = `${who}, ${from} to ${until}`
  if (code === null) return passResult(kid, title)
  const findings = [{ code, pointer: null, detail: who }]
  return { id: kid, title, state: 'pending', findings, next: null }
}
