import { SETTING_NAMES } from '../core/settings/settings.ts'
import { findNearestWord } from './settings.ts'

/** A variable of the environment that is named like a setting and is none. Its value is nowhere shown. */
export interface UnknownVariable {
  readonly name: string
  /** The setting with the nearest name. */
  readonly meant: string
}

/** The set variables that begin with `FF_` and are no setting, by name: a setting that is misspelled has its default. */
export const listUnknownVariables = (
  env: Readonly<Record<string, string | undefined>>,
): readonly UnknownVariable[] =>
  Object.entries(env)
    .filter(([name, value]) => name.startsWith('FF_') && value !== undefined && value !== '')
    .map(([name]) => name)
    .filter((name) => !SETTING_NAMES.some((known) => known === name))
    .sort()
    .map((name) => ({ name, meant: findNearestWord(name, SETTING_NAMES) }))
