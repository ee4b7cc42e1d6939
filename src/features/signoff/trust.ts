import type { SignoffRole } from '../../core/gate/types.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { parseSignedDocument } from '../../core/signoff/read-document.ts'
import { checkTrust, parseTrust, toTrustFault } from '../../core/signoff/trust.ts'
import type { PublicKey, TrustFile } from '../../core/signoff/types.ts'
import { instantFromMs, type Instant, instantToMs } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import type { SignoffContext } from './context.ts'
import { readNamedText, SIGNOFF_FILES, writeBelow } from '../team-folder/signoff-files.ts'

export interface TrustMembers {
  /** Files that `ff key show` printed. */
  readonly signers: Readonly<Record<SignoffRole, string>>
  readonly runners: readonly string[]
  readonly until: Instant
}

/** Keys outlive the trust file, so that its people can sign the one that follows it. */
const KEYS_LONGER_MS = 90 * 86_400_000

/** `ff trust init`: version 1, which nobody signs; the pin is what vouches for it. @returns its SHA-256 */
export async function initTrust(context: SignoffContext, members: TrustMembers): Promise<string> {
  if (context.texts.trust !== null)
    throw new FfError('file_exists', `${SIGNOFF_FILES.trust} is there already.`, {
      hint: 'Change it with `ff trust rotate`, so that both roles sign the change.',
    })
  const end = instantToMs(members.until) + KEYS_LONGER_MS
  const window = { from: context.now, until: instantFromMs(end) }
  const roles = Object.entries(members.signers) as [SignoffRole, string][]
  const trust: TrustFile = {
    kind: 'trust',
    schemaVersion: 1,
    version: 1,
    expires: members.until,
    signers: await Promise.all(
      roles.map(async ([role, path]) => {
        const { person, name, kid, jwk } = await readPublicKey(context, path)
        return { person, name, role, kid, jwk, ...window }
      }),
    ),
    required_roles: ['platform-lead', 'security-lead'],
    runners: await Promise.all(
      members.runners.map(async (path) => {
        const { name, kid, jwk } = await readPublicKey(context, path)
        return { name, kid, jwk, ...window }
      }),
    ),
    waiver_policy: { max_active: 3, max_days: 14 },
    revoked: { keys: [], statements: [] },
  }
  const text = trustText(trust)
  requireWholeTrust(context, text)
  await writeBelow(context.cwd, SIGNOFF_FILES.trust, text)
  return context.tools.sha256(text)
}

/** @throws FfError `artefact_invalid` */
export async function readPublicKey(
  { tools }: Pick<SignoffContext, 'tools'>,
  path: string,
): Promise<PublicKey> {
  const read = parseSignedDocument('public_key', await readNamedText(path), tools)
  if (read.ok) return read.value
  throw new FfError('artefact_invalid', `${path} is no public key.`, {
    hint: 'Name a file with what `ff key show` prints.',
    details: [read.detail],
  })
}

export const trustText = (trust: TrustFile): string => `${JSON.stringify(trust, null, 2)}\n`

/** @throws FfError `artefact_invalid` */
export function requireWholeTrust({ tools }: SignoffContext, text: string): TrustFile {
  const read = parseTrust(text, tools)
  if (read.ok) return read.value
  throw new FfError('artefact_invalid', 'The trust file breaks a rule.', {
    hint: 'Correct what is named.',
    details: [`${read.fault.code}: ${read.fault.detail}`],
  })
}

/** `ff trust pin`: the line that goes into a protected variable of CI. @throws FfError `trust_refused` */
export function formatPin(context: SignoffContext): string {
  const { texts, tools, now } = context
  const sha256 = tools.sha256(texts.trust ?? '')
  const input = { text: texts.trust, chain: texts.trust_chain, pin: sha256 }
  const outcome = checkTrust(input, now, tools)
  if (outcome.status === 'trusted') return `FF_TRUST_SHA256=${sha256}`
  const { code, detail } = toTrustFault(outcome)
  throw new FfError('trust_refused', 'There is no trust file that could be pinned.', {
    hint: 'Make one with `ff trust init`, or take the last good one from the history.',
    details: [`${code}: ${detail}`],
  })
}

/** `ff trust show`: whether it may be gone by, and whose signatures count. */
export function showTrust(context: SignoffContext): CheckReport {
  const { trust, texts, tools, now } = context
  const fault = trust.status === 'trusted' ? null : toTrustFault(trust)
  const head: CheckResult =
    fault === null
      ? passResult('trust', 'pinned from outside, or signed on from what is')
      : {
          id: 'trust',
          title: 'nobody is trusted',
          state: 'fail',
          findings: [{ ...fault, pointer: null }],
          next: NEXT[fault.code] ?? null,
        }
  const read = texts.trust === null ? null : parseTrust(texts.trust, tools)
  const people = read?.ok === true ? listMembers(read.value, now) : []
  return buildCheckReport('trust_show', [head, ...people], {
    exits: fault === null ? [] : ['untrusted'],
  })
}

const NEXT: Readonly<Record<string, string>> = {
  trust_missing: 'Run ff trust init.',
  trust_pin_missing:
    'Set FF_TRUST_SHA256, from outside the repository, to what ff trust pin prints.',
  trust_pin_mismatch: 'Find out who changed the file, then take back the one that is pinned.',
  trust_expired: 'Run ff trust rotate with a next version.',
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
    ...runners.map((one) => toMemberResult(one, `runner ${one.name}`, { revokedKids, now })),
    ...revoked.statements.map(({ sha256, reason }) => passResult(sha256, `revoked: ${reason}`)),
  ]
}

function toMemberResult(
  { kid, from, until }: TrustFile['runners'][number],
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
