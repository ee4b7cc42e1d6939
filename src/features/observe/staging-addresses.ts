import type { SettingValues } from '../../core/settings/settings.ts'
import { FfError } from '../../errors.ts'
import { parseServiceOrThrow } from '../parity/resolve-target.ts'

/** An instance by its origins: that of the service, and that of its admin port. */
export interface StagingAddress {
  readonly service: string
  readonly admin: string
}

type Env = Readonly<Record<string, string | undefined>>

/**
 * The instances of staging, of the option or else of FF_STAGING_URL; empty where neither names one.
 *
 * @throws FfError `target_invalid`
 */
export const resolveStaging = (
  words: readonly string[],
  { FF_STAGING_URL }: Pick<SettingValues, 'FF_STAGING_URL'>,
  env: Env,
): readonly StagingAddress[] =>
  (words.length > 0 ? words : (FF_STAGING_URL?.split(' ') ?? []))
    .filter((word) => word !== '')
    .map((word) => parseStagingAddress(word, env))

/**
 * Reads the value of `--staging` or a word of FF_STAGING_URL: the origins of the service and of its admin port, with a
 * comma in between.
 *
 * @throws FfError `target_invalid`
 */
export function parseStagingAddress(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): StagingAddress {
  const [service, admin, ...more] = text.split(',')
  if (service === undefined || admin === undefined || more.length > 0)
    // Not shown: a URL may hold a password.
    throw new FfError(
      'target_invalid',
      'A value of --staging or FF_STAGING_URL is not two origins with a comma in between.',
      {
        hint: 'Write the origins of its service and of its admin port: --staging https://a.example,https://a.example:9090',
      },
    )
  return { service: parseServiceOrThrow(service, env), admin: parseServiceOrThrow(admin, env) }
}
