import type {
  AuthContract,
  AuthSettings,
  KeyServerScript,
  KeyServerStage,
} from '../core/auth/contract.ts'
import type { CacheMac } from '../core/cache/seal.ts'
import type { Approval } from '../core/evaluate/approvals.ts'
import type { EvidenceLogs } from '../core/gate/types.ts'
import type { SchemaContract } from '../core/migrations/catalogue.ts'
import type { Migration } from '../core/migrations/plan.ts'
import type { ResourceUse } from '../core/observe/minute.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import type { PublicJwk, SignoffCrypto } from '../core/signoff/types.ts'
import type { Instant } from '../core/rows/instant.ts'
import type { RowsByTable } from '../core/rows/rows.ts'
import type { AdminServer, ApprovalService, ApprovalsPlan } from './admin.ts'
import type { AuditHeadRead, AuditSigner, AuditTrail, SignedHead } from './audit.ts'
import type {
  CredentialsByKeys,
  DevIssuer,
  KeyServer,
  KeysFetched,
  KeySourceSpec,
  OpenAuthenticator,
  TestAuthenticator,
} from './auth.ts'
import type { CacheOptions, RowCache } from './cache.ts'
import type {
  CarriedOut,
  ChainReader,
  CutoverDatabase,
  CutoverFile,
  HeldFileWriter,
  ManagedFileOptions,
  ManagedFileStore,
  NamedOperation,
  SideContent,
} from './cutover.ts'
import type { InstalledPostgres, RoleFacts, SchemaFacts, ScratchDatabase } from './database.ts'
import type {
  EvidenceNeeds,
  EvidenceShapes,
  EvidenceTexts,
  ImportedLog,
  OpenedEvidence,
} from './evidence.ts'
import type { SearchScenes } from './fuzz.ts'
import type {
  HttpClient,
  HttpLimits,
  Route,
  HttpServer,
  HttpObserver,
  ListenAt,
  ServerExtras,
} from './http.ts'
import type { MigrationSession } from './migrations.ts'
import type { CommandLimits, CommandOutcome, RunningProgram } from './process.ts'
import type { FitsMinute, RecordingKey, RecordingRead, RecordingWriter } from './observe.ts'
import type { RedisClient, RedisOptions, ScratchRedis } from './redis.ts'
import type { RowSink, RowSource } from './rows.ts'
import type {
  AuditTopic,
  KafkaOptions,
  ScratchBroker,
  ShipBacklog,
  ShipStore,
  ShipStoreOptions,
} from './shipping.ts'
import type { SignoffKeys } from './signoff.ts'
import type {
  AuditOptions,
  LiveStore,
  OpenScratchStore,
  OpenServiceStore,
  ScratchServiceStore,
} from './store.ts'
import type { MetricReadings, ServiceLog, ShipTelemetry, Telemetry } from './telemetry.ts'
import type { TopicReader } from './topic.ts'
import type { YamlRead } from './yaml.ts'

