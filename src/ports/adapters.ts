import type {
  AuthContract,
  AuthSettings,
  KeyServerScript,
  KeyServerStage,
} from '../core/auth/contract.ts'
import type { Approval } from '../core/evaluate/approvals.ts'
import type { EvidenceLog } from '../core/gate/types.ts'
import type { SchemaContract } from '../core/migrations/catalogue.ts'
import type { Migration } from '../core/migrations/plan.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import type { PublicJwk, SignoffCrypto } from '../core/signoff/types.ts'
import type { Instant } from '../core/rows/instant.ts'
import type { RowsByTable } from '../core/rows/rows.ts'
import type { AdminServer, ApprovalService, ApprovalsPlan } from './admin.ts'
import type { AuditHeadRead, AuditSigner, AuditTrail, SignedHead } from './audit.ts'
import type {
  Credentials,
  DevIssuer,
  KeyServer,
  KeysFetched,
  KeySourceSpec,
  OpenAuthenticator,
  TestAuthenticator,
} from './auth.ts'
import type { RoleFacts, SchemaFacts, ScratchDatabase } from './database.ts'
import type { EvidenceTexts, OpenedEvidence } from './evidence.ts'
import type { SearchScenes } from './fuzz.ts'
import type {
  HttpClient,
  HttpLimits,
  Route,
  HttpServer,
  HttpObserver,
  ListenAt,
  RefusalAt,
} from './http.ts'
import type { MigrationSession } from './migrations.ts'
import type { CommandLimits, CommandOutcome, RunningProgram } from './process.ts'
import type { RowSink, RowSource } from './rows.ts'
import type { SignoffKeys } from './signoff.ts'
import type {
  AuditOptions,
  LiveStore,
  OpenScratchStore,
  OpenServiceStore,
  ScratchServiceStore,
} from './store.ts'
import type { MetricReadings, ServiceLog, Telemetry } from './telemetry.ts'

