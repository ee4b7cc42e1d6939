import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { loadApprovals } from '../../artefacts/approvals.ts'
import { ADMIN_LIMITS } from '../../core/admin/contract.ts'
import { isLoopbackUrl } from '../../core/auth/jwks-url.ts'
import type { Environment } from '../../core/auth/types.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { AdminCredential, AdminPlan, ApprovalsPlan } from '../../ports/admin.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { readNamedFile } from './secret-file.ts'

/** The settings that choose the source of approvals. */
export type ApprovalSettings = Pick<
  SettingValues,
  | 'FF_ADMIN_URL'
  | 'FF_ADMIN_TOKEN_FILE'
  | 'FF_ADMIN_CERT_FILE'
  | 'FF_ADMIN_KEY_FILE'
  | 'FF_ADMIN_CA_FILE'
  | 'FF_APPROVALS_FILE'
>

/**
 * Chooses the source of approvals: Admin where its URL is set, else an approvals file (FF_ENV=dev only), else `none`.
 * Reads every named file of that source once; sends no request.
 *
 * @throws FfError `setting_invalid` for an unusable or missing credential, or an approvals file in production;
 *   `artefact_invalid` where the approvals file is unreadable or breaks a rule
 */
export async function resolveApprovalsPlan(
  settings: ApprovalSettings,
  environment: Environment,
): Promise<ApprovalsPlan> {
  const admin = await resolveAdmin(settings)
  if (admin !== null) return admin
  const { FF_APPROVALS_FILE } = settings
  if (FF_APPROVALS_FILE === null) return { kind: 'none' }
  if (environment === 'prod')
    throw new FfError(
      'setting_invalid',
      `FF_APPROVALS_FILE is ${quoteValue(FF_APPROVALS_FILE)}, and FF_ENV is not dev: an approvals file replaces Admin only with FF_ENV=dev.`,
      {
        hint: 'Run `unset FF_APPROVALS_FILE` and set FF_ADMIN_URL; on a development machine, run `export FF_ENV=dev`.',
      },
    )
  const read = await loadApprovals({ path: FF_APPROVALS_FILE, shown: FF_APPROVALS_FILE })
  if (!read.ok) throw toArtefactError(read.problems)
  return { kind: 'file', approvals: read.loaded }
}

/** Admin with its credential; null where no URL is set. @throws FfError `setting_invalid` as `resolveApprovalsPlan` */
export async function resolveAdmin(settings: ApprovalSettings): Promise<AdminPlan | null> {
  const { FF_ADMIN_URL: url } = settings
  if (url === null) return null
  const credential = await readCredential(settings)
  checkCredential(url, credential)
  return { kind: 'admin', url, credential, limits: ADMIN_LIMITS }
}

function checkCredential(url: URL, { token, client }: AdminCredential): void {
  if (token !== null || client !== null || isLoopbackUrl(url)) return
  throw new FfError(
    'setting_invalid',
    `FF has no credential for Admin at ${quoteValue(url.origin)}: only an Admin on a loopback address takes requests without one.`,
    {
      hint: 'Set FF_ADMIN_TOKEN_FILE, or FF_ADMIN_CERT_FILE and FF_ADMIN_KEY_FILE, then run `ff doctor`.',
    },
  )
}

async function readCredential(settings: ApprovalSettings): Promise<AdminCredential> {
  const [token, cert, key, ca] = await Promise.all([
    readIfSet(settings, 'FF_ADMIN_TOKEN_FILE', true),
    readIfSet(settings, 'FF_ADMIN_CERT_FILE', false),
    readIfSet(settings, 'FF_ADMIN_KEY_FILE', true),
    readIfSet(settings, 'FF_ADMIN_CA_FILE', false),
  ])
  return {
    token: token === null ? null : checkToken(token),
    client: checkClient(cert, key),
    ca: ca === null ? null : checkAuthorities(ca),
  }
}
function readIfSet(
  settings: ApprovalSettings,
  setting: Exclude<keyof ApprovalSettings, 'FF_ADMIN_URL'>,
  secret: boolean,
): Promise<string | null> {
  const path = settings[setting]
  return path === null ? Promise.resolve(null) : readNamedFile({ setting, path, secret })
}

/** The form of a token is RFC 6750, section 2.1; white space at the end of the file is ignored. */
function checkToken(text: string): string {
  const token = text.trimEnd()
  if (/^[\w.~+/-]{16,8192}=*$/.test(token)) return token
  throw new FfError(
    'setting_invalid',
    'The file that FF_ADMIN_TOKEN_FILE names does not hold one bearer token: one line of 16 to 8192 characters, as RFC 6750, section 2.1 allows them.',
    { hint: 'Write the token alone into the file, then run `ff doctor`.' },
  )
}

function checkClient(cert: string | null, key: string | null): AdminCredential['client'] {
  if (cert === null && key === null) return null
  if (cert !== null && key !== null && isAccepted(() => createSecureContext({ cert, key })))
    return { cert, key }
  // The error of OpenSSL is not quoted: it may show parts of the key.
  throw new FfError(
    'setting_invalid',
    'FF_ADMIN_CERT_FILE and FF_ADMIN_KEY_FILE do not name a certificate and its private key, both in PEM.',
    {
      hint: 'Set both settings to a pair, the key without a passphrase, then run `ff doctor`.',
    },
  )
}

function checkAuthorities(ca: string): string {
  if (isAccepted(() => new X509Certificate(ca))) return ca
  throw new FfError(
    'setting_invalid',
    'The file that FF_ADMIN_CA_FILE names holds no X.509 certificate in PEM.',
    { hint: 'Name a file with the certificates of the authority in PEM, then run `ff doctor`.' },
  )
}

function isAccepted(use: () => unknown): boolean {
  try {
    use()
    return true
  } catch {
    return false
  }
}
