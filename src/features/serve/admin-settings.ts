import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { loadApprovals } from '../../artefacts/approvals.ts'
import { ADMIN_LIMITS } from '../../core/admin/contract.ts'
import { isLoopbackUrl } from '../../core/auth/jwks-url.ts'
import type { Environment } from '../../core/auth/types.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import { FfError } from '../../errors.ts'
import type { AdminCredential, ApprovalsPlan } from '../../ports/admin.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { readNamedFile } from './secret-file.ts'

/** Who answers for approvals. */
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
 * Admin, else a file of approvals outside prod, else no one. All files are read here, once.
 *
 * @throws FfError `setting_invalid`, `secret_in_option`, `artefact_invalid` for a file of approvals that is none
 */
export async function resolveApprovalsPlan(
  settings: ApprovalSettings,
  environment: Environment,
): Promise<ApprovalsPlan> {
  const { FF_ADMIN_URL, FF_APPROVALS_FILE } = settings
  if (FF_ADMIN_URL !== null) {
    const credential = await readCredential(settings)
    checkCredential(FF_ADMIN_URL, credential)
    return { kind: 'admin', url: FF_ADMIN_URL, credential, limits: ADMIN_LIMITS }
  }
  if (FF_APPROVALS_FILE === null) return { kind: 'none' }
  if (environment === 'prod')
    throw new FfError(
      'setting_invalid',
      'FF_APPROVALS_FILE would stand in for Admin, and FF_ENV is not dev.',
      { hint: 'Unset it and set FF_ADMIN_URL, or set FF_ENV=dev on a machine of your own.' },
    )
  const read = await loadApprovals({ path: FF_APPROVALS_FILE, shown: FF_APPROVALS_FILE })
  if (!read.ok) throw toArtefactError(read.problems)
  return { kind: 'file', approvals: read.loaded }
}

function checkCredential(url: URL, { token, client }: AdminCredential): void {
  if (token !== null || client !== null || isLoopbackUrl(url)) return
  throw new FfError('setting_invalid', 'Nothing says to Admin who asks.', {
    hint: 'Set FF_ADMIN_TOKEN_FILE, or FF_ADMIN_CERT_FILE and FF_ADMIN_KEY_FILE.',
  })
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

/** RFC 6750, 2.1; a file ends with a line feed. */
function checkToken(text: string): string {
  const token = text.trimEnd()
  if (/^[\w.~+/-]{16,8192}=*$/.test(token)) return token
  throw new FfError('setting_invalid', 'The file of FF_ADMIN_TOKEN_FILE holds no bearer token.', {
    hint: 'Write the token into it and nothing else: one line, at least 16 characters.',
  })
}

function checkClient(cert: string | null, key: string | null): AdminCredential['client'] {
  if (cert === null && key === null) return null
  if (cert !== null && key !== null && isAccepted(() => createSecureContext({ cert, key })))
    return { cert, key }
  // What OpenSSL says of a key belongs into no error.
  throw new FfError('setting_invalid', 'There is no certificate for FF with the key that fits.', {
    hint: 'Set FF_ADMIN_CERT_FILE and FF_ADMIN_KEY_FILE to a pair in PEM, the key without a passphrase.',
  })
}

function checkAuthorities(ca: string): string {
  if (isAccepted(() => new X509Certificate(ca))) return ca
  throw new FfError('setting_invalid', 'The file of FF_ADMIN_CA_FILE holds no certificate.', {
    hint: 'Name a file of certificates in PEM.',
  })
}

function isAccepted(use: () => unknown): boolean {
  try {
    use()
    return true
  } catch {
    return false
  }
}
