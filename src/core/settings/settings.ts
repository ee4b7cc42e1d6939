import type { ScopeClaim } from '../auth/claims.ts'
import type { PinnedHead } from '../gate/types.ts'
import {
  type ListenAddress,
  type ParsedSetting,
  parseListenAddress,
  parseTopic,
} from './parse-address.ts'
import {
  createNumberParser,
  type NumberBounds,
  parseAdminSetting,
  parseBacking,
  parseBrokers,
  parseDatabase,
  parseEvidenceHeads,
  parseKeyServerSetting,
  parseLeewaySeconds,
  parseOrigins,
  MAX_LEEWAY_S,
  parseSaslMechanism,
  parseScopeClaim,
  parseTextSetting,
  parseTrueOrFalse,
  parseWords,
} from './parse-setting.ts'

export interface SettingDeclaration<Value = unknown> {
  readonly what: string
  readonly parse: (given: string) => ParsedSetting<Value>
  /** The default; absent where the default is null, or comes from a contract. */
  readonly otherwise?: Value
  /** Never shown, and read only from the environment. */
  readonly secret?: true
  /** Controls which checks may be skipped, so it is read only from the environment. */
  readonly environmentOnly?: true
  /** Part of the service's behaviour, and so of the config digest; a setting that varies by place, such as a URL, is not. */
  readonly behavioural?: true
  /** The values of a number. */
  readonly bounds?: NumberBounds
}
const DEFAULT_LISTEN: ListenAddress = { host: '127.0.0.1', port: 8420 }
const DEFAULT_TOPIC: string = 'ptt.audit.trail'
const NO_WORDS: readonly string[] = []
const NO_HEADS: readonly PinnedHead[] = []

const number = (bounds: NumberBounds, otherwise: number, what: string) => ({
  parse: createNumberParser(bounds),
  bounds,
  otherwise,
  what: `${what}; default ${otherwise}`,
})
type Range = readonly [least: number, most: number]
const count = ([least, most]: Range, otherwise: number, what: string) =>
  number({ least, most, decimals: 0 }, otherwise, what)
const seconds = ([least, most]: Range, otherwise: number, what: string) =>
  number({ least, most, decimals: 3 }, otherwise, `${what}, in seconds`)
const text = (what: string) => ({ parse: parseTextSetting, what })

