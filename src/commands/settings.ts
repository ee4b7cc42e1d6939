import { dirname, join } from 'node:path'
import leven from 'leven'
import { strictProblems } from '../core/json/canonical.ts'
import { toPlain } from '../core/json/plain.ts'
import { readJson } from '../core/json/read.ts'
import { FfError } from '../errors.ts'
import { readOrNull } from '../files/read-or-null.ts'

type Env = Readonly<Record<string, string | undefined>>

interface SettingRow {
  /** Never shown, and only from the environment. */
  readonly secret?: true
  /** Decides which checks may be left out: only from the environment. */
  readonly environmentOnly?: true
  /** Decides what the service does, wherever it runs; what differs from place to place, such as a URL, does not. */
  readonly behavioural?: true
  readonly what: string
}
/** Every setting there is (page 9). A file key is the name without `FF_`, in camelCase. */
export const SETTINGS = {
  FF_BACKING: {
    behavioural: true,
    what: 'where decisions are served from: file (the default) or db',
  },
  FF_LISTEN: { what: 'where the service listens; default 127.0.0.1:8420' },
  FF_ADMIN_LISTEN: {
    what: 'a port of its own for health, metrics and the description; default FF_LISTEN',
  },
  FF_AUDIT_DIGEST_KEY_FILE: {
    what: 'key of the digests that stand for sensitive values in audit records, 32 bytes or more',
  },
  FF_STORE_DIR: { what: 'folder of the file store; the default baseline' },
  FF_DATABASE_URL: { secret: true, what: 'PostgreSQL database; the default candidate' },
  FF_ENV: { environmentOnly: true, what: 'dev, or else it counts as prod' },
  FF_ALLOW_DEV_HEADERS: {
    environmentOnly: true,
    behavioural: true,
    what: 'true lets developers in without a token, with FF_ENV=dev alone',
  },
  FF_JWKS_URL: { what: 'key server: https, or http on this machine; without it no token counts' },
  FF_JWT_ISSUER: { what: 'who issues tokens: the iss of each' },
  FF_JWT_AUDIENCE: {
    behavioural: true,
    what: 'for whom: in the aud of each; default pty-feature-flags',
  },
  FF_JWT_ALGORITHMS: {
    behavioural: true,
    what: 'allow-list, with commas; default RS256,ES256,EdDSA',
  },
  FF_JWT_LEEWAY: {
    behavioural: true,
    what: 'seconds by which clocks may differ, at most 60; default 0',
  },
  FF_ADMIN_URL: { what: 'Admin, which knows approvals: https, or http on this machine' },
  FF_ADMIN_TOKEN_FILE: { what: 'file of the bearer token that Admin knows FF by' },
  FF_ADMIN_CERT_FILE: { what: 'the certificate that Admin knows FF by, with its key' },
  FF_ADMIN_KEY_FILE: { what: 'the key of that certificate' },
  FF_ADMIN_CA_FILE: { what: "authorities for Admin's certificate; default those of this machine" },
  FF_APPROVALS_FILE: {
    what: 'approvals that answer where there is no FF_ADMIN_URL, with FF_ENV=dev',
  },
  FF_CODE_VERSION: {
    environmentOnly: true,
    what: 'what runs: an image digest; default the commit',
  },
  FF_TRUST_SHA256: {
    environmentOnly: true,
    what: 'pin of the trust file, from outside the repository; without it nobody is trusted',
  },
  FF_RUNNER_KEY_FILE: {
    what: 'signs evidence and audit heads; default .ff/runner.pem, made there',
  },
  FF_DEV_SCOPES: { behavioural: true, what: 'the scopes that dev headers can give, with commas' },
} as const satisfies Readonly<Record<string, SettingRow>>
const rowOf = (name: SettingName): SettingRow => SETTINGS[name]
/** Settings that the file may hold. */
export const FILE_SETTINGS = (Object.keys(SETTINGS) as SettingName[]).filter(
  (name) => rowOf(name).secret !== true && rowOf(name).environmentOnly !== true,
)
export type SettingName = keyof typeof SETTINGS

export interface Setting {
  readonly value: string | null
  readonly origin: 'environment' | 'file' | 'default'
  /** The path of the file that it came from; absent where it came from none. */
  readonly path?: string
}
export type Settings = Readonly<Record<SettingName, Setting>>

