import type { TargetSpec } from '../core/parity/target.ts'
import type { FlagStore } from './store.ts'

/** A database that exists for one measurement; its statements may change or destroy anything in it. */
export interface ScratchDatabase {
  readonly target: TargetSpec
  /** Version of the server, such as `15.18`. */
  readonly server: string
  /** Environment variables (PGHOST and the like) with which psql or pg_dump reach it. */
  readonly environment: Readonly<Record<string, string>>
  /** Runs one or more statements. */
  run(sql: string): Promise<void>
  /** Opens the service's store on the schema `ff`. */
  openStore(): FlagStore
  /** Samples the table locks until the watch ends. */
  watchLocks(): Promise<LockWatch>
  /** Digests of the rows of each table of the schema `ff`, by table, and of the schema itself under `schema`. */
  fingerprint(): Promise<ReadonlyMap<string, string>>
  /** The data file of each table, by name and oid; a table rewrite changes it. */
  files(): Promise<ReadonlyMap<string, string>>
}

/** A private server with the programs that dump and restore its databases. */
export interface InstalledPostgres {
  readonly url: string
  /** Its major version, such as `15`. */
  readonly version: string
  close(): Promise<void>
}

/** A running watch on the ACCESS EXCLUSIVE locks of a database. */
export interface LockWatch {
  /**
   * Ends the watch.
   *
   * @returns upper bound in ms of the longest ACCESS EXCLUSIVE lock on a table
   * @throws FfError where a sample failed
   */
  end(): Promise<number>
}

/** Whether the objects of a schema are in force: each may exist and yet be invalid, disabled or unused. */
export interface SchemaFacts {
  readonly server: string
  readonly constraints: { readonly seen: number; readonly invalid: readonly string[] }
  readonly indexes: { readonly seen: number; readonly unusable: readonly string[] }
  /** Definition by `table.constraint`; `not enforced` where its triggers are disabled. */
  readonly foreign_keys: ReadonlyMap<string, string>
  /** Whether the trigger is enabled, by `table.trigger`. */
  readonly triggers: ReadonlyMap<string, boolean>
  /** The queries of evaluations and writes, each with the tables that its plan scans without an index. */
  readonly queries: readonly { readonly name: string; readonly scans: readonly string[] }[]
}

/** Rights and settings of the service's role. */
export interface RoleFacts {
  readonly server: string
  readonly role: string
  /** The actions that the service must not be able to do, and whether the server allows each. */
  readonly forbidden: readonly { readonly what: string; readonly allowed: boolean }[]
  /** Timeouts of a session as the service opens it, by setting; `0` is no timeout. */
  readonly timeouts: ReadonlyMap<string, string>
  /** The least of the connection limits of server, role and database. */
  readonly max_connections: number
}
