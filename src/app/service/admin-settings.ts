import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { loadApprovals } from '../../artefacts/approvals.ts'
import { adminUrl } from '../../core/admin/admin-url.ts'
import { ADMIN_LIMITS } from '../../core/admin/limits.ts'
import { hasUserPart, isOfThisMachine } from '../../core/auth/jwks-url.ts'
import type { Environment } from '../../core/auth/types.ts'
import { FfError } from '../../errors.ts'
import type { AdminCredential, ApprovalsPlan } from '../../ports.ts'
import { artefactError } from '../artefact-error.ts'
import { readNamedFile } from './secret-file.ts'

/** Settings that say who answers for approvals, as they were given; null where one was not. */
export interface AdminTexts {
  readonly url: string | null
  readonly token_file: string | null
  readonly cert_file: string | null
  readonly key_file: string | null
  readonly ca_file: string | null
  readonly approvals_file: string | null
}

/** Nobody answers. */
export const NO_ADMIN: AdminTexts = {
  url: null,
  token_file: null,
  cert_file: null,
  key_file: null,
  ca_file: null,
  approvals_file: null,
}

/**
 * Admin, else a file of approvals outside prod, else nobody (page 5). All files are read here, once.
 *
 * @throws FfError `setting_invalid`, `secret_in_option`, `artefact_invalid` for a file of approvals that is none
 */
export async function approvalsPlan(
  texts: AdminTexts,
  environment: Environment,
): Promise<ApprovalsPlan> {
  if (texts.url !== null) {
    const url = checkAdminUrl(texts.url)
    const credential = await readCredential(texts)
    checkCredential(url, credential)
    return { kind: 'admin', url, credential, limits: ADMIN_LIMITS }
  }
  if (texts.approvals_file === null) return { kind: 'none' }
  if (environment === 'prod')
    throw new FfError(
      'setting_invalid',
      'FF_APPROVALS_FILE would stand in for Admin, and FF_ENV is not dev.',
      { hint: 'Unset it and set FF_ADMIN_URL, or set FF_ENV=dev on a machine of your own.' },
    )
  const path = texts.approvals_file
  const read = await loadApprovals({ path, shown: path })
  if (!read.ok) throw artefactError(read.problems)
  return { kind: 'file', approvals: read.loaded }
}

function checkAdminUrl(text: string): URL {
  if (hasUserPart(text))
    throw new FfError('secret_in_option', 'FF_ADMIN_URL holds a user or a password.', {
      hint: 'Write the URL without them, and put a token into the file of FF_ADMIN_TOKEN_FILE.',
    })
  const url = adminUrl(text)
  if (url !== null) return url
  throw new FfError('setting_invalid', 'FF_ADMIN_URL is not https, nor http on this machine.', {
    hint: 'Write a URL such as https://admin.example, without user, password, query or fragment.',
  })
}

function checkCredential(url: URL, { token, client }: AdminCredential): void {
  if (token !== null || client !== null || isOfThisMachine(url)) return
  throw new FfError('setting_invalid', 'Nothing says to Admin who asks.', {
    hint: 'Set FF_ADMIN_TOKEN_FILE, or FF_ADMIN_CERT_FILE and FF_ADMIN_KEY_FILE.',
  })
}

async function readCredential(texts: AdminTexts): Promise<AdminCredential> {
  const [token, cert, key, ca] = await Promise.all([
    readOr('FF_ADMIN_TOKEN_FILE', texts.token_file, true),
    readOr('FF_ADMIN_CERT_FILE', texts.cert_file, false),
    readOr('FF_ADMIN_KEY_FILE', texts.key_file, true),
    readOr('FF_ADMIN_CA_FILE', texts.ca_file, false),
  ])
  return {
    token: token === null ? null : checkToken(token),
    client: checkClient(cert, key),
    ca: ca === null ? null : checkAuthorities(ca),
  }
}
const readOr = (setting: string, path: string | null, secret: boolean): Promise<string | null> =>
  path === null ? Promise.resolve(null) : readNamedFile({ setting, path, secret })

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
  if (cert !== null && key !== null && fits(() => createSecureContext({ cert, key })))
    return { cert, key }
  // What OpenSSL says of a key belongs into no error.
  throw new FfError('setting_invalid', 'There is no certificate for FF with the key that fits.', {
    hint: 'Set FF_ADMIN_CERT_FILE and FF_ADMIN_KEY_FILE to a pair in PEM, the key without a passphrase.',
  })
}

function checkAuthorities(ca: string): string {
  if (fits(() => new X509Certificate(ca))) return ca
  throw new FfError('setting_invalid', 'The file of FF_ADMIN_CA_FILE holds no certificate.', {
    hint: 'Name a file of certificates in PEM.',
  })
}

function fits(use: () => unknown): boolean {
  try {
    use()
    return true
  } catch {
    return false
  }
}
