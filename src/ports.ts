import type { Claims } from './core/auth/claims.ts'
import type { KeyServerStage } from './core/auth/contract.ts'
import type { DoorRules } from './core/auth/door.ts'
import type { Condition } from './core/auth/modes.ts'
import type { Authentication, Environment } from './core/auth/types.ts'
import type { ApprovalAnswer, ApprovalQuestion, BackingState } from './core/evaluate/types.ts'
import type { EvidenceDraft, EvidenceEntry } from './core/gate/types.ts'
import type { Catalogue } from './core/migrations/catalogue.ts'
import type { AppliedMigration, Migration } from './core/migrations/plan.ts'
import type { JwsSignature, KeyFile, PublicJwk, SignoffCrypto } from './core/signoff/types.ts'
import type { Scene } from './core/parity/scene.ts'
import type { Problem } from './core/problem.ts'
import type { AuditEvent, AuditHead } from './core/audit/record.ts'
import type { Instant } from './core/state/instant.ts'
import type { TargetSpec } from './core/parity/target.ts'
import type { AnyRow, RowKey, RowSet, State, Table } from './core/state/rows.ts'
import type { WriteRequest } from './core/state/write-request.ts'

export type * from './ports/http.ts'
export type * from './ports/audit.ts'
export type * from './ports/service.ts'

/** Which rows one evaluation needs; a layer whose id is null is not read. */
export interface RowQuery {
  readonly flag_key: string
  readonly tenant_id: string | null
  readonly user_id: string | null
}

/** Rows to decide by: all that a question needs of a store. */
export interface FlagReader {
  readonly kind: BackingState
  /**
   * One consistent snapshot of the rows, as they are now.
   * @throws FfError `backing_unavailable` or `store_corrupt` where the store cannot be read
   */
  read(query: RowQuery): Promise<RowSet>
}
/** Where flags and overrides live: a file or PostgreSQL. Faults, cache and dual write wrap this. */
export interface FlagStore extends FlagReader {
  /**
   * Applies one change with its audit record, both or neither; durable when the promise resolves.
   * @throws FfError as `read`, and `lock_timeout` or `disk_full`; then nothing was acknowledged
   */
  write(request: WriteRequest): Promise<WriteResult>
  /** The end of the audit chain. */
  auditHead(): Promise<AuditHead>
  close(): Promise<void>
}
export type WriteResult =
  | { readonly ok: true; readonly row: AnyRow; readonly head: AuditHead }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** A store of the harness's own, which a vector's rows can be put into. Never somebody's live store. */
export interface ScratchStore extends FlagStore {
  /** Replaces all rows, exactly as given, revisions and times included; no audit record is written. */
  load(state: State): Promise<void>
}

/** What a scratch store was made on. */
export interface SideFacts {
  /** As it may be shown: no password, no path, no schema name. */
  readonly target: string
  readonly backing: BackingState
  /** Server version of a database, null for a file. */
  readonly server: string | null
}
export interface Scratch {
  readonly facts: SideFacts
  readonly store: ScratchStore
  close(): Promise<void>
}

/** Somebody's live store, which is read and never written. */
export interface Live {
  readonly facts: SideFacts
  /** Which store this is, by whatever name it was reached; shown to nobody. */
  readonly identity: string
  readonly store: FlagReader
  /** Every row. @throws FfError `row_refused` where one does not fit its schema */
  state(): Promise<State>
  close(): Promise<void>
}

/** Asks whether an approval covers a flag, tenant and user: `sensitive.check.2b` (page 5). Never throws. */
export type ApprovalCheck = (question: ApprovalQuestion) => Promise<ApprovalAnswer>