/** The adapters that the composition root hands to the features. Each member imports its module on its first call. */
export interface Adapters {
  /**
   * Opens an empty scratch store on a target: a temporary folder, or a schema of its own that is dropped on close.
   * @throws FfError `target_invalid` for a service, or the error of the store that cannot be opened
   */
  openScratch(
    spec: TargetSpec,
    needs: {
      readonly migrations: readonly Migration[]
      readonly versions: { readonly oldest: number; readonly newest: number }
    },
  ): Promise<OpenScratchStore>
  /** As `openScratch`, with the operations that a service needs. */
  openScratchServiceStore(
    spec: TargetSpec,
    needs: Pick<ServeOptions, 'migrations' | 'versions'>,
  ): Promise<ScratchServiceStore>
  /**
   * Opens an HTTP client of one service; connects on the first request.
   *
   * @param origin `http://host:port` or `https://host:port`
   */
  openClient(origin: string): Promise<HttpClient>
  /**
   * Opens a client of Redis. Waits for the first connection for a bounded time, and opens without one as well.
   *
   * @throws FfError `target_invalid` for the URL
   */
  connectRedis(url: string, options?: RedisOptions): Promise<RedisClient>
  /**
   * Starts a private PostgreSQL whose pg_dump and pg_restore Debian has installed; it ends with this process.
   *
   * @throws FfError `command_unanswered` where none of these versions is installed, `embedded_unavailable`
   */
  openInstalledPostgres(versions: MigrationOptions['versions']): Promise<InstalledPostgres>
  /**
   * Starts a Redis of its own on a free port of loopback; it ends with this process, or when `signal` is aborted.
   *
   * @throws FfError `command_unanswered` where no `redis-server` starts
   */
  openScratchRedis(signal: AbortSignal): Promise<ScratchRedis>
  /**
   * Starts a Kafka broker of its own on loopback; it ends with this process, or when `signal` is aborted.
   *
   * @throws FfError `command_unanswered` where no `kcat` starts
   */
  openScratchBroker(signal: AbortSignal): Promise<ScratchBroker>
  /** Opens a cache of rows over a client of Redis, which stays the caller's; it caches once `trust` was called. */
  openRowCache(options: CacheOptions): Promise<RowCache>
  /** Loads the HMAC of entries and messages in Redis under a key. */
  cacheMac(key: Uint8Array): Promise<CacheMac>
  /**
   * Opens a kept store for the one service that writes to it.
   * @throws FfError `target_invalid`, `store_locked`, `store_corrupt`, or the error of the database
   */
  openServiceStore(spec: TargetSpec, needs: ServeOptions): Promise<OpenServiceStore>
  /** Opens a store in a temporary folder, filled with the sample; it is removed on close. */
  openSampleStore(sample: RowsByTable, tools: AuditOptions): Promise<OpenServiceStore>
  /** Serves the routes; resolves once it listens. @throws FfError `listen_failed` */
  openServer(
    routes: readonly Route[],
    options: {
      readonly at: ListenAt
      readonly limits: HttpLimits
      readonly httpObserver: HttpObserver
    } & ServerExtras,
  ): Promise<HttpServer>
  /** Opens a log of JSON lines. @param write receives one whole line with its line feed */
  openServiceLog(write: (bytes: Uint8Array) => number): Promise<ServiceLog>
  /** Opens the observers that log and count the work of a service, and its metrics. */
  openTelemetry(log: ServiceLog, readings: MetricReadings): Promise<Telemetry>
  /** As `openTelemetry`, of a shipper. @param backlog read at each scrape; null where the store does not tell */
  openShipTelemetry(
    log: ServiceLog,
    backlog: () => Promise<ShipBacklog | null>,
  ): Promise<ShipTelemetry>
  /**
   * Opens a kept store for reading only.
   * @param needs.copied the rows to fill a private server with; null where there are none to copy
   * @throws FfError `target_invalid` for a target without kept rows, or the error of the store that cannot be opened
   */
  openLiveStore(
    spec: TargetSpec,
    needs: {
      readonly migrations: readonly Migration[]
      readonly versions: { readonly oldest: number; readonly newest: number }
      readonly copied: (() => Promise<RowsByTable>) | null
    },
  ): Promise<LiveStore>
  /**
   * Signs one credential per mode for the cells of the parity matrix with the fixtures' key, and opens the key
   * servers of their authenticators, with a fresh and with a stale key set.
   * @param root folder of the package, which holds `vectors/jwt/keys.json` @param now the tokens expire one hour later
   */
  cellCredentials(
    root: string,
    settings: AuthSettings,
    now: Instant,
  ): Promise<{ readonly byKeys: CredentialsByKeys; close(): Promise<void> }>
  /** Opens an authenticator whose loopback key server follows the script; null is a service without keys. */
  openScriptedAuthenticator(
    script: KeyServerScript | null,
    settings: AuthSettings,
  ): Promise<OpenAuthenticator>
  readonly searchScenes: SearchScenes
  /** Reads one YAML document without loss; never throws for the text. */
  readYaml(text: string): Promise<YamlRead>
  /** Opens an authenticator over an endpoint, a given key set, or no keys; close it to end the background refresh. */
  openAuthenticator(keys: KeySourceSpec, settings: AuthSettings): Promise<OpenAuthenticator>
  /**
   * Fetches a key set once and judges each key. Never throws for the endpoint.
   *
   * @param algorithms the allow-list of JWS algorithms
   */
  fetchKeys(url: URL, contract: AuthContract, algorithms: readonly string[]): Promise<KeysFetched>
  /** Loads the operations on the signers' key files. */
  signoffKeys(): Promise<SignoffKeys>
  /** Loads the hashes and signature checks of the sign-off; it cannot sign. */
  signoffCrypto(): Promise<SignoffCrypto>
  /** Starts a loopback key server with a new key and signs the claims; `iss` defaults to the server's origin. */
  openDevIssuer(claims: Readonly<Record<string, unknown>>): Promise<DevIssuer>
  /** Opens the rows of a kept store, read only. @throws FfError `target_invalid` for a target that keeps none */
  openRows(spec: TargetSpec, needs: RowReadOptions): Promise<RowSource>
  /** Opens the audit trail of a kept store, read only. @throws FfError `target_invalid` for a target without one */
  openTrail(
    spec: TargetSpec,
    needs: Pick<RowReadOptions, 'versions' | 'migrations'>,
  ): Promise<AuditTrail>
  /**
   * Opens the audit records of a kept store for shipping.
   * @throws FfError `target_invalid` for a target without any, `place_refused`, or another error of the store
   */
  openShipStore(spec: TargetSpec, needs: ShipStoreNeeds): Promise<ShipStore>
  /**
   * Opens the cutover's files beside a file store. Takes no lock.
   *
   * @throws FfError `target_unreachable` for a missing folder, `store_corrupt` for a damaged record
   */
  openCutoverFile(folder: string): Promise<CutoverFile>
  /**
   * Opens the schema `ff` of a database as a side of a cutover; connects at the first call of a member.
   *
   * @param needs.tools absent where no turn writes
   * @throws FfError `target_invalid` unless the target is a PostgreSQL database
   */
  openCutoverDatabase(
    spec: TargetSpec,
    needs: Omit<ServeOptions, 'tools' | 'writesAlone'> & Partial<Pick<ServeOptions, 'tools'>>,
  ): Promise<CutoverDatabase>
  /**
   * Opens the chain of a file store beside its writer. Takes no lock.
   *
   * @throws FfError `target_unreachable`, `store_corrupt`
   */
  openFileChain(folder: string): Promise<ChainReader>
  /**
   * Takes the lock of a file store and opens its writer, in any phase; null where another process holds the lock.
   *
   * @param limits.end ends that process first, if it names itself on its socket, for at most `boundMs`
   * @throws FfError `store_locked`, `store_corrupt`
   */
  openFileWriter(
    folder: string,
    tools: AuditOptions,
    limits: { readonly end: boolean; readonly boundMs: number },
  ): Promise<HeldFileWriter | null>
  /**
   * Fills a file store that is empty, or whose head is in the chain of `content`, with that content, whole or not at all.
   *
   * @param epoch of its new segment
   * @throws FfError `chains_forked` for any other store, `store_locked`
   */
  rebuildFile(folder: string, content: SideContent, epoch: number): Promise<void>
  /**
   * Hands a change to the process that writes to a file store, which makes it by the protocol of its phase.
   *
   * @throws FfError `backing_unavailable` where none takes it, `outcome_unknown` without an answer within `boundMs`; as the
   *   side that refused it
   */
  handToWriter(folder: string, operation: NamedOperation, boundMs: number): Promise<CarriedOut>
  /** The process that writes to a file store, by its socket; null where none does. */
  findLockHolder(folder: string): Promise<{ readonly pid: number } | null>
  /**
   * Opens a file store together with other instances on its host, as its writer or as a follower.
   *
   * @throws FfError `store_locked` where the lock is held and no writer answers, `store_corrupt`
   */
  openManagedFile(
    folder: string,
    tools: AuditOptions,
    options: ManagedFileOptions,
  ): Promise<ManagedFileStore>
  /** Opens the topic for audit records; connects at the first use. */
  openAuditTopic(options: KafkaOptions): Promise<AuditTopic>
  /** Connects to the brokers, to read the topic. @throws FfError `target_unreachable`, `rights_missing` */
  openTopicReader(options: KafkaOptions): Promise<TopicReader>
  /** Loads a runner's key file to sign audit heads with. @throws FfError `runner_key_invalid` */
  auditSigner(path: string): Promise<AuditSigner>
  /**
   * Signs a head.
   *
   * @returns the text of its file
   * @throws FfError `signature_not_accepted` where the signature does not verify
   */
  signHead(head: SignedHead, signer: AuditSigner): Promise<string>
  /**
   * Reads the text of a signed head and verifies its signature.
   *
   * @param fits whether a value matches the file's schema
   */
  readHead(text: string, fits: (value: unknown) => boolean): Promise<AuditHeadRead>
  /** Takes an exclusive lock on a file until it is closed; null while another process holds it. */
  tryLock(path: string): Promise<{ close(): Promise<void> } | null>
  /**
   * Runs `use` with a row sink under the import lock.
   *
   * @throws FfError `target_invalid`, `import_locked` while another import runs
   */
  withRowSink<T>(
    spec: TargetSpec,
    needs: RowReadOptions,
    use: (sink: RowSink) => Promise<T>,
  ): Promise<T>
  /**
   * Creates a file store in a folder, whole or not at all.
   * @returns the digest of its snapshot @throws FfError `option_invalid` where the folder already holds a store
   */
  writeNewStore(
    folder: string,
    about: Pick<RowSource, 'epoch' | 'head' | 'counts'>,
    batches: AsyncIterable<Buffer>,
  ): Promise<string>
  /** Runs `use` with an empty database of a private server; both are removed afterwards. */
  withPrivateDatabase<T>(use: (spec: TargetSpec) => Promise<T>): Promise<T>
  /**
   * Runs `use` with a new database on the target's server, or on a private one; drops it afterwards.
   *
   * @throws FfError `target_invalid` for a folder
   */
  withScratchDatabase<T>(
    spec: TargetSpec,
    versions: MigrationOptions['versions'],
    use: (scratch: ScratchDatabase) => Promise<T>,
  ): Promise<T>
  /** Runs `use` with a new folder that only this user may read; removes it afterwards. */
  withScratchFolder<T>(use: (folder: string) => Promise<T>): Promise<T>
  /**
   * Reads in a read-only session whether constraints, indexes and triggers are in force.
   *
   * @throws FfError `target_invalid`
   */
  inspectSchema(spec: TargetSpec, versions: MigrationOptions['versions']): Promise<SchemaFacts>
  /**
   * Reads in a read-only session, which has the service's timeouts or none, the rights of the connection string's role.
   *
   * @throws FfError `target_invalid`, `rights_missing`
   */
  inspectRole(
    spec: TargetSpec,
    versions: MigrationOptions['versions'],
    session: { readonly timeouts: boolean },
  ): Promise<RoleFacts>
  /**
   * SHA-256 in hex of each source that was imported whole, from the database's audit trail.
   *
   * @throws FfError `target_invalid`
   */
  importedDigests(
    spec: TargetSpec,
    versions: MigrationOptions['versions'],
  ): Promise<readonly string[]>
  /** Client connections of a database server in use, and the most. @throws FfError `target_unreachable`, and others */
  readConnectionUse(
    spec: TargetSpec,
    versions: { readonly oldest: number; readonly newest: number },
  ): Promise<ResourceUse>
  /** Reads every evidence log of a folder. @throws FfError `evidence_unreadable`, `evidence_old_form` */
  readEvidence(folder: string): Promise<EvidenceTexts>
  /** Checks hashes, signatures, chain and head of each log. */
  judgeEvidence(texts: EvidenceTexts, shapes: EvidenceShapes): Promise<EvidenceLogs>
  /**
   * Takes over the logs of an evidence folder, or of one log's folder, where they continue those in `into`.
   * @throws FfError `evidence_untrusted`, `evidence_forked`, `evidence_unreadable`, `evidence_old_form`,
   *   `evidence_unwritable`, `evidence_locked`, `disk_full`
   */
  importEvidence(
    from: string,
    into: string,
    shapes: EvidenceShapes,
  ): Promise<readonly ImportedLog[]>
  /**
   * Opens the recording of staging in a folder for appending, signed with a runner's key.
   * @throws FfError `evidence_locked`, `evidence_untrusted`, `evidence_unreadable`, `evidence_unwritable`, `disk_full`,
   *   `runner_key_invalid`, `key_file_loose`
   */
  openRecording(
    folder: string,
    needs: { readonly key: RecordingKey; readonly fits: FitsMinute },
  ): Promise<RecordingWriter>
  /** Reads and verifies a recording, without its lock. @throws FfError `evidence_unreadable` */
  readRecording(folder: string, fits: FitsMinute): Promise<RecordingRead>
  /** Creates the key file that signs evidence. Never replaces a file. @throws the system's `EEXIST` */
  makeRunner(path: string): Promise<{ readonly kid: string; readonly jwk: PublicJwk }>
  /**
   * Opens the evidence log of a runner for appending and renews its head. `make` creates the runner's key file if it is
   * missing.
   * @throws FfError `evidence_locked`, `evidence_untrusted`, `evidence_unreadable`, `evidence_old_form`,
   *   `evidence_unwritable`, `disk_full`, `clock_set_back`, `trust_refused`, `runner_key_invalid`, `key_file_loose`
   */
  openEvidence(
    folder: string,
    needs: EvidenceNeeds & { readonly key: { readonly path: string; readonly make: boolean } },
  ): Promise<OpenedEvidence>
  /**
   * Reads `system_identifier/oid/schema/place` of a database.
   *
   * @param environment the one that the database has to be made for; undefined for any
   * @throws FfError `target_invalid`, `place_refused`, or the error of the connection
   */
  identifyDatabase(
    spec: TargetSpec,
    versions: MigrationOptions['versions'],
    environment?: string,
  ): Promise<string>
  /** Starts a key server on loopback whose behaviour the caller sets. */
  openKeyServer(stage: KeyServerStage): Promise<KeyServer>
  /** Opens an authenticator over such a server, with a clock that the caller moves. */
  readonly openTestAuthenticator: (
    stage: KeyServerStage,
    settings: AuthSettings,
  ) => Promise<TestAuthenticator>
  /** Opens the approval service of the plan. */
  openApprovals(plan: ApprovalsPlan): Promise<ApprovalService>
  /** Starts an Admin on loopback that holds these approvals and whose behaviour the caller sets. */
  openAdminServer(approvals: readonly Approval[]): Promise<AdminServer>
  /** Runs a program without a shell. Its failure, signal or timeout is an outcome, not an error. */
  runCommand(argv: readonly string[], limits: CommandLimits): Promise<CommandOutcome>
  /** Starts `ff` in a new process whose environment is `limits.env` and PATH. */
  startFf(args: readonly string[], limits: CommandLimits): Promise<RunningProgram>
  /** As `runCommand`, of `ff`. */
  runFf(args: readonly string[], limits: CommandLimits): Promise<CommandOutcome>
  /** Identifies the content of the git work tree that a folder is in; null where git gives no answer. */
  codeVersion(folder: string): Promise<string | null>
  /** SHA-256 in hexadecimal of the package's own files. @throws the system's error where one cannot be read */
  buildDigest(root: string): Promise<string>
  /**
   * Runs `use` with a migration session.
   *
   * @throws FfError `target_invalid`, `migration_locked` while another migration runs, or the database's error
   */
  withMigrationSession<T>(
    spec: TargetSpec,
    needs: MigrationOptions,
    use: (session: MigrationSession) => Promise<T>,
  ): Promise<T>
}

