import type { TargetSpec } from '../core/parity/target.ts'
import type { FlagStore } from './store.ts'

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