/** Verifies one token (page 2). A token it cannot vouch for is a refusal, never an exception. */
export interface TokenVerifier {
  verify(token: string, at: TokenTime): Promise<Authentication>
  /** The same, with the ground. */
  explain(token: string, at: TokenTime): Promise<Explained>
  /** The checks up to the signature, whatever the payload is: `verified`, or the first that does not hold. */
  signature(token: string): Promise<Condition>
}
export interface TokenTime {
  readonly now: Instant
  readonly environment: Environment
}
export interface Explained {
  readonly authentication: Authentication
  /** Rows of the mode matrix; several where each adds a warning. */
  readonly conditions: readonly Condition[]
  /** Null where the checks ended before them. Nothing here says that they are true. */
  readonly claims: Claims | null
}

/** Where a door has its keys from: an endpoint, a set that was given, or nowhere. */
export type KeysFrom =
  { readonly url: URL } | { readonly keys: readonly Readonly<Record<string, unknown>>[] } | null

/** What a key server served. */
export interface ServedKeys {
  readonly keys: readonly ServedKey[]
  /** Only those that say how long an answer may be kept. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly cache_s: number
}
export interface ServedKey {
  readonly kid: string | null
  /** Type, curve or size, algorithm and use, as the key says. */
  readonly words: readonly string[]
  /** Why it verifies nothing; null where it does. */
  readonly fault: string | null
}
export type KeysFetched =
  | { readonly ok: true; readonly served: ServedKeys }
  | { readonly ok: false; readonly kind: 'unreachable' | 'misconfigured'; readonly detail: string }

/** A key of this moment's making, its key server on loopback, and a token that it signed. */
export interface DevIssuer {
  readonly origin: string
  readonly jwks_url: string
  readonly token: string
  close(): Promise<void>
}

/** What a caller meets first: the rules for those without a token, and the verifier for those with one. */
export interface Door {
  readonly rules: DoorRules
  readonly verifier: TokenVerifier
  readonly metrics: () => DoorMetrics
}
/** Looks for a scene that fails, by making scenes at random. @param fails rejects where a side was lost */
export type SceneSearch = (
  fails: (scene: Scene) => Promise<boolean>,
  options: {
    readonly runs: number
    readonly seed: number
    /** The search ends after this long, with what it has; null for all runs. */
    readonly timeMs: number | null
    readonly stopped: () => boolean
  },
) => Promise<{
  /** How many scenes were tried until the first that failed, or all of them. */
  readonly played: number
  /** Null where none failed. */
  readonly smallest: Scene | null
}>

/** What a door counted since it was made (page 2): for whoever serves it, to show. */
export interface DoorMetrics {
  /** Null where there is no endpoint to fetch from; the age is null while there is no set. */
  readonly keys: {
    readonly fetches: number
    readonly failures: number
    readonly age_ms: number | null
  } | null
  readonly tokens: { readonly hits: number; readonly misses: number; readonly entries: number }
  /** Callers who were let in by a token that nobody verified. */
  readonly decode_only: number
}
/** A door of the harness's own, with a key server behind it. */
export interface OpenDoor extends Door {
  close(): Promise<void>
}

/** A key server on this machine, which does as its holder says. */
export interface KeyServer {
  readonly url: URL
  /** How many requests it has met. */
  requests(): number
  /** From now on. */
  become(stage: KeyServerStage): Promise<void>
  close(): Promise<void>
}
/** A door with such a server behind it, in a time that its holder makes pass. */
export interface StagedDoor extends OpenDoor {
  readonly server: KeyServer
  pass(seconds: number): Promise<void>
}

/** An evidence log that is open for writing; nobody else writes there until it is closed. */
export interface EvidenceWriter {
  /** Signs a record, puts it at the end of the log, and resolves when it is on disk. One at a time. */
  append(draft: EvidenceDraft): Promise<EvidenceEntry>
  close(): Promise<void>
}

/** A log that is open for writing, and who signs what is put there. */
export interface OpenedEvidence {
  readonly writer: EvidenceWriter
  readonly runner: {
    /** RFC 7638 thumbprint, by which a trust file names it. */
    readonly kid: string
    /** Whether there was no key before: then nobody names it yet. */
    readonly made: boolean
  }
}