/** Every setting. Its key in the file is the name without `FF_`, in camelCase. */
export const SETTINGS = {
  FF_BACKING: {
    behavioural: true,
    parse: parseBacking,
    what: 'backing that serves decisions: file (the default), db, or managed in a cutover',
  },
  FF_LISTEN: {
    parse: parseListenAddress,
    otherwise: DEFAULT_LISTEN,
    what: 'HOST:PORT of the service; default 127.0.0.1:8420',
  },
  FF_ADMIN_LISTEN: {
    parse: parseListenAddress,
    what: 'separate HOST:PORT for health, metrics and the API description; default FF_LISTEN',
  },
  FF_TLS_CERT_FILE: {
    parse: parseTextSetting,
    what: 'file of the certificate chain of the service in PEM, with FF_TLS_KEY_FILE; default plain HTTP',
  },
  FF_TLS_KEY_FILE: { parse: parseTextSetting, what: 'file of the key of that certificate' },
  FF_CORS_ORIGINS: {
    parse: parseOrigins,
    otherwise: NO_WORDS,
    what: 'origins whose web pages may evaluate flags, such as https://app.example, separated by commas; default none',
  },
  FF_MAX_BODY_BYTES: count([1_024, 16_777_216], 262_144, 'largest body of a request, in bytes'),
  FF_MAX_IN_FLIGHT: count([1, 100_000], 1_000, 'most requests that are answered at once'),
  FF_MAX_ARRIVING: count([1, 100_000], 1_000, 'most requests that arrive at once'),
  FF_MAX_ARRIVING_PER_PEER: count(
    [1, 100_000],
    200,
    'most requests that arrive from one address at once',
  ),
  FF_MAX_LISTENERS: count([0, 100_000], 1_000, 'most clients that listen for changes at once'),
  FF_MAX_LISTENERS_PER_PEER: count(
    [0, 100_000],
    200,
    'most clients that listen for changes from one address at once',
  ),
  FF_HEADERS_TIMEOUT: seconds([0.1, 300], 10, 'time for the headers of a request'),
  FF_REQUEST_TIMEOUT: seconds([0.1, 300], 20, 'time for a whole request to arrive'),
  FF_ANSWER_TIMEOUT: seconds([0.1, 600], 60, 'time for a client to receive the answer'),
  FF_DRAIN_DELAY: seconds(
    [0, 300],
    5,
    'time between SIGTERM and the close of the listener, while readiness says draining',
  ),
  FF_DRAIN_TIMEOUT: seconds([0, 300], 25, 'time for open requests to end after that'),
  FF_SHADOW_SHARE: number(
    { least: 0.001, most: 1, decimals: 3 },
    1,
    'share of the decisions that are compared with the other store during a cutover',
  ),
  FF_STORE_DEADLINE: seconds([0.1, 60], 1, 'time for each answer of the store'),
  FF_CUTOVER_LEASE: seconds(
    [0.5, 60],
    5,
    'time after which an instance that has not renewed may not act in a cutover, the same everywhere',
  ),
  FF_STALE_MAX: seconds(
    [0, 604_800],
    3_600,
    'age of the last known rows up to which they decide while the database is away',
  ),
  FF_SNAPSHOT_MAX_BYTES: count(
    [0, 17_179_869_184],
    268_435_456,
    'memory of the last known rows, in bytes; a larger database has none',
  ),
  FF_SNAPSHOT_DIR: {
    parse: parseTextSetting,
    what: 'folder that keeps the last known rows, so that a start without the database serves; with FF_AUDIT_DIGEST_KEY_FILE',
  },
  FF_AUDIT_DIGEST_KEY_FILE: {
    parse: parseTextSetting,
    what: 'file of the key for digests of sensitive values in audit records, at least 32 bytes',
  },
  FF_STORE_DIR: { parse: parseTextSetting, what: 'folder of the file store; the default baseline' },
  FF_DATABASE_URL: {
    secret: true,
    parse: parseDatabase,
    what: 'URL of the PostgreSQL database; the default candidate',
  },
  FF_REDIS_URL: {
    secret: true,
    parse: parseTextSetting,
    what: 'URL of Redis: redis, rediss, Sentinel or Cluster; without it nothing is cached',
  },
  FF_CACHE_KEY_FILE: {
    parse: parseTextSetting,
    what: 'file of the key for the HMAC of entries and messages in Redis, at least 32 bytes',
  },
  FF_KAFKA_BROKERS: {
    parse: parseBrokers,
    what: 'HOST:PORT of the Kafka brokers for audit records, separated by commas; without it records stay pending',
  },
  FF_KAFKA_TOPIC: {
    parse: parseTopic,
    otherwise: DEFAULT_TOPIC,
    what: `topic for audit records; default ${DEFAULT_TOPIC}`,
  },
  FF_KAFKA_TLS: {
    parse: parseTrueOrFalse,
    otherwise: false as boolean,
    what: 'true connects to the brokers by TLS',
  },
  FF_KAFKA_CA_FILE: {
    parse: parseTextSetting,
    what: "file of the authorities for the brokers' certificates; default those of this machine",
  },
  FF_KAFKA_CERT_FILE: {
    parse: parseTextSetting,
    what: 'file of the client certificate for the brokers, with FF_KAFKA_KEY_FILE',
  },
  FF_KAFKA_KEY_FILE: { parse: parseTextSetting, what: 'file of the key of that certificate' },
  FF_KAFKA_SASL: {
    parse: parseSaslMechanism,
    what: 'login to the brokers: plain, scram-sha-256 or scram-sha-512; default none',
  },
  FF_KAFKA_USER: { parse: parseTextSetting, what: 'user of that login' },
  FF_KAFKA_PASSWORD_FILE: { parse: parseTextSetting, what: 'file of the password of that user' },
  FF_KAFKA_TIMEOUT: seconds([0.1, 300], 10, 'time for the brokers to answer one send'),
  FF_SHIP_LEASE: seconds(
    [1, 3_600],
    30,
    'time after which the slot of a shipper that no longer answers is taken over, FF_KAFKA_TIMEOUT later',
  ),
  FF_SHIP_TRIES: count([1, 1_000], 5, 'refusals of an audit record before it is failed'),
  FF_ENV: {
    environmentOnly: true,
    parse: parseTextSetting,
    what: 'environment: dev; any other name counts as prod',
  },
  FF_ALLOW_DEV_HEADERS: {
    environmentOnly: true,
    behavioural: true,
    parse: parseTrueOrFalse,
    otherwise: false as boolean,
    what: 'true accepts dev headers instead of a token, only with FF_ENV=dev',
  },
  FF_JWKS_URL: {
    parse: parseKeyServerSetting,
    what: 'URL of the key set: https, or http on this machine; without it no token is accepted',
  },
  FF_JWT_ISSUER: { parse: parseTextSetting, what: 'issuer of tokens: the iss of each' },
  FF_JWT_AUDIENCE: {
    behavioural: true,
    parse: parseTextSetting,
    what: 'audience of tokens, in the aud of each; default pty-feature-flags',
  },
  FF_JWT_SCOPE_CLAIM: {
    behavioural: true,
    parse: parseScopeClaim,
    otherwise: 'scope' as ScopeClaim,
    what: 'claim that holds the scopes of a token: scope (the default), scp or permissions',
  },
  FF_JWT_ALGORITHMS: {
    behavioural: true,
    parse: parseWords,
    what: 'allowed signature algorithms, separated by commas; default RS256,ES256,EdDSA,Ed25519',
  },
  FF_JWT_LEEWAY: {
    behavioural: true,
    parse: parseLeewaySeconds,
    what: `allowed clock difference in seconds, at most ${MAX_LEEWAY_S}; default 0`,
  },
  FF_ADMIN_URL: {
    parse: parseAdminSetting,
    what: 'base URL of Admin, which holds approvals: https, or http on this machine',
  },
  FF_ADMIN_TOKEN_FILE: { parse: parseTextSetting, what: 'file of the bearer token for Admin' },
  FF_ADMIN_CERT_FILE: {
    parse: parseTextSetting,
    what: 'file of the client certificate for requests to Admin, with FF_ADMIN_KEY_FILE',
  },
  FF_ADMIN_KEY_FILE: { parse: parseTextSetting, what: 'file of the key of that certificate' },
  FF_ADMIN_CA_FILE: {
    parse: parseTextSetting,
    what: "file of the authorities for Admin's certificate; default those of this machine",
  },
  FF_APPROVALS_FILE: {
    parse: parseTextSetting,
    what: 'file of approvals, used without FF_ADMIN_URL, only with FF_ENV=dev',
  },
  FF_PAGER: {
    environmentOnly: true,
    parse: parseTextSetting,
    what: 'pager of long text; else PAGER',
  },
  FF_CODE_VERSION: {
    environmentOnly: true,
    parse: parseTextSetting,
    what: 'version of the running code: an image digest; default the content of the work tree',
  },
  FF_TRUST_SHA256: {
    environmentOnly: true,
    parse: parseTextSetting,
    what: 'SHA-256 of the trust file, from outside the repository; without it no signature is trusted',
  },
  FF_EVIDENCE_HEAD: {
    environmentOnly: true,
    parse: parseEvidenceHeads,
    otherwise: NO_HEADS,
    what: 'records that evidence logs must hold, from outside the repository: KID:SEQ:HASH:WITHDRAWALS, separated by commas',
  },
  FF_RUNNER_KEY_FILE: text(
    'file of the key that signs evidence and audit heads; default .ff/runner.pem, created on demand',
  ),
  FF_STAGING_URL: text(
    'instances of staging for probes: SERVICE,ADMIN of each, their origins, separated by spaces',
  ),
  FF_STAGING_TOKEN_FILE: text(
    'file of the tokens by which probes call staging, one on each line, each of another user',
  ),
  FF_STAGING_APPROVAL: text(
    'reference of an approval in the Admin of staging, of the flag ff.probe.sensitive for the first token',
  ),
  FF_STAGING_FAULTS: text(
    'program that makes a part of staging fail for a probe: it is run with begin NAME, and with end NAME',
  ),
  FF_DEV_SCOPES: {
    behavioural: true,
    parse: parseWords,
    otherwise: NO_WORDS,
    what: 'scopes that dev headers can grant, separated by commas',
  },
} as const satisfies Readonly<Record<string, SettingDeclaration>>

