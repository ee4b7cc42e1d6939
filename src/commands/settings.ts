import { dirname, join } from 'node:path'
import leven from 'leven'
import { makeTargetError } from '../features/parity/resolve-target.ts'
import { SCOPE_CLAIMS } from '../core/auth/claims.ts'
import { findJsonProblems } from '../core/json/canonical.ts'
import { nodeToValue } from '../core/json/plain.ts'
import { parseLosslessJson } from '../core/json/read.ts'
import type { TargetRefusal, TargetSpec } from '../core/parity/target.ts'
import type { SettingFault } from '../core/settings/parse-address.ts'
import { MAX_LEEWAY_S, SASL_MECHANISMS } from '../core/settings/parse-setting.ts'
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
import { quoteValue } from '../core/text/quote.ts'
import { type ErrorCode, FfError } from '../errors.ts'
import { readBounded } from '../files/read-bounded.ts'
import { nullIfMissing } from '../files/read-or-null.ts'

type Env = Readonly<Record<string, string | undefined>>

/** The text of a setting before it is parsed, and its origin. */
export interface SettingSource {
  readonly value: string | null
  readonly origin: 'environment' | 'file' | 'default'
  /** The path of the configuration file, for origin `file` only. */
  readonly path?: string
}
type GivenSettings = Readonly<Record<SettingName, SettingSource>>

export interface Settings {
  /** Each is parsed once, on first read: a command fails only for a setting that it uses. */
  readonly values: SettingValues
  readonly given: GivenSettings
}

const CONFIG_FILE = 'ff.config.json'

/**
 * Loads settings from the environment, else from the nearest `ff.config.json` at or above `folder`: as `given`, with
 * their origin, and as `values`. An empty variable counts as not set. A value is parsed on its first read, so reading
 * can throw: see `createLazySettings`.
 * @throws FfError `setting_invalid` for a file that is unreadable, over 1 MiB, no JSON object, or has an unknown key,
 * a secret or a value that is no string
 */
