import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { SettingValues } from '../../core/settings/settings.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { TlsCertificate } from '../../ports/http.ts'
import type { ServiceLog } from '../../ports/telemetry.ts'
import { readNamedFile } from './secret-file.ts'

/** The settings that name the certificate of the service. */
export type TlsSettings = Pick<SettingValues, 'FF_TLS_CERT_FILE' | 'FF_TLS_KEY_FILE'>

/**
 * Reads the certificate chain and the key that the settings name, and checks that they belong together; null where
 * neither is set. Logs a warning for a certificate that is not valid at `now`: clients refuse it, and the service goes on.
 *
 * @throws FfError `setting_invalid` for one setting without the other, a file that is missing or unreadable, a key that
 *   other users may access, and a pair that TLS cannot use
 */
export async function readCertificate(
  { FF_TLS_CERT_FILE, FF_TLS_KEY_FILE }: TlsSettings,
  log: Pick<ServiceLog, 'warn'>,
  now: Date,
): Promise<TlsCertificate | null> {
  if (FF_TLS_CERT_FILE === null && FF_TLS_KEY_FILE === null) return null
  if (FF_TLS_CERT_FILE === null || FF_TLS_KEY_FILE === null) throw makeHalfError(FF_TLS_CERT_FILE)
  const [cert, key] = await Promise.all([
    readNamedFile({ setting: 'FF_TLS_CERT_FILE', path: FF_TLS_CERT_FILE, secret: false }),
    readNamedFile({ setting: 'FF_TLS_KEY_FILE', path: FF_TLS_KEY_FILE, secret: true }),
  ])
  const certificate = checkPair(cert, key, FF_TLS_CERT_FILE)
  const validity = { valid_from: certificate.validFrom, valid_to: certificate.validTo }
  if (Date.parse(certificate.validTo) <= now.getTime())
    log.warn(validity, 'the TLS certificate has expired; clients refuse it')
  if (Date.parse(certificate.validFrom) > now.getTime())
    log.warn(validity, 'the TLS certificate is not valid yet; clients refuse it')
  return { cert, key }
}

const makeHalfError = (cert: string | null): FfError => {
  const [set, missing] =
    cert === null
      ? ['FF_TLS_KEY_FILE', 'FF_TLS_CERT_FILE']
      : ['FF_TLS_CERT_FILE', 'FF_TLS_KEY_FILE']
  return new FfError('setting_invalid', `${set} is set, and ${missing} is not: TLS needs both.`, {
    hint: `Set ${missing} too, or run \`unset ${set}\` to serve plain HTTP behind a proxy.`,
  })
}

/** The errors of OpenSSL are not quoted: they may show parts of the key. */
function checkPair(cert: string, key: string, path: string): X509Certificate {
  const certificate = orNull(() => new X509Certificate(cert))
  if (certificate === null)
    throw makePairError(
      `FF_TLS_CERT_FILE names ${quoteValue(path)}, which holds no X.509 certificate in PEM.`,
      'Name a file with the certificate of the service first, then those of its authorities.',
    )
  const secret = orNull(() => createPrivateKey(key))
  if (secret === null)
    throw makePairError(
      'The file that FF_TLS_KEY_FILE names holds no private key in PEM, or one with a passphrase.',
      'Name a file with the key alone, without a passphrase.',
    )
  if (!certificate.checkPrivateKey(secret))
    throw makePairError(
      'The key that FF_TLS_KEY_FILE names does not belong to the first certificate of FF_TLS_CERT_FILE.',
      'Name the key that the certificate was made for, with the certificate of the service first in its file.',
    )
  if (orNull(() => createSecureContext({ cert, key })) === null)
    throw makePairError(
      'TLS cannot use the certificate that FF_TLS_CERT_FILE names: its key or its signature is too weak, or a certificate after the first one is damaged.',
      'Use a key of 2048 bits or of the curve P-256, signed with SHA-256.',
    )
  return certificate
}
const makePairError = (message: string, hint: string): FfError =>
  new FfError('setting_invalid', message, { hint })

function orNull<T>(use: () => T): T | null {
  try {
    return use()
  } catch {
    return null
  }
}
