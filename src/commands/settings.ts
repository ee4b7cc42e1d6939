import { dirname, join } from 'node:path'
import leven from 'leven'
import { makeTargetError } from '../features/parity/resolve-target.ts'
import { findJsonProblems } from '../core/json/canonical.ts'
import { nodeToValue } from '../core/json/plain.ts'
import { parseLosslessJson } from '../core/json/read.ts'
import type { TargetRefusal, TargetSpec } from '../core/parity/target.ts'
import { MAX_LEEWAY_S, type SettingFault } from '../core/settings/parse-setting.ts'
import {
  DEFAULT_SETTINGS,
  FILE_SETTINGS,
  SETTINGS,
  SETTING_NAMES,
  type SettingName,
  type SettingValues,
  toFileKey,
  getSettingRow,
} from '../core/settings/settings.ts'
import { type ErrorCode, FfError } from '../errors.ts'
import { readOrNull } from '../files/read-or-null.ts'

type Env = Readonly<Record<string, string | undefined>>

/** A setting as it was given, unread, and where it came from. */
export interface SettingSource {
  readonly value: string | null
  readonly origin: 'environment' | 'file' | 'default'
  /** The path of the file that it came from; absent where it came from none. */
  readonly path?: string
}
type GivenSettings = Readonly<Record<SettingName, SettingSource>>

export interface Settings {
  /** Each is parsed once, when it is first read: a command fails only for a setting that it uses. */
  readonly values: SettingValues
  readonly given: GivenSettings
}

const CONFIG_FILE = 'ff.config.json'

/**
 * Settings from the environment, else from the nearest `ff.config.json` at or above `folder`.
 *
 * @throws FfError `setting_invalid` at an unknown key, naming the nearest, and at a secret in the file
 */
export async function loadSettings(env: Env, folder: string): Promise<Settings> {
  const { path, held } = await findConfig(folder)
  const entries = SETTING_NAMES.map((name): [SettingName, SettingSource] => {
    const fromEnv = env[name]
    if (fromEnv !== undefined && fromEnv !== '')
      return [name, { value: fromEnv, origin: 'environment' }]
    const fromFile = held[toFileKey(name)]
    return [
      name,
      fromFile === undefined
        ? { value: null, origin: 'default' }
        : { value: fromFile, origin: 'file', path },
    ]
  })
  const given = Object.fromEntries(entries) as GivenSettings
  return { values: createLazySettings((name) => given[name].value), given }
}

/** @throws FfError where a value is read whose text is none: `setting_invalid`, `secret_in_option`, `target_invalid` */
export function createLazySettings(toText: (name: SettingName) => string | null): SettingValues {
  const values = { ...DEFAULT_SETTINGS }
  for (const name of SETTING_NAMES) {
    const text = toText(name)
    if (text === null) continue
    const keep = (value: unknown): unknown => {
      Object.defineProperty(values, name, { value, enumerable: true })
      return value
    }
    Object.defineProperty(values, name, {
      get: () => keep(parseSetting(name, text)),
      enumerable: true,
      configurable: true,
    })
  }
  return values
}

function parseSetting(name: SettingName, text: string): unknown {
  const parsed = getSettingRow(name).parse(text)
  if (parsed.ok) return parsed.value
  throw settingError(parsed.fault, { name, text })
}

/** The URL of a key server that an option names, by the rules of FF_JWKS_URL. @throws FfError as the setting */
export function parseKeyServerUrl(text: string): URL {
  const parsed = SETTINGS.FF_JWKS_URL.parse(text)
  if (parsed.ok) return parsed.value
  throw settingError(parsed.fault, { name: 'FF_JWKS_URL', text })
}

interface Named {
  readonly name: SettingName
  readonly text: string
}
function settingError(fault: SettingFault | TargetRefusal, named: Named): FfError {
  if (!isSettingFault(fault)) return makeTargetError(`env:${named.name}`, fault)
  const [code, message, hint] = FAULTS[fault](named)
  return new FfError(code, message, { hint })
}
const isSettingFault = (fault: string): fault is SettingFault => Object.hasOwn(FAULTS, fault)

type FaultWords = (named: Named) => readonly [code: ErrorCode, message: string, hint: string]
const FAULTS: Readonly<Record<SettingFault, FaultWords>> = {
  backing_unknown: ({ text }) => [
    'setting_invalid',
    `FF_BACKING is "${text}".`,
    'Set it to file or db.',
  ],
  backing_managed: () => [
    'setting_invalid',
    'No cutover phase is recorded anywhere yet.',
    'Set FF_BACKING to file or db.',
  ],
  switch_unreadable: ({ name }) => [
    'setting_invalid',
    `${name} is neither true nor false.`,
    'Set it to one of them.',
  ],
  listen_unreadable: ({ name }) => [
    'setting_invalid',
    `${name} is no place to listen at.`,
    'Write 127.0.0.1:8420, for one.',
  ],
  leeway_unreadable: ({ name }) => [
    'setting_invalid',
    `${name} is no number of seconds that clocks may differ by.`,
    `Give 0 to ${MAX_LEEWAY_S}.`,
  ],
  key_server_with_user: () => [
    'secret_in_option',
    'The URL of the key server holds a user or a password.',
    'Key sets are public: write the URL without them.',
  ],
  key_server_not_https: () => [
    'setting_invalid',
    'The key server is not https, nor http on this machine.',
    'Write a URL such as https://idp.example/.well-known/jwks.json, without user or password.',
  ],
  admin_with_user: () => [
    'secret_in_option',
    'FF_ADMIN_URL holds a user or a password.',
    'Write the URL without them, and put a token into the file of FF_ADMIN_TOKEN_FILE.',
  ],
  admin_not_https: () => [
    'setting_invalid',
    'FF_ADMIN_URL is not https, nor http on this machine.',
    'Write a URL such as https://admin.example, without user, password, query or fragment.',
  ],
}