export const CONFIG_FILE = 'ff.config.json'
export const fileKey = (name: string): string =>
  name
    .slice('FF_'.length)
    .toLowerCase()
    .replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/**
 * Settings from the environment, else from the nearest `ff.config.json` at or above `folder`.
 *
 * @throws FfError `setting_invalid` at an unknown key, naming the nearest, and at a secret in the file
 */
export async function readSettings(env: Env, folder: string): Promise<Settings> {
  const { path, held } = await findConfig(folder)
  const entries = (Object.keys(SETTINGS) as SettingName[]).map((name): [SettingName, Setting] => {
    const fromEnv = env[name]
    if (fromEnv !== undefined && fromEnv !== '')
      return [name, { value: fromEnv, origin: 'environment' }]
    const fromFile = held[fileKey(name)]
    return [
      name,
      fromFile === undefined
        ? { value: null, origin: 'default' }
        : { value: fromFile, origin: 'file', path },
    ]
  })
  return Object.fromEntries(entries) as Record<SettingName, Setting>
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
  const keys = FILE_SETTINGS.map(fileKey)
  const parsed = parse(text)
  for (const [key, value] of Object.entries(parsed)) {
    if (!keys.includes(key)) {
      throw invalid(
        `${CONFIG_FILE} has no setting "${key}".`,
        `Did you mean "${nearest(key, keys)}"? Secrets, FF_ENV, FF_ALLOW_DEV_HEADERS and FF_TRUST_SHA256 come from the environment only.`,
      )
    }
    if (typeof value !== 'string')
      throw invalid(`"${key}" in ${CONFIG_FILE} is not a text.`, 'Put it in quotes.')
  }
  return parsed as Record<string, string>
}

function parse(text: string): object {
  const read = readJson(text)
  if (!read.ok || strictProblems(read.node).length > 0) {
    throw invalid(`${CONFIG_FILE} is not JSON without repeated members.`, 'Correct it.')
  }
  const parsed = toPlain(read.node)
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed
  throw invalid(`${CONFIG_FILE} is not a JSON object.`, 'Write {"storeDir": "..."}, for one.')
}

/** The word of a list that is typed most like another. */
export const nearest = (word: string, known: readonly string[]): string =>
  [...known].sort((a, b) => leven(word, a) - leven(word, b))[0] ?? ''

const invalid = (message: string, hint: string, cause?: unknown): FfError =>
  new FfError('setting_invalid', message, { hint, cause })

/** The targets of a run that names none. */
export function defaultTargets(settings: Settings): {
  readonly baseline: string
  readonly candidate: string
} {
  const folder = settings.FF_STORE_DIR.value
  return {
    baseline: folder === null ? 'file' : `file:${folder}`,
    candidate: settings.FF_DATABASE_URL.value === null ? 'embedded' : 'env:FF_DATABASE_URL',
  }
}

/** What the configuration digest of evidence is taken of (page 9). */
export const behaviouralSettings = (settings: Settings): Readonly<Record<string, string | null>> =>
  Object.fromEntries(
    (Object.keys(SETTINGS) as SettingName[])
      .filter((name) => rowOf(name).behavioural === true)
      .map((name) => [name, settings[name].value]),
  )

/** A URL with a password is refused where it is used; until then it is not shown. */
const withoutUser = (text: string): string => text.replace(/:\/\/[^/]*@/, '://***@')

/** A setting as it may be shown: of a secret only whether it is set, and where. */
export interface ShownSetting extends Setting {
  readonly name: SettingName
  /** Its key in the file; null where the file may not hold it. */
  readonly key: string | null
  readonly set: boolean
  readonly what: string
}
export const settingFacts = (settings: Settings): readonly ShownSetting[] =>
  (Object.keys(SETTINGS) as SettingName[]).map((name) => {
    const { value, ...from } = settings[name]
    const { secret = false, what } = rowOf(name)
    const key = FILE_SETTINGS.includes(name) ? fileKey(name) : null
    const shown = value === null || secret ? null : withoutUser(value)
    return { name, key, value: shown, set: value !== null, ...from, what }
  })

export const shownValue = ({ value, set }: ShownSetting): string =>
  value ?? (set ? 'set' : 'not set')

/** Each setting and where it came from, in a line. */
export const shownSettings = (settings: Settings): readonly (readonly [string, string])[] =>
  settingFacts(settings).map((one) => [one.name, `${shownValue(one)} (${one.origin})`])
