import { DEFAULT_SETTINGS, type SettingName } from './settings.ts'

/** What holds where a setting has no default of its own: that of a contract, or of where it is used. */
const ELSEWHERE: Partial<Readonly<Record<SettingName, string>>> = {
  FF_BACKING: 'file',
  FF_ENV: 'prod',
  FF_JWT_AUDIENCE: 'pty-feature-flags',
  FF_JWT_ALGORITHMS: 'RS256,ES256,EdDSA,Ed25519',
  FF_JWT_LEEWAY: '0',
  FF_RUNNER_KEY_FILE: '.ff/runner.pem',
}

/**
 * What holds where a setting is not set, in the notation in which it would be given; null where that is nothing, another
 * setting (FF_ADMIN_LISTEN), or not a value, such as the content of the work tree.
 */
export function formatDefault(name: SettingName): string | null {
  const otherwise = DEFAULT_SETTINGS[name]
  if (otherwise === null) return ELSEWHERE[name] ?? null
  if (typeof otherwise !== 'object') return String(otherwise)
  // A list that is a default is empty.
  return 'host' in otherwise ? `${otherwise.host}:${otherwise.port}` : null
}