export async function loadSettings(env: Env, folder: string): Promise<Settings> {
  const { path, entries: fromFiles } = await findConfig(folder)
  const entries = SETTING_NAMES.map((name): [SettingName, SettingSource] => {
    const fromEnv = env[name]
    if (fromEnv !== undefined && fromEnv !== '')
      return [name, { value: fromEnv, origin: 'environment' }]
    const fromFile = fromFiles[toFileKey(name)]
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

/**
 * Settings that are parsed on first read and then kept; null of `toText` keeps the default. Throws nothing itself:
 * reading a value throws FfError `setting_invalid`, `secret_in_option` or `target_invalid` where its text is not valid.
 */
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

/**
 * Parses the URL of a key server, given to `ff jwks fetch`: https, or http on this machine.
 * @throws FfError `secret_in_option` if it holds a user or password, else `setting_invalid`
 */
export function parseKeyServerUrl(text: string): URL {
  const parsed = SETTINGS.FF_JWKS_URL.parse(text)
  if (parsed.ok) return parsed.value
  throw settingError(parsed.fault, { name: 'FF_JWKS_URL', text })
}

interface SettingText {
  readonly name: SettingName
  readonly text: string
}
function settingError(fault: SettingFault | TargetRefusal, setting: SettingText): FfError {
  if (fault === 'target_unknown')
    return new FfError('target_invalid', `${setting.name} is not a URL of PostgreSQL.`, {
      hint: `Run \`export ${setting.name}=postgres://127.0.0.1:5432/flags\`, for example.`,
    })
  if (!isSettingFault(fault)) return makeTargetError(`env:${setting.name}`, fault)
  const [code, message, hint] = FAULTS[fault](setting)
  return new FfError(code, message, { hint })
}
const isSettingFault = (fault: string): fault is SettingFault => Object.hasOwn(FAULTS, fault)

type FaultWords = (
  setting: SettingText,
) => readonly [code: ErrorCode, message: string, hint: string]
const FAULTS: Readonly<Record<SettingFault, FaultWords>> = {
  backing_unknown: ({ text }) => [
    'setting_invalid',
    `FF_BACKING must be file, db or managed, not ${quoteValue(text)}.`,
    'Run `export FF_BACKING=file` or `export FF_BACKING=db`; managed is for the time of a cutover.',
  ],
  switch_unreadable: ({ name, text }) => [
    'setting_invalid',
    `${name} must be true or false, not ${quoteValue(text)}.`,
    `Run \`export ${name}=true\` or \`export ${name}=false\`.`,
  ],
  listen_unreadable: ({ name, text }) => [
    'setting_invalid',
    `${name} must be HOST:PORT, with a port up to 65535, not ${quoteValue(text)}.`,
    `Run \`export ${name}=127.0.0.1:8420\`, for example.`,
  ],
  scope_claim_unknown: ({ name, text }) => [
    'setting_invalid',
    `${name} must be one of ${SCOPE_CLAIMS.join(', ')}, not ${quoteValue(text)}.`,
    `Run \`export ${name}=scp\`, for example.`,
  ],
  brokers_unreadable: ({ name, text }) => [
    'setting_invalid',
    `${name} must be HOST:PORT of brokers, separated by commas, not ${quoteValue(text)}.`,
    `Run \`export ${name}=kafka-1.example:9092,kafka-2.example:9092\`, for example.`,
  ],
  topic_unreadable: ({ name, text }) => [
    'setting_invalid',
    `${name} must be a topic: at most 249 letters, digits, dots, hyphens and underscores, not ${quoteValue(text)}.`,
    `Run \`export ${name}=${String(getSettingRow(name).otherwise)}\`, which is the default.`,
  ],
  mechanism_unknown: ({ name, text }) => [
    'setting_invalid',
    `${name} must be one of ${SASL_MECHANISMS.join(', ')}, not ${quoteValue(text)}.`,
    `Run \`export ${name}=scram-sha-512\`, for example.`,
  ],
  origin_unreadable: ({ name, text }) => [
    'setting_invalid',
    `${name} must be origins of web pages, scheme, host and port alone, not ${quoteValue(text)}.`,
    `Run \`export ${name}=https://app.example,http://localhost:5173\`, for example.`,
  ],
  leeway_unreadable: ({ name, text }) => [
    'setting_invalid',
    `${name} must be a whole number of seconds from 0 to ${MAX_LEEWAY_S}, not ${quoteValue(text)}.`,
    `Run \`export ${name}=${MAX_LEEWAY_S}\`, or name less.`,
  ],
  number_unreadable: ({ name, text }) => {
    const { least = 0, most = 0, decimals = 0 } = getSettingRow(name).bounds ?? {}
    return [
      'setting_invalid',
      `${name} must be a ${decimals === 0 ? 'whole ' : ''}number from ${least} to ${most}, not ${quoteValue(text)}.`,
      `Run \`export ${name}=${String(getSettingRow(name).otherwise)}\`, which is the default.`,
    ]
  },
  key_server_with_user: () => [
    'secret_in_option',
    'The URL of the key server holds a user or a password.',
    'Key sets are public: remove the user and the password from the URL.',
  ],
  key_server_not_https: ({ text }) => [
    'setting_invalid',
    `The URL of the key server must be https, or http on this machine, not ${quoteValue(text)}.`,
    'Write a URL such as https://idp.example/.well-known/jwks.json.',
  ],
  admin_with_user: () => [
    'secret_in_option',
    'FF_ADMIN_URL holds a user or a password.',
    'Remove them from the URL, and put a token into the file of FF_ADMIN_TOKEN_FILE.',
  ],
  admin_not_https: () => [
    'setting_invalid',
    'FF_ADMIN_URL must be https, or http on this machine, without query and fragment.',
    'Run `export FF_ADMIN_URL=https://admin.example`, for example.',
  ],
  evidence_head_unreadable: ({ text }) => [
    'setting_invalid',
    `FF_EVIDENCE_HEAD must be heads of evidence logs, KID:SEQ:HASH or KID:SEQ:HASH:WITHDRAWALS, not ${quoteValue(text)}.`,
    'Set it to what `ff evidence seal` prints on the runner; separate several with commas.',
  ],
}

async function findConfig(folder: string): Promise<{
  readonly path: string
  readonly entries: Readonly<Record<string, string>>
}> {
  for (let here = folder; ; here = dirname(here)) {
    const path = join(here, CONFIG_FILE)
    const text = await readConfigOrNull(path)
    if (text !== null) return { path, entries: checkConfig(text) }
    if (dirname(here) === here) return { path, entries: {} }
  }
}

/** Many times the length of every setting. */
const MAX_CONFIG_BYTES = 1_048_576

async function readConfigOrNull(path: string): Promise<string | null> {
  let read
  try {
    read = await nullIfMissing(readBounded(path, MAX_CONFIG_BYTES))
  } catch (error) {
    throw unreadable(path, error instanceof Error ? error.message : String(error), error)
  }
  if (read === null) return null
  if (read.ok) return read.bytes.toString('utf8')
  const over = `it is over ${MAX_CONFIG_BYTES} bytes`
  throw unreadable(path, read.fault === 'too_large' ? over : 'it is not a regular file')
}

const unreadable = (path: string, why: string, cause?: unknown): FfError =>
  invalid(`Cannot read ${path}: ${why}.`, 'Check that it is a file and readable.', cause)

/** Names the schema of the file for an editor; no setting. */
const SCHEMA_KEY = '$schema'

function checkConfig(text: string): Readonly<Record<string, string>> {
  const keys = FILE_SETTINGS.map(toFileKey)
  const parsed = parse(text)
  for (const [key, value] of Object.entries(parsed)) {
    if (key !== SCHEMA_KEY && !keys.includes(key)) throw makeKeyError(key, keys)
    if (typeof value !== 'string')
      throw invalid(
        `The value of "${key}" in ${CONFIG_FILE} must be a string.`,
        'Put it in quotes.',
      )
  }
  return parsed as Record<string, string>
}

function makeKeyError(key: string, keys: readonly string[]): FfError {
  const name = SETTING_NAMES.find((one) => toFileKey(one) === key)
  if (name !== undefined)
    return invalid(
      `${CONFIG_FILE} cannot hold "${key}": ${name} comes only from the environment.`,
      `Remove it there, and set ${name} in the environment of the process.`,
    )
  return invalid(
    `${CONFIG_FILE} has no setting ${quoteValue(key)}.`,
    `Did you mean "${findNearestWord(key, keys)}"? docs/reference/settings.md lists every key.`,
  )
}

function parse(text: string): object {
  const read = parseLosslessJson(text)
  if (!read.ok || findJsonProblems(read.node).length > 0) {
    throw invalid(
      `${CONFIG_FILE} is not valid JSON, or repeats a member.`,
      'Write {"storeDir": "store"}, for example.',
    )
  }
  const parsed = nodeToValue(read.node)
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed
  throw invalid(`${CONFIG_FILE} is not a JSON object.`, 'Write {"storeDir": "store"}, for example.')
}

/** The known word with the smallest edit distance in any case, the first of several; empty for an empty list. */
export function findNearestWord(word: string, known: readonly string[]): string {
  const measure = (one: string): number => leven(word.toLowerCase(), one.toLowerCase())
  return [...known].sort((a, b) => measure(a) - measure(b))[0] ?? ''
}

const invalid = (message: string, hint: string, cause?: unknown): FfError =>
  new FfError('setting_invalid', message, { hint, cause })

/**
 * The baseline without `--baseline`: the folder of FF_STORE_DIR, else a temporary one, for which the folder is null.
 */
export const getDefaultBaseline = ({ FF_STORE_DIR }: SettingValues): TargetSpec => ({
  kind: 'file',
  folder: FF_STORE_DIR,
})
/**
 * The candidate without `--candidate`: FF_DATABASE_URL, else the embedded server.
 *
 * @throws FfError `target_invalid`, `secret_in_option` for a bad FF_DATABASE_URL
 */
export const getDefaultCandidate = ({ FF_DATABASE_URL }: SettingValues): TargetSpec =>
  FF_DATABASE_URL ?? { kind: 'embedded' }

/**
 * The settings that the configuration digest of evidence covers, by name, as given and unparsed; null where not set.
 */
export const behaviouralSettings = ({ given }: Settings): Readonly<Record<string, string | null>> =>
  Object.fromEntries(
    SETTING_NAMES.filter((name) => getSettingRow(name).behavioural === true).map((name) => [
      name,
      given[name].value,
    ]),
  )