/** What became of a program that was started without a shell. */
export type CommandOutcome =
  | { readonly kind: 'exited'; readonly status: number; readonly last_line: string }
  | { readonly kind: 'unanswered'; readonly detail: string }

/** Within what a program runs. */
export interface CommandLimits {
  readonly cwd: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
}
/** A program that runs beside this one until it is ended; gone with this process, too. */
export interface RunningProgram {
  /** What the first group of the pattern finds in what it said last; or its last words, where it ended without. */
  says(
    pattern: RegExp,
  ): Promise<
    | { readonly ok: true; readonly text: string }
    | { readonly ok: false; readonly last_line: string }
  >
  /** Ends it where it stands (SIGKILL). Resolves when it is gone. */
  kill(): Promise<void>
}
/** The evidence of a folder as it is; null where it is not there. */
export interface EvidenceTexts {
  readonly log: string | null
  readonly head: string | null
}

/** What a backing needs to write audit records. */
export interface AuditTools {
  /** Key of the digests that stand for sensitive values, at least 32 bytes. */
  readonly digestKey: Uint8Array
  /** Cutover phase that goes into each record (page 7). */
  readonly phase: string
}

/** One connection to a database whose schema is migrated. */
export interface MigrationSession {
  /** The ledger, oldest first. */
  applied(): Promise<readonly AppliedMigration[]>
  /** Makes roles, schema and ledger; returns the SQL of what this role was not allowed to make. */
  prepare(): Promise<readonly string[]>
  /** @throws FfError `lock_timeout`, `rows_would_be_lost`, or what the server said */
  apply(migration: Migration, direction: 'up' | 'down'): Promise<void>
  /** Grants what the contract grants, to the roles that exist. */
  grant(): Promise<void>
  /** What is there, and which of the contract's roles. */
  catalogue(): Promise<{ readonly found: Catalogue; readonly roles: ReadonlySet<string> }>
}

/** Lines of rows, each `{"row":...,"table":"..."}` and a newline as a snapshot has them (page 9), all of one table. */
export interface RowBatch {
  readonly table: Table
  readonly bytes: Buffer
  /** Offsets of the lines that nobody has held to page 1 yet; null where none was looked at. */
  readonly unsure: readonly number[] | null
}
/** What is wrong with a source as a whole, rather than with a row. */
export interface SourceFault {
  readonly code: 'column_unknown' | 'column_missing' | 'digest_wrong' | 'count_wrong'
  readonly detail: string
}
/** All stored rows of a side as they are, in one consistent snapshot: read only, and without the writer's lock. */
export interface RowSource {
  readonly facts: SideFacts
  /** Which store this is, by whatever name it was reached; shown to nobody. */
  readonly identity: string
  /** How many rows it says that it holds; of a file that is being written to, at least about so many. */
  readonly counts: Readonly<Record<Table, number>>
  /** The end of its audit chain, and its epoch (page 9). */
  readonly head: AuditHead
  readonly epoch: number
  /**
   * Every row by table, scope id and flag key, in bytes; once.
   * @throws FfError `store_corrupt`, `backing_unavailable` and the like: what was said until then is worth nothing
   */
  lines(): AsyncIterable<RowBatch>
  /** Known when the lines are through. */
  faults(): readonly SourceFault[]
  /** The lines, without their newline, that stand under these keys by now, outside the snapshot. */
  lookup(table: Table, keys: readonly RowKey[]): Promise<readonly string[]>
  close(): Promise<void>
}