/** Options to open a store for a service: the migrations it must have, supported server versions, audit options. */
export interface ServeOptions extends Pick<MigrationOptions, 'versions'> {
  readonly migrations: readonly Migration[]
  readonly tools: AuditOptions
  /** FF_ENV, which the database has to be made for. */
  readonly environment: string
  /** Whether a database is refused whose phase record names another authority. */
  readonly writesAlone?: boolean
  /** The name of the running server that rows have to be read from, asked before each read; null where any will do. */
  readonly findServer?: () => string | null
}

/** Options to ship from a kept store: as `ServeOptions`, without what writes records. */
export type ShipStoreNeeds = Omit<ServeOptions, 'tools' | 'writesAlone'> & ShipStoreOptions

/** Options to read or merge rows of a database: server versions, the schema contract, and the migrations it may have. */
export interface RowReadOptions extends Pick<MigrationOptions, 'versions' | 'contract'> {
  readonly migrations: readonly Migration[]
  /** The environment that the database has to be made for; any where it is absent. */
  readonly environment?: string
}

/** Options of a migration session. */
export interface MigrationOptions {
  /** Major versions of PostgreSQL, both inclusive. */
  readonly versions: { readonly oldest: number; readonly newest: number }
  readonly contract: SchemaContract
  /** Roles that the session creates and grants to. */
  readonly roles: readonly string[]
  /** Whether the session may write; it then holds the migration lock. */
  readonly locked: boolean
}