async function findConfig(folder: string): Promise<{
  readonly path: string
  readonly held: Readonly<Record<string, string>>
}> {
  for (let here = folder; ; here = dirname(here)) {
    const path = join(here, CONFIG_FILE)
    const text = await readIfThere(path)
    if (text !== null) return { path, held: checkConfig(text) }
    if (dirname(here) === here) return { path, held: {} }
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return (await readOrNull(path))?.toString('utf8') ?? null
  } catch (error) {
    throw invalid(
      `${CONFIG_FILE} cannot be read.`,
      'Check that it is a file that you may read.',
      error,
    )
  }
}

function checkConfig(text: string): Readonly<Record<string, string>> {
  const keys = FILE_SETTINGS.map(toFileKey)
  const parsed = parse(text)
  for (const [key, value] of Object.entries(parsed)) {
    if (!keys.includes(key)) {
      throw invalid(
        `${CONFIG_FILE} has no setting "${key}".`,
        `Did you mean "${findNearestWord(key, keys)}"? Secrets, FF_ENV, FF_ALLOW_DEV_HEADERS and FF_TRUST_SHA256 come from the environment only.`,
      )
    }
    if (typeof value !== 'string')
      throw invalid(`"${key}" in ${CONFIG_FILE} is not a text.`, 'Put it in quotes.')
  }
  return parsed as Record<string, string>
}

function parse(text: string): object {
  const read = parseLosslessJson(text)
  if (!read.ok || findJsonProblems(read.node).length > 0) {
    throw invalid(`${CONFIG_FILE} is not JSON without repeated members.`, 'Correct it.')
  }
  const parsed = nodeToValue(read.node)
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed
  throw invalid(`${CONFIG_FILE} is not a JSON object.`, 'Write {"storeDir": "..."}, for one.')
}

/** The word of a list that is typed most like another. */
export const findNearestWord = (word: string, known: readonly string[]): string =>
  [...known].sort((a, b) => leven(word, a) - leven(word, b))[0] ?? ''

const invalid = (message: string, hint: string, cause?: unknown): FfError =>
  new FfError('setting_invalid', message, { hint, cause })

/** The baseline of a run that names none; a folder of its own where FF_STORE_DIR is not set. */
export const getDefaultBaseline = ({ FF_STORE_DIR }: SettingValues): TargetSpec => ({
  kind: 'file',
  folder: FF_STORE_DIR,
})
/** The candidate of a run that names none. @throws FfError `target_invalid` */
export const getDefaultCandidate = ({ FF_DATABASE_URL }: SettingValues): TargetSpec =>
  FF_DATABASE_URL ?? { kind: 'embedded' }

/** What the configuration digest of evidence is taken of (page 9). */
export const behaviouralSettings = ({ given }: Settings): Readonly<Record<string, string | null>> =>
  Object.fromEntries(
    SETTING_NAMES.filter((name) => getSettingRow(name).behavioural === true).map((name) => [
      name,
      given[name].value,
    ]),
  )

/** A URL with a password is refused where it is used; until then it is not shown. */
const withoutUser = (text: string): string => text.replace(/:\/\/[^/]*@/, '://***@')

/** A setting as it may be shown: of a secret only whether it is set, and where. */
export interface ShownSetting extends SettingSource {
  readonly name: SettingName
  /** Its key in the file; null where the file may not hold it. */
  readonly key: string | null
  readonly set: boolean
  readonly what: string
}
export const listSettings = ({ given }: Settings): readonly ShownSetting[] =>
  SETTING_NAMES.map((name) => {
    const { value, ...from } = given[name]
    const { secret = false, what } = getSettingRow(name)
    const key = FILE_SETTINGS.includes(name) ? toFileKey(name) : null
    const shown = value === null || secret ? null : withoutUser(value)
    return { name, key, value: shown, set: value !== null, ...from, what }
  })

export const formatSetting = ({ value, set }: ShownSetting): string =>
  value ?? (set ? 'set' : 'not set')

/** Each setting and where it came from, in a line. */
export const formatSettings = (settings: Settings): readonly (readonly [string, string])[] =>
  listSettings(settings).map((one) => [one.name, `${formatSetting(one)} (${one.origin})`])