export type SettingName = keyof typeof SETTINGS
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[]

type ValueOf<Row extends SettingDeclaration> =
  | Extract<ReturnType<Row['parse']>, { ok: true }>['value']
  | (Row extends { readonly otherwise: unknown } ? never : null)
/** The value of each setting by its name. */
export type SettingValues = {
  readonly [Name in SettingName]: ValueOf<(typeof SETTINGS)[Name]>
}

/**
 * The declaration of a setting in `SETTINGS`: its description, its parser, its default (absent for null or one of a
 * contract), and whether it is secret, read only from the environment, or part of the config digest.
 */
export const getSettingRow = (name: SettingName): SettingDeclaration => SETTINGS[name]

/** The value that each setting has where none is given, by name; null for one without a default. */
export const DEFAULT_SETTINGS = Object.fromEntries(
  SETTING_NAMES.map((name) => [name, getSettingRow(name).otherwise ?? null]),
) as SettingValues

/**
 * The names of the settings that `ff.config.json` may hold: neither secrets nor those that only the environment
 * sets.
 */
export const FILE_SETTINGS = SETTING_NAMES.filter((name) => {
  const { secret, environmentOnly } = getSettingRow(name)
  return secret !== true && environmentOnly !== true
})

/**
 * The key of a setting in `ff.config.json`: its name without `FF_`, in camelCase, such as `jwksUrl` for FF_JWKS_URL.
 */
export const toFileKey = (name: SettingName): string =>
  name
    .slice('FF_'.length)
    .toLowerCase()
    .replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