/** What use cases are handed by the composition root. Each loads its part of the program when it is called. */
export interface Adapters {
  /** @throws FfError saying why the target cannot be had */
  openScratch(
    spec: TargetSpec,
    needs: {
      readonly migrations: readonly Migration[]
      readonly versions: { readonly oldest: number; readonly newest: number }
    },
  ): Promise<OpenScratchStore>
  /** The same, of a store that can be served, too. */
  openScratchServiceStore(
    spec: TargetSpec,
    needs: Pick<ServeOptions, 'migrations' | 'versions'>,
  ): Promise<ScratchServiceStore>
  /** Asks one service. @param origin `http://host:port` */
  openClient(origin: string): Promise<HttpClient>
  /** A store that somebody keeps, for the one service that writes to it. @throws FfError saying why it is not served */
  openServiceStore(spec: TargetSpec, needs: ServeOptions): Promise<OpenServiceStore>
  /** A store of a sample, which goes with the service. */
  openSampleStore(sample: RowsByTable, tools: AuditOptions): Promise<OpenServiceStore>
  /** @throws FfError `listen_failed` */
  openServer(
    routes: readonly Route[],
    options: {
      readonly at: ListenAt
      readonly limits: HttpLimits
      readonly httpObserver: HttpObserver
      readonly refusal?: RefusalAt
    },
  ): Promise<HttpServer>
  /** @param write takes a line of JSON */
  openServiceLog(write: (line: string) => void): Promise<ServiceLog>
  /** Logs and counts what a service does. */
  openTelemetry(log: ServiceLog, readings: MetricReadings): Promise<Telemetry>
  /** A store that somebody keeps, to be read alone. @throws FfError saying why the target cannot be had */
  openLiveStore(
    spec: TargetSpec,
    needs: {
      readonly migrations: readonly Migration[]
      readonly versions: { readonly oldest: number; readonly newest: number }
      readonly copied: (() => Promise<RowsByTable>) | null
    },
  ): Promise<LiveStore>
  /** Credentials for the cells, signed as they run with the keys of the fixtures; to be closed. */
  cellCredentials(
    root: string,
    settings: AuthSettings,
    now: Instant,
  ): Promise<{ readonly byMode: Credentials; close(): Promise<void> }>
  /** A door with a real key server on loopback that goes through the script; null is a service without keys. */
  openScriptedAuthenticator(
    script: KeyServerScript | null,
    settings: AuthSettings,
  ): Promise<OpenAuthenticator>
  readonly searchScenes: SearchScenes
  /** A door over real keys; to be closed. */
  openAuthenticator(keys: KeySourceSpec, settings: AuthSettings): Promise<OpenAuthenticator>
  /** @param algorithms the allow-list that the keys are held to */
  fetchKeys(url: URL, contract: AuthContract, algorithms: readonly string[]): Promise<KeysFetched>
  signoffKeys(): Promise<SignoffKeys>
  /** What signatures are checked with; signs nothing. */
  signoffCrypto(): Promise<SignoffCrypto>
  /** Signs the claims; the issuer is the server itself where they name none. */
  openDevIssuer(claims: Readonly<Record<string, unknown>>): Promise<DevIssuer>
  /** The rows of a live store, read only. @throws FfError `target_invalid` for a target that holds none */
  openRows(spec: TargetSpec, needs: RowReadOptions): Promise<RowSource>
  /** The audit trail of a live store, read only. @throws FfError `target_invalid` for a target that has none */
  openTrail(spec: TargetSpec, versions: MigrationOptions['versions']): Promise<AuditTrail>
  /** Who signs heads with a key file. @throws FfError `runner_key_invalid` */
  auditSigner(path: string): Promise<AuditSigner>
  /** The file of a signed head. @throws FfError `signature_not_accepted` */
  signHead(head: SignedHead, signer: AuditSigner): Promise<string>
  readHead(text: string, fits: (value: unknown) => boolean): Promise<AuditHeadRead>
  /** An exclusive lock on a file; null while somebody else has it. */
  tryLock(path: string): Promise<{ close(): Promise<void> } | null>
  /** Lends what rows are merged with. @throws FfError `target_invalid`, `import_locked` while another import is at work */
  withRowSink<T>(
    spec: TargetSpec,
    needs: RowReadOptions,
    use: (sink: RowSink) => Promise<T>,
  ): Promise<T>
  /** Makes a file store, whole or not at all. @returns the digest of its snapshot @throws FfError `option_invalid` where one is there */
  writeNewStore(
    folder: string,
    about: Pick<RowSource, 'epoch' | 'head' | 'counts'>,
    batches: AsyncIterable<Buffer>,
  ): Promise<string>
  /** A database of a private server, empty; both are gone afterwards. */
  withPrivateDatabase<T>(use: (spec: TargetSpec) => Promise<T>): Promise<T>
  /** A database made for the purpose on a server of this machine, or of a private one; it is gone afterwards. */
  withScratchDatabase<T>(
    spec: TargetSpec,
    versions: MigrationOptions['versions'],
    use: (scratch: ScratchDatabase) => Promise<T>,
  ): Promise<T>
  /** A folder of this process alone; it is gone afterwards. */
  withScratchFolder<T>(use: (folder: string) => Promise<T>): Promise<T>
  /** Whether what the schema promises is kept, as a session sees it that cannot write. */
  inspectSchema(spec: TargetSpec, versions: MigrationOptions['versions']): Promise<SchemaFacts>
  /** What the role of a connection string may do, as a session sees it that cannot write. */
  inspectRole(spec: TargetSpec, versions: MigrationOptions['versions']): Promise<RoleFacts>
  /** SHA-256 of every source that was imported whole, as the audit trail of a database has it. */
  importedDigests(
    spec: TargetSpec,
    versions: MigrationOptions['versions'],
  ): Promise<readonly string[]>
  /** @throws FfError `evidence_locked`, `evidence_unreadable` */
  readEvidence(folder: string): Promise<EvidenceTexts>
  judgeEvidence(texts: EvidenceTexts, fits: (line: unknown) => boolean): Promise<EvidenceLog>
  /** Makes a key that signs evidence. Never replaces one. */
  makeRunner(path: string): Promise<{ readonly kid: string; readonly jwk: PublicJwk }>
  /**
   * Opens the log of a folder to add to it. The runner's key is read from its file, or made there where `make` says so.
   * @throws FfError `evidence_locked`, `evidence_untrusted`, `runner_key_invalid`
   */
  openEvidence(
    folder: string,
    needs: {
      readonly fits: (line: unknown) => boolean
      readonly key: { readonly path: string; readonly make: boolean }
    },
  ): Promise<OpenedEvidence>
  /** `system_identifier/oid/schema` of a database (page 9). @throws FfError saying why it cannot be asked */
  identifyDatabase(spec: TargetSpec, versions: MigrationOptions['versions']): Promise<string>
  /** A key server on loopback that its holder commands. */
  openKeyServer(stage: KeyServerStage): Promise<KeyServer>
  /** A door with such a server behind it; only time is played. */
  readonly openTestAuthenticator: (
    stage: KeyServerStage,
    settings: AuthSettings,
  ) => Promise<TestAuthenticator>
  /** Whoever answers for approvals; to be closed. */
  openApprovals(plan: ApprovalsPlan): Promise<ApprovalService>
  /** An Admin on loopback that holds these, and does as its holder says. */
  openAdminServer(approvals: readonly Approval[]): Promise<AdminServer>
  /** Runs a program without a shell; whatever it does is an outcome. */
  runCommand(argv: readonly string[], limits: CommandLimits): Promise<CommandOutcome>
  /** This very program in a process of its own, with no environment but the given one and the path. */
  startFf(args: readonly string[], limits: CommandLimits): Promise<RunningProgram>
  /** The commit of a folder, and a digest of what is changed in it; null where nothing can be told. */
  codeVersion(folder: string): Promise<string | null>
  /** @throws FfError saying why the database cannot be migrated, `migration_locked` where somebody else is at it */
  withMigrationSession<T>(
    spec: TargetSpec,
    needs: MigrationOptions,
    use: (session: MigrationSession) => Promise<T>,
  ): Promise<T>
}

/** What a store is opened with to be served. */
export interface ServeOptions extends Pick<MigrationOptions, 'versions'> {
  readonly migrations: readonly Migration[]
  readonly tools: AuditOptions
}

/** What reading the rows of a database rests on. */
export type RowReadOptions = Pick<MigrationOptions, 'versions' | 'contract'>

export interface MigrationOptions {
  readonly versions: { readonly oldest: number; readonly newest: number }
  readonly contract: SchemaContract
  readonly roles: readonly string[]
  readonly locked: boolean
}
