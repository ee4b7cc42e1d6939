import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import { quoteError } from '../../core/text/quote-error.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'

/** The parameters of a URL, by name. */
export type UrlParameters = Readonly<Record<string, string | undefined>>
/** What `ssl` of the driver takes: false for a connection without TLS. */
export type Tls = false | ConnectionOptions

/** libpq's modes, and `no-verify` of other drivers. */
const MODES = [
  'disable',
  'allow',
  'prefer',
  'require',
  'no-verify',
  'verify-ca',
  'verify-full',
] as const
type Mode = (typeof MODES)[number]

/** `ssl=` of other drivers, as a mode. */
const SSL: Readonly<Record<string, Mode>> = {
  true: 'verify-full',
  '1': 'verify-full',
  false: 'disable',
  '0': 'disable',
  'no-verify': 'no-verify',
}
const FILES = ['sslrootcert', 'sslcert', 'sslkey', 'sslcrl'] as const
type FileParameter = (typeof FILES)[number]
/** Where libpq looks for a file that nothing names; each may be missing. */
const DEFAULT_FILES: Readonly<Record<FileParameter, string>> = {
  sslrootcert: 'root.crt',
  sslcert: 'postgresql.crt',
  sslkey: 'postgresql.key',
  sslcrl: 'root.crl',
}
/** The certificates that Node trusts, instead of a file. */
const SYSTEM = 'system'

/**
 * Lists the ways to open a connection, with TLS options or false for none, in the order in which libpq tries them: two
 * for `allow` and `prefer`, one for every other mode. Without a mode it is `prefer`, or `verify-full` where a
 * certificate is named. A parameter of the URL comes before its PG variable, and that before libpq's file in
 * `~/.postgresql`. As in libpq, a root certificate makes every mode but `no-verify` verify the chain. Reads the files.
 * @throws FfError `target_invalid` for an unknown mode, a file that cannot be read, and `verify-ca` without a root
 * certificate
 */
export function planTls(parameters: UrlParameters, env: NodeJS.ProcessEnv): readonly Tls[] {
  const mode = findMode(parameters, env)
  if (mode === 'disable') return [false]
  const tls = buildOptions(mode, parameters, env)
  if (mode === 'allow') return [false, tls]
  return mode === 'prefer' ? [tls, false] : [tls]
}

function findMode(parameters: UrlParameters, env: NodeJS.ProcessEnv): Mode {
  const given = parameters['sslmode'] ?? SSL[parameters['ssl'] ?? ''] ?? parameters['ssl']
  const mode = given ?? env['PGSSLMODE'] ?? ''
  if (isMode(mode)) return mode
  if (mode !== '')
    throw new FfError('target_invalid', `${quoteValue(mode)} is no sslmode of PostgreSQL.`, {
      hint: `Set sslmode to one of ${MODES.join(', ')}.`,
    })
  // A certificate without a mode asks for TLS, and the safest one.
  const named = FILES.some((name) => findPath(name, parameters, env) !== null)
  return named ? 'verify-full' : 'prefer'
}
const isMode = (text: string): text is Mode => (MODES as readonly string[]).includes(text)

function buildOptions(
  mode: Mode,
  parameters: UrlParameters,
  env: NodeJS.ProcessEnv,
): ConnectionOptions {
  const system = findPath('sslrootcert', parameters, env) === SYSTEM
  const read = (name: FileParameter): Buffer | undefined => readFile(name, parameters, env)
  const ca = system ? undefined : read('sslrootcert')
  if (mode === 'verify-ca' && ca === undefined)
    throw new FfError(
      'target_invalid',
      'sslmode=verify-ca needs the root certificate of the server.',
      {
        hint: 'Add sslrootcert=FILE to the URL, or set PGSSLROOTCERT, or use sslmode=verify-full.',
      },
    )
  const verifies = mode !== 'no-verify' && (mode === 'verify-full' || ca !== undefined || system)
  const [cert, key, crl] = [read('sslcert'), read('sslkey'), read('sslcrl')]
  return {
    rejectUnauthorized: verifies,
    ...dropUndefined({ ca, cert, key, crl, passphrase: parameters['sslpassword'] }),
    // verify-full alone checks the name; it does so for the certificates that every machine trusts, too.
    ...(mode === 'verify-full' || system ? {} : { checkServerIdentity: () => undefined }),
  }
}

const dropUndefined = (options: ConnectionOptions): ConnectionOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

const findPath = (
  name: FileParameter,
  parameters: UrlParameters,
  env: NodeJS.ProcessEnv,
): string | null => parameters[name] ?? env[`PG${name.toUpperCase()}`] ?? null

function readFile(
  name: FileParameter,
  parameters: UrlParameters,
  env: NodeJS.ProcessEnv,
): Buffer | undefined {
  const named = findPath(name, parameters, env)
  const path = named ?? join(env['HOME'] ?? homedir(), '.postgresql', DEFAULT_FILES[name])
  try {
    return readFileSync(path)
  } catch (cause) {
    if (named === null && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
      return undefined
    throw new FfError(
      'target_invalid',
      `Cannot read the file of ${name}, ${quoteValue(path)}: ${quoteError(cause)}.`,
      {
        hint: `Set ${name} in the URL, or PG${name.toUpperCase()}, to a file that you may read.`,
        cause,
      },
    )
  }
}