/** One row on its way into a database: a text for each column in the order of the DDL, null where it has none. */
export type ColumnTexts = readonly (string | null)[]
/** Where rows are merged into. One at a time holds the lock. */
export interface RowSink {
  /**
   * Writes rows that are new, and those whose revision is past what is there, in one transaction; a newer
   * row is never overwritten, whoever wrote it meanwhile.
   *
   * @throws FfError `row_refused` where the database takes a row not; then nothing of this call is written
   */
  merge(
    table: Table,
    rows: readonly ColumnTexts[],
  ): Promise<{ readonly inserted: number; readonly updated: number }>
  /** Writes a boundary record at the end of the audit chain, unless one of this target is there. */
  record(event: BoundaryEvent): Promise<void>
}
/** What a boundary record says of what crossed it (page 5). */
export type BoundaryEvent = Pick<AuditEvent, 'target' | 'after' | 'request_id'>
/** Signs bytes with the key of one person. */
export type ByteSigner = (bytes: Uint8Array) => Promise<Uint8Array>

/** Somebody who is there to be asked. */
export interface Terminal {
  readonly show: (text: string) => void
  /** @throws FfError `interrupted` where it is not answered */
  readonly ask: (question: string) => Promise<string>
  /** The same, of what nobody may see being typed. */
  readonly secret: (question: string) => Promise<string>
}

/** People's keys: at rest, and at work. */
export interface SignoffKeys {
  readonly crypto: SignoffCrypto
  readonly make: (
    owner: { readonly person: string; readonly name: string },
    passphrase: string,
  ) => Promise<KeyFile>
  /** @throws FfError `file_exists`: a key is never overwritten */
  readonly write: (path: string, file: KeyFile) => Promise<void>
  /** @throws FfError `key_file_missing`, `key_file_unreadable`, `key_file_loose` where others may read it */
  readonly read: (path: string) => Promise<string>
  /** @throws FfError `passphrase_wrong` */
  readonly unseal: (file: KeyFile, passphrase: string) => Promise<ByteSigner>
  /** A program that signs; it throws FfError `signer_failed` where it does not. */
  readonly byCommand: (line: string) => ByteSigner
  /** Whether a second implementation takes the signature too. */
  readonly accepts: (jwk: PublicJwk, payload: string, signature: JwsSignature) => Promise<boolean>
}

/** A database that is made for a measurement and dropped after it, so that anything may be done to it. */
export interface ScratchDatabase {
  readonly target: TargetSpec
  /** Version of its server, such as `15.18`. */
  readonly server: string
  /** How PostgreSQL's own programs reach it. */
  readonly environment: Readonly<Record<string, string>>
  run(sql: string): Promise<void>
  /** The service's store on its schema `ff`. */
  openStore(): FlagStore
  watchLocks(): Promise<LockWatch>
  /** A digest of the rows of each table of its schema `ff`, and of the schema itself under `schema`. */
  fingerprint(): Promise<ReadonlyMap<string, string>>
  /** Which file holds the rows of each table, by name and oid: another one where they were all written anew. */
  files(): Promise<ReadonlyMap<string, string>>
}
export interface LockWatch {
  /** Ends the watch. @returns milliseconds that no table was kept from everybody (ACCESS EXCLUSIVE) for longer than */
  end(): Promise<number>
}

/** What of a schema may be there and yet do nothing. */
export interface SchemaFacts {
  readonly server: string
  readonly constraints: { readonly seen: number; readonly invalid: readonly string[] }
  readonly indexes: { readonly seen: number; readonly unusable: readonly string[] }
  /** Definition by `table.constraint`; `not enforced` where its triggers are off. */
  readonly foreign_keys: ReadonlyMap<string, string>
  /** Whether it fires, by `table.trigger`. */
  readonly triggers: ReadonlyMap<string, boolean>
  /** The queries of every evaluation and write, each with what it reads without an index. */
  readonly queries: readonly { readonly name: string; readonly scans: readonly string[] }[]
}
export interface RoleFacts {
  readonly server: string
  readonly role: string
  /** What the service must not be able to do, and whether the server would let it. */
  readonly forbidden: readonly { readonly what: string; readonly allowed: boolean }[]
  /** Settings of a session as the service opens them; `0` is none. */
  readonly timeouts: ReadonlyMap<string, string>
  /** Of the server, or of the role or the database where that is less. */
  readonly max_connections: number
}
