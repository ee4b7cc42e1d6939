import {
  list,
  option,
  parseInstantOption,
  parseRunnerFile,
  parseText,
  required,
  toggle,
} from './option.ts'
import { SIGNING_KEY } from './options.ts'

const RUNNERS = list(
  '--runner <file[:places]>',
  'public key of a runner, and where it may measure; may be repeated',
  parseRunnerFile,
)
export const TRUST_ROTATE = [
  ...SIGNING_KEY,
  RUNNERS,
  list('--end <runner>', 'runner, by name or key, whose time is over; may be repeated', parseText),
  list('--revoke <runner>', 'runner whose key is revoked; may be repeated', parseText),
  list(
    '--lost <runner>',
    'runner whose log is gone or damaged: none of its records counts; may be repeated',
    parseText,
  ),
  option('--reason <text>', 'with --revoke: the reason, recorded in the trust file', parseText),
  option(
    '--until <time>',
    'expiry of the next version, as 2026-01-15T09:00:00.000Z; default that of the present one',
    parseInstantOption,
  ),
]

export const TRUST_INIT = [
  required('--platform-lead <file>', 'public key of the platform lead', parseText),
  required('--security-lead <file>', 'public key of the security lead', parseText),
  RUNNERS,
  option(
    '--until <time>',
    'expiry of the trust file, as 2026-01-15T09:00:00.000Z; default in 180 days',
    parseInstantOption,
  ),
  toggle(
    '--anew',
    'replace a trust file whose roles cannot sign any more, by a higher version without a chain',
  ),
]
