import { formatDefault } from '../core/settings/format-default.ts'
import {
  FILE_SETTINGS,
  getSettingRow,
  SETTING_NAMES,
  type SettingName,
  toFileKey,
} from '../core/settings/settings.ts'
import type { Settings, SettingSource } from './settings.ts'

/** Hides user and password of a URL, which is refused only when a command uses it. */
const withoutUser = (text: string): string => text.replace(/:\/\/[^/]*@/, '://***@')

/** A setting for display: `value` and `effective` are null for a secret, which only says whether it is set. */
interface ShownSetting extends SettingSource {
  readonly name: SettingName
  /** Its key in the configuration file; null for a setting of the environment only. */
  readonly key: string | null
  readonly set: boolean
  /** The value that holds: as given, else the default; null where there is none. */
  readonly effective: string | null
  readonly what: string
}
/**
 * Every setting for display, unparsed: value, origin, what holds, and description. The value is null where it is secret
 * or not set, as `set` tells; a user or password in a URL becomes `***`.
 */
export function listSettings({ given }: Settings): readonly ShownSetting[] {
  const list = SETTING_NAMES.map((name): ShownSetting => {
    const { value, ...from } = given[name]
    const { secret = false, what } = getSettingRow(name)
    const key = FILE_SETTINGS.includes(name) ? toFileKey(name) : null
    const shown = value === null || secret ? null : withoutUser(value)
    const effective = value === null ? formatDefault(name) : shown
    return { name, key, value: shown, set: value !== null, effective, ...from, what }
  })
  const listen = list.find(({ name }) => name === 'FF_LISTEN')?.effective ?? null
  return list.map((one) =>
    one.name === 'FF_ADMIN_LISTEN' && !one.set ? { ...one, effective: listen } : one,
  )
}

/** What holds for a setting; `set` where it is hidden, `not set` where it has no value and no default. */
export const formatSetting = ({ effective, set }: ShownSetting): string =>
  effective ?? (set ? 'set' : 'not set')

/** Pairs of each setting's name and what holds with the origin, as in `not set (default)`; secrets are hidden. */
export const formatSettings = (settings: Settings): readonly (readonly [string, string])[] =>
  listSettings(settings).map((one) => [one.name, `${formatSetting(one)} (${one.origin})`])
