import { parseTarget, type TargetRefusal, type TargetSpec } from '../../core/parity/target.ts'
import { type ErrorCode, FfError } from '../../errors.ts'

const REFUSALS: Readonly<
  Record<TargetRefusal, readonly [code: ErrorCode, what: string, hint: string]>
> = {
  target_unknown: [
    'target_invalid',
    'is no target',
    'Use file, file:DIR, embedded, postgres://..., http://... or env:NAME.',
  ],
  target_url_malformed: [
    'target_invalid',
    'is not a URL that can be read',
    'Write postgres://user@host:port/database.',
  ],
  secret_in_option: [
    'secret_in_option',
    'holds a password, which options must not',
    'Put the URL of a database into FF_DATABASE_URL and name env:FF_DATABASE_URL, or use PGPASSFILE; that of a service has none.',
  ],
  service_url_malformed: [
    'target_invalid',
    'is not the URL of a service',
    'Write https://host:port, with nothing behind it.',
  ],
  service_not_https: [
    'target_invalid',
    'is a service on another machine that is not asked over https',
    'Write https://, for tokens are sent there.',
  ],
  variable_unset: [
    'target_invalid',
    'names a variable that is not set',
    'Set it, or name another.',
  ],
}

/** @throws FfError `target_invalid`, `secret_in_option` */
export function parseTargetOrThrow(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): TargetSpec {
  const parsed = parseTarget(text, env)
  if (parsed.ok) return parsed.spec
  throw makeTargetError(text, parsed.refusal)
}

/** @param text shown only where it can hold no secret */
export function makeTargetError(text: string, refusal: TargetRefusal): FfError {
  const [code, what, hint] = REFUSALS[refusal]
  // What is not plainly a word or a path may hold a secret.
  const plain = /^[\w:./-]{1,80}$/.test(text) && !/^(postgres|http)/i.test(text)
  const shown = plain ? `The target "${text}"` : 'The target'
  return new FfError(code, `${shown} ${what}.`, { hint })
}

/** What is compared with itself is never different, so that would prove nothing. */
export const makeSameSidesError = (what: 'store' | 'service'): FfError =>
  new FfError('target_invalid', `Both sides are the same ${what}.`, {
    hint: 'Name another with --baseline or --candidate.',
  })
