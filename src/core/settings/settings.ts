import {
  parseAdminSetting,
  parseBacking,
  parseDatabase,
  parseEnvironmentName,
  parseKeyServerSetting,
  parseLeewaySeconds,
  type ListenAddress,
  parseListenAddress,
  MAX_LEEWAY_S,
  type ParsedSetting,
  parseTextSetting,
  parseTrueOrFalse,
  parseWords,
} from './parse-setting.ts'

export interface SettingDeclaration<Value = unknown> {
  readonly what: string
  readonly parse: (given: string) => ParsedSetting<Value>
  /** The value where nothing is given; null where the row has none, and the reader or a contract says what follows. */
  readonly otherwise?: Value
  /** Never shown, and only from the environment. */
  readonly secret?: true
  /** Decides which checks may be left out: only from the environment. */
  readonly environmentOnly?: true
  /** Decides what the service does, wherever it runs; what differs from place to place, such as a URL, does not. */
  readonly behavioural?: true
}
const DEFAULT_LISTEN: ListenAddress = { host: '127.0.0.1', port: 8420 }
const NO_WORDS: readonly string[] = []

/** Every setting there is. A file key is the name without `FF_`, in camelCase. */
export const SETTINGS = {
  FF_BACKING: {
    behavioural: true,
    parse: parseBacking,
    what: 'where decisions are served from: file (the default) or db',
  },
  FF_LISTEN: {
    parse: parseListenAddress,
    otherwise: DEFAULT_LISTEN,
    what: 'where the service listens; default 127.0.0.1:8420',
  },
  FF_ADMIN_LISTEN: {
    parse: parseListenAddress,
    what: 'a port of its own for health, metrics and the description; default FF_LISTEN',
  },
  FF_AUDIT_DIGEST_KEY_FILE: {
    parse: parseTextSetting,
    what: 'key of the digests that stand for sensitive values in audit records, 32 bytes or more',
  },
  FF_STORE_DIR: { parse: parseTextSetting, what: 'folder of the file store; the default baseline' },
  FF_DATABASE_URL: {
    secret: true,
    parse: parseDatabase,
    what: 'PostgreSQL database; the default candidate',
  },
  FF_ENV: {
    environmentOnly: true,
    parse: parseEnvironmentName,
    what: 'dev, or else it counts as prod',
  },
  FF_ALLOW_DEV_HEADERS: {
    environmentOnly: true,
    behavioural: true,
    parse: parseTrueOrFalse,
    otherwise: false as boolean,
    what: 'true lets developers in without a token, with FF_ENV=dev alone',
  },
  FF_JWKS_URL: {
    parse: parseKeyServerSetting,
    what: 'key server: https, or http on this machine; without it no token counts',
  },
  FF_JWT_ISSUER: { parse: parseTextSetting, what: 'who issues tokens: the iss of each' },
  FF_JWT_AUDIENCE: {
    behavioural: true,
    parse: parseTextSetting,
    what: 'for whom: in the aud of each; default pty-feature-flags',
  },
  FF_JWT_ALGORITHMS: {
    behavioural: true,
    parse: parseWords,
    what: 'allow-list, with commas; default RS256,ES256,EdDSA',
  },
  FF_JWT_LEEWAY: {
    behavioural: true,
    parse: parseLeewaySeconds,
    what: `seconds by which clocks may differ, at most ${MAX_LEEWAY_S}; default 0`,
  },
  FF_ADMIN_URL: {
    parse: parseAdminSetting,
    what: 'Admin, which knows approvals: https, or http on this machine',
  },
  FF_ADMIN_TOKEN_FILE: {
    parse: parseTextSetting,
    what: 'file of the bearer token that Admin knows FF by',
  },
  FF_ADMIN_CERT_FILE: {
    parse: parseTextSetting,
    what: 'the certificate that Admin knows FF by, with its key',
  },
  FF_ADMIN_KEY_FILE: { parse: parseTextSetting, what: 'the key of that certificate' },
  FF_ADMIN_CA_FILE: {
    parse: parseTextSetting,
    what: "authorities for Admin's certificate; default those of this machine",
  },
  FF_APPROVALS_FILE: {
    parse: parseTextSetting,
    what: 'approvals that answer where there is no FF_ADMIN_URL, with FF_ENV=dev',
  },
  FF_CODE_VERSION: {
    environmentOnly: true,
    parse: parseTextSetting,
    what: 'what runs: an image digest; default the commit',
  },
  FF_TRUST_SHA256: {
    environmentOnly: true,
    parse: parseTextSetting,
    what: 'pin of the trust file, from outside the repository; without it nobody is trusted',
  },
  FF_RUNNER_KEY_FILE: {
    parse: parseTextSetting,
    what: 'signs evidence and audit heads; default .ff/runner.pem, made there',
  },
  FF_DEV_SCOPES: {
    behavioural: true,
    parse: parseWords,
    otherwise: NO_WORDS,
    what: 'the scopes that dev headers can give, with commas',
  },
} as const satisfies Readonly<Record<string, SettingDeclaration>>

export type SettingName = keyof typeof SETTINGS
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[]

type ValueOf<Row extends SettingDeclaration> =
  | Extract<ReturnType<Row['parse']>, { ok: true }>['value']
  | (Row extends { readonly otherwise: unknown } ? never : null)
/** Each setting under its one name, as a value of its own type. */
export type SettingValues = {
  readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]>
}

export const getSettingRow = (name: SettingName): SettingDeclaration => SETTINGS[name]

/** What holds where nothing is given. */
export const DEFAULT_SETTINGS = Object.fromEntries(
  SETTING_NAMES.map((name) => [name, getSettingRow(name).otherwise ?? null]),
) as SettingValues

/** Settings that the file may hold. */
export const FILE_SETTINGS = SETTING_NAMES.filter((name) => {
  const { secret, environmentOnly } = getSettingRow(name)
  return secret !== true && environmentOnly !== true
})

export const toFileKey = (name: SettingName): string =>
  name
    .slice('FF_'.length)
    .toLowerCase()
    .replaceAll(/_([a-z])/g, (_, reply: string) => reply.toUpperCase())
