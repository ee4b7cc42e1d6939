import { parseTarget, type TargetRefusal, type TargetSpec } from '../../core/parity/target.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { type ErrorCode, FfError } from '../../errors.ts'

const REFUSALS: Readonly<
  Record<TargetRefusal, readonly [code: ErrorCode, what: string, hint: string]>
> = {
  target_unknown: [
    'target_invalid',
    'is not a target',
    'Use file, file:DIR, embedded, postgres://..., http://... or env:NAME.',
  ],
  target_scheme_of_driver: [
    'target_invalid',
    'has a scheme that names the driver of another program',
    'Begin the URL with postgresql:// alone, without +driver and jdbc:.',
  ],
  target_url_malformed: [
    'target_invalid',
    'is not a valid URL',
    'Write postgres://user@host:port/database; in user and password write / as %2F, # as %23, ? as %3F, @ as %40 and % as %25.',
  ],
  secret_in_option: [
    'secret_in_option',
    'holds a password; an option must not hold a secret',
    'Put the URL of a database into FF_DATABASE_URL and name env:FF_DATABASE_URL, or use PGPASSFILE. The URL of a service has no password.',
  ],
  service_url_malformed: [
    'target_invalid',
    'is not the URL of a service',
    'Write https://host:port, without a path.',
  ],
  service_not_https: [
    'target_invalid',
    'is a service on another machine without https',
    'Write https://host:port: requests carry tokens.',
  ],
  variable_unset: [
    'target_invalid',
    'names an environment variable that is not set',
    'Set the variable, or name another one.',
  ],
}

/**
 * Parses a target of the command line, such as `file:DIR`, `embedded`, a URL or `env:NAME`, which reads that variable
 * of `env`. Opens nothing.
 *
 * @throws FfError `secret_in_option` for a URL with a password, else `target_invalid`
 */
export function parseTargetOrThrow(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): TargetSpec {
  const parsed = parseTarget(text, env)
  if (parsed.ok) return parsed.spec
  throw makeTargetError(text, parsed.refusal)
}

/** The origin of a service, as `parseTargetOrThrow` reads it. @throws FfError as it, and for another kind of target */
export function parseServiceOrThrow(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const spec = parseTargetOrThrow(text, env)
  if (spec.kind === 'http') return spec.origin
  throw new FfError('target_invalid', `${quoteValue(text)} is not the URL of a service.`, {
    hint: 'Write https://host:port, or http://127.0.0.1:port for a service on this machine.',
  })
}

/**
 * The error for a refused target: `secret_in_option` for a password in an option, else `target_invalid`. Returns it,
 * and does not throw. @param text shown in the message only if it is a plain word or path of at most 80 characters
 */
export function makeTargetError(text: string, refusal: TargetRefusal): FfError {
  const [code, what, hint] = REFUSALS[refusal]
  // A text that is not plainly a word or a path may hold a secret.
  const plain = /^[\w:./-]{1,80}$/.test(text) && !/^(postgres|http)/i.test(text)
  const shown = plain ? `The target "${text}"` : 'The target'
  return new FfError(code, `${shown} ${what}.`, { hint })
}

/**
 * The error `target_invalid` for a side compared with itself, which would always pass. Returns it, and does not throw.
 */
export const makeSameSidesError = (what: 'store' | 'service'): FfError =>
  new FfError('target_invalid', `Both sides are the same ${what}.`, {
    hint: `Name another ${what} with --baseline or --candidate.`,
  })
