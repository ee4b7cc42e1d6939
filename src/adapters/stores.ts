import { randomBytes } from 'node:crypto'
import { closeAfter, openAll } from '../concurrency/open-all.ts'
import { FfError } from '../errors.ts'
import { FileTrail } from './file-store/audit-trail.ts'
import { FileReader } from './file-store/file-reader.ts'
import { openFileRows } from './file-store/row-source.ts'
import type { AuditTrail } from '../ports/audit.ts'
import type { CutoverDatabase } from '../ports/cutover.ts'
import type {
  AuditOptions,
  LiveStore,
  OpenServiceStore,
  ScratchServiceStore,
} from '../ports/store.ts'
import type { MigrationSession } from '../ports/migrations.ts'
import type { RoleFacts, SchemaFacts, ScratchDatabase } from '../ports/database.ts'
import type { RowSink, RowSource } from '../ports/rows.ts'
import type { ShipStore } from '../ports/shipping.ts'
import type { RowsByTable } from '../core/rows/rows.ts'
import type { Migration } from '../core/migrations/plan.ts'
import type { ResourceUse } from '../core/observe/minute.ts'
import { type TargetSpec, withDatabaseName } from '../core/parity/target.ts'
import { FileStore } from './file-store/file-store.ts'
import { FileShipStore } from './file-store/ship-store.ts'
import { openScratchFolder, withFolder } from './file-store/scratch-folder.ts'
import { PostgresTrail } from './postgres/audit-trail.ts'
import { type CutoverDatabaseOptions, openCutoverSchema } from './postgres/cutover-database.ts'
import { listImportedDigests } from './postgres/boundary.ts'
import type { DatabaseConfig, SupportedVersions } from './postgres/connect.ts'
import { readConnectionUse } from './postgres/connection-use.ts'
import { readDatabaseIdentity } from './postgres/store-identity.ts'
import { startEmbedded } from './postgres/embedded.ts'
import { SCHEMA, type SessionOptions, withMigrationSession } from './postgres/migration-session.ts'
import { withRowSink } from './postgres/rows/row-sink.ts'
import { openRowSource, type RowSourceOptions } from './postgres/rows/row-source.ts'
import { openLiveSchema } from './postgres/live-schema.ts'
import { readRoleFacts, withoutTimeouts } from './postgres/role-facts.ts'
import { readSchemaFacts } from './postgres/schema-facts.ts'
import type { FindServer } from './postgres/read-pipe.ts'
import { openScratchDatabase, withTemporaryDatabase } from './postgres/scratch-database.ts'
import { openScratchSchema } from './postgres/scratch-schema.ts'
import { openServedSchema } from './postgres/served-schema.ts'
import { openPostgresShipStore, type PostgresShipOptions } from './postgres/ship-store.ts'

export interface ScratchStoreOptions {
  readonly migrations: readonly Migration[]
  readonly versions: SupportedVersions
}
type Opener<K extends TargetSpec['kind']> = (
  spec: Extract<TargetSpec, { kind: K }>,
  needs: ScratchStoreOptions,
) => Promise<ScratchServiceStore>

/** Opens a scratch store for each kind of target. A new kind needs an adapter folder and a line here. */
const OPENERS: { readonly [K in TargetSpec['kind']]: Opener<K> } = {
  file: ({ folder }) => openScratchFolder(folder, createScratchTools()),
  postgres: (spec, needs) =>
    openScratchSchema(toDatabaseConfig(spec), { ...needs, tools: createScratchTools() }),
  embedded: async (_, needs) => {
    const { value: scratch, close } = await openAll(async (keep) => {
      const server = await keep(startEmbedded(), (one) => one.stop())
      return keep(openScratchSchema(server.database, { ...needs, tools: createScratchTools() }))
    })
    return { ...scratch, close }
  },
  http: (spec) => Promise.reject(notAStoreError(spec)),
}

const notAStoreError = ({ origin }: Extract<TargetSpec, { kind: 'http' }>): FfError =>
  new FfError('target_invalid', `The target ${origin} is a service; this command needs a store.`, {
    hint: 'Name a store, such as file:DIR or env:FF_DATABASE_URL; `ff parity run`, `exhaustive` and `replay` take services too.',
  })

// The audit records of a scratch store are deleted with it, so the key of their digests is not kept.
const createScratchTools = (): { digestKey: Uint8Array; phase: string } => ({
  digestKey: randomBytes(32),
  phase: 'file',
})

/** What `openLive` needs besides the target. */
export interface LiveStoreOptions extends ScratchStoreOptions {
  /** Reads the rows to copy into a private server; null if there is no side to copy from. */
  readonly copied: (() => Promise<RowsByTable>) | null
}
type LiveOpener<K extends TargetSpec['kind']> = (
  spec: Extract<TargetSpec, { kind: K }>,
  needs: LiveStoreOptions,
) => Promise<LiveStore>

/** Opens the live store of each kind of target for reading. A new kind needs an adapter folder and a line here. */
const READERS: { readonly [K in TargetSpec['kind']]: LiveOpener<K> } = {
  file: async ({ folder }) => {
    if (folder === null) throw noLiveStoreError('file')
    const store = await FileReader.open(folder)
    const facts = { target: 'file', backing: 'file', server: null } as const
    const { identity } = store
    return { facts, identity, store, state: () => store.state(), close: () => Promise.resolve() }
  },
  postgres: (spec, needs) => openLiveSchema(toDatabaseConfig(spec), needs),
  embedded: async (spec, { copied, ...needs }) => {
    if (copied === null) throw noLiveStoreError('embedded')
    const { value, close } = await openAll(async (keep) => {
      const { facts, store } = await keep(OPENERS.embedded(spec, needs))
      const rows = await copied()
      await store.load(rows)
      const state = (): Promise<RowsByTable> => Promise.resolve(rows)
      return { facts, identity: 'embedded', store, state }
    })
    return { ...value, close }
  },
  http: (spec) => Promise.reject(notAStoreError(spec)),
}

const noLiveStoreError = (kind: string): FfError =>
  new FfError('target_invalid', `The baseline "${kind}" is a new, empty store.`, {
    hint: 'Name an existing store: --baseline file:DIR, postgres://HOST/DATABASE or env:FF_DATABASE_URL.',
  })

/**
 * Opens the live store of a target for reading, until `close`: a file store in memory, a database, or for `embedded` a
 * private server with a copy of the rows of `needs.copied`. Changes nothing in a store that exists.
 * @throws FfError `target_invalid` for a service, `file` without a folder, and `embedded` without `copied`; or the
 * error of the store: `target_unreachable`, `rights_missing`, `backing_unavailable`, of a folder `store_corrupt`, of a
 * database `server_version_unsupported`, `migration_unknown`, `migration_edited`, and `embedded_unavailable`
 */
export function openLive(spec: TargetSpec, needs: LiveStoreOptions): Promise<LiveStore> {
  return (READERS[spec.kind] as LiveOpener<TargetSpec['kind']>)(spec as never, needs)
}

/**
 * Opens an empty store that is deleted on `close`: in a new folder below that of the target (or the temporary one), in
 * a schema of its own, or on a private server. Its writes do not wait for the disk.
 * @throws FfError `target_invalid` for a service, `embedded_unavailable`, or the error of the store:
 * `target_unreachable`, `rights_missing`, `backing_unavailable`, `disk_full`, of a database
 * `server_version_unsupported` or `pooler_unsupported`
 */
export function openScratch(
  spec: TargetSpec,
  needs: ScratchStoreOptions,
): Promise<ScratchServiceStore> {
  return (OPENERS[spec.kind] as Opener<TargetSpec['kind']>)(spec as never, needs)
}

/**
 * Opens all rows of a store as one snapshot for reading, until `close`: of a folder, or of the schema `ff` of a
 * database.
 * @throws FfError `target_invalid` for `embedded`, `file` without a folder, and a service; or the error of the store:
 * `target_unreachable`, `rights_missing`, `backing_unavailable`, of a folder `store_corrupt`, of a database
 * `server_version_unsupported`, `migration_unknown` or `migration_edited`, and `place_refused` for a place of another
 * environment than the given one
 */
export async function openRows(spec: TargetSpec, needs: RowSourceOptions): Promise<RowSource> {
  if (spec.kind === 'file' && spec.folder !== null) return openFileRows(spec.folder)
  if (spec.kind === 'postgres') return openRowSource(toDatabaseConfig(spec), SCHEMA, needs)
  throw new FfError('target_invalid', `A target of kind ${spec.kind} has no stored rows.`, {
    hint: 'Name a store: file:DIR, postgres://HOST/DATABASE or env:FF_DATABASE_URL.',
  })
}

/**
 * Opens the audit trail of a store for reading, until `close`: of a folder, or of the schema `ff` of a database.
 * @throws FfError `target_invalid` for `embedded`, `file` without a folder, and a service; or the error of the store,
 * such as `target_unreachable`, `rights_missing`, `store_corrupt` of a folder, `server_version_unsupported`,
 * `migration_unknown` or `migration_edited` of a database
 */
export async function openTrail(spec: TargetSpec, needs: ScratchStoreOptions): Promise<AuditTrail> {
  if (spec.kind === 'file' && spec.folder !== null) return FileTrail.open(spec.folder)
  if (spec.kind === 'postgres') return PostgresTrail.open(toDatabaseConfig(spec), SCHEMA, needs)
  throw new FfError('target_invalid', `A target of kind ${spec.kind} has no audit trail.`, {
    hint: 'Name a store: --store file:DIR or --database env:FF_DATABASE_URL.',
  })
}

/**
 * Opens the audit records of a folder, or of the schema `ff` of a database, for shipping, until `close`.
 * @throws FfError `target_invalid` for any other target; the errors of `FileShipStore.open` and
 * `openPostgresShipStore`
 */
export async function openShipStore(
  spec: TargetSpec,
  needs: PostgresShipOptions,
): Promise<ShipStore> {
  if (spec.kind === 'file' && spec.folder !== null) return FileShipStore.open(spec.folder)
  return openPostgresShipStore(requireDatabase(spec, 'has audit records to ship'), needs)
}

/**
 * Opens the schema `ff` of a database as a side of a cutover, until `end`; connects at the first call of a member.
 * @throws FfError `target_invalid` unless the target is a PostgreSQL database
 */
export const openCutoverDatabase = async (
  spec: TargetSpec,
  options: CutoverDatabaseOptions,
): Promise<CutoverDatabase> =>
  openCutoverSchema(requireDatabase(spec, 'is a side of a cutover'), options)

/**
 * Connects, runs `use` with the one import sink of the schema `ff`, disconnects, and returns its result.
 * @throws FfError `target_invalid` unless the target is a PostgreSQL database, `import_locked` while another import
 * runs, `server_version_unsupported`, `migration_unknown`, `migration_edited`, `pooler_unsupported`, or another error
 * of the database, such as `target_unreachable`; the error of `use`
 */
export async function withSink<T>(
  spec: TargetSpec,
  { versions, migrations }: RowSourceOptions,
  use: (sink: RowSink) => Promise<T>,
): Promise<T> {
  return withRowSink(
    requireDatabase(spec, 'can be imported into'),
    { schema: SCHEMA, versions, migrations },
    use,
  )
}

/**
 * Runs `use` with the target of an empty database on a new private server, deletes the server, and returns the result.
 * @throws FfError `embedded_unavailable` if the server does not start, `system_refused` or `disk_full` for the
 * temporary folder, `backing_unavailable` without the command `flock`; what `use` throws
 */
export const withPrivateDatabase = <T>(use: (spec: TargetSpec) => Promise<T>): Promise<T> =>
  closeAfter(async (keep) => {
    const { url, database } = await keep(startEmbedded(), (one) => one.stop())
    return use({ kind: 'postgres', url, name: database.name })
  })

/**
 * Connects, runs `use` with a migration session on the schema `ff`, disconnects, and returns its result; with `locked`
 * it holds the migration lock and may write, otherwise it only reads.
 * @throws FfError `target_invalid` unless the target is a PostgreSQL database, `migration_locked` while another
 * session holds the lock for 10 s, `pooler_unsupported` with `locked`, `server_version_unsupported`, or another error
 * of the database, such as `target_unreachable`; the error of `use`
 */
export async function withMigrations<T>(
  spec: TargetSpec,
  needs: SessionOptions & { readonly locked: boolean },
  use: (session: MigrationSession) => Promise<T>,
): Promise<T> {
  return withMigrationSession(requireDatabase(spec, 'has a schema to migrate'), needs, use)
}

/**
 * Connects, and identifies a database as `system_identifier/oid/schema/place`, the same for every URL to it and after
 * a restart; the place is `none` where no migration has claimed one.
 * @throws FfError `target_invalid` unless the target is a PostgreSQL database, or the error of the database, such as
 * `server_version_unsupported`, `target_unreachable`, `rights_missing` or `backing_unavailable`; `place_refused` for a
 * place of another environment than the given one
 */
export const identifyDatabase = async (
  spec: TargetSpec,
  versions: SupportedVersions,
  environment?: string,
): Promise<string> =>
  readDatabaseIdentity(requireDatabase(spec, 'has an identity'), SCHEMA, { versions, environment })

/** Counts the client connections of a database server. @throws FfError `target_invalid` for a file, and as the database */
export const countConnections = async (
  spec: TargetSpec,
  versions: SupportedVersions,
): Promise<ResourceUse> => readConnectionUse(requireDatabase(spec, 'has connections'), versions)

/**
 * Runs `use` with an empty database on the target's server (for `embedded` a private one), which is dropped
 * afterwards, and returns its result. It has no schema `ff` yet. The databases of killed runs are dropped first.
 * @throws FfError `target_invalid` for a file store and for a service, `rights_missing` if the role may not create
 * databases, `server_version_unsupported`, `pooler_unsupported`, `embedded_unavailable`, or another error of the
 * database, such as `target_unreachable`; what `use` throws
 */
export async function withScratchDatabase<T>(
  spec: TargetSpec,
  versions: SupportedVersions,
  use: (scratch: ScratchDatabase) => Promise<T>,
): Promise<T> {
  if (spec.kind === 'embedded')
    return withPrivateDatabase((made) => withScratchDatabase(made, versions, use))
  if (spec.kind !== 'postgres') throw notADatabaseError(spec, 'can hold a scratch database')
  return withTemporaryDatabase(toDatabaseConfig(spec), versions, ({ name, server }) => {
    const target = withDatabaseName(spec, name)
    const tools = createScratchTools()
    return use({
      target,
      server,
      ...openScratchDatabase(toDatabaseConfig(target), { schema: SCHEMA, tools }),
    })
  })
}

/** What `openServed` needs besides the target. */
export interface ServedStoreOptions extends ScratchStoreOptions {
  readonly tools: AuditOptions
  readonly environment: string
  /** Whether a database is refused whose phase record names another authority. */
  readonly writesAlone?: boolean
  /** The name of the running server that rows have to be read from; absent where any will do. */
  readonly findServer?: FindServer
}

/**
 * Opens a store for the service that writes to it; `file` without a folder is a store that is deleted on `close`. A
 * folder stays locked until `close`, and a long log is compacted; a database is only read.
 * @throws FfError `target_invalid` for `embedded` and for a service; `store_locked` or `store_corrupt` of a folder;
 * `owner_refused`, `schema_drift`, `place_refused`, `store_empty` or `server_version_unsupported` of a database; or
 * another error of the store, such as `target_unreachable` or `rights_missing`
 */
export async function openServed(
  spec: TargetSpec,
  needs: ServedStoreOptions,
): Promise<OpenServiceStore> {
  if (spec.kind === 'postgres') return openServedSchema(toDatabaseConfig(spec), needs)
  if (spec.kind !== 'file') throw notADatabaseError(spec, 'can be served')
  if (spec.folder === null) return openScratchFolder(null, needs.tools)
  const facts = { target: 'file', backing: 'file', server: null } as const
  const store = await FileStore.open(spec.folder, needs.tools)
  return { facts, store, backlog: () => store.sinkBacklog(), close: () => store.close() }
}

/**
 * Opens a file store in a new temporary folder with the rows of a sample; its writes do not wait for the disk, and
 * `close` deletes it.
 * @throws the error of the store: FfError `system_refused`, `disk_full` or `backing_unavailable`
 */
export async function openSample(
  sample: RowsByTable,
  tools: AuditOptions,
): Promise<OpenServiceStore> {
  const { value } = await openAll(async (keep) => {
    const made = await keep(openScratchFolder(null, tools))
    await made.store.load(sample)
    return made
  })
  return value
}

/** Runs `use` with the path of a new private folder, deletes it, and returns the result, as `withFolder`. */
export const withScratchFolder = withFolder

/**
 * Connects, and reads which constraints, indexes and triggers of the schema `ff` are in force, and what its queries
 * read completely; changes nothing.
 * @throws FfError `target_invalid` unless the target is a PostgreSQL database, `target_unreachable` if the schema is
 * missing, or another error of the database, such as `server_version_unsupported` or `rights_missing`
 */
export const inspectSchema = async (
  spec: TargetSpec,
  versions: SupportedVersions,
): Promise<SchemaFacts> => readSchemaFacts(requireDatabase(spec, 'has a schema'), SCHEMA, versions)

/**
 * Connects, and reads what the session's role may do to the schema `ff`, its timeouts and its limit of connections;
 * changes nothing. With `timeouts` false the session sets no timeout on the server, as a control.
 * @throws FfError `target_invalid` unless the target is a PostgreSQL database, `rights_missing` if the role cannot
 * read flags, or another error of the database, such as `server_version_unsupported` or `target_unreachable`
 */
export const inspectRole = async (
  spec: TargetSpec,
  versions: SupportedVersions,
  { timeouts }: { readonly timeouts: boolean },
): Promise<RoleFacts> => {
  const database = requireDatabase(spec, 'has roles')
  return readRoleFacts(timeouts ? database : withoutTimeouts(database), SCHEMA, versions)
}

/**
 * Connects, and lists the digests of the sources that `ff import` has imported whole, oldest first; empty if there is
 * none.
 * @throws FfError `target_invalid` unless the target is a PostgreSQL database, or the error of the database, such as
 * `server_version_unsupported` or `target_unreachable`
 */
export const importedDigests = async (
  spec: TargetSpec,
  versions: SupportedVersions,
): Promise<readonly string[]> =>
  listImportedDigests(requireDatabase(spec, 'is imported into'), SCHEMA, versions)

function requireDatabase(spec: TargetSpec, what: string): DatabaseConfig {
  if (spec.kind === 'postgres') return toDatabaseConfig(spec)
  throw notADatabaseError(spec, what)
}

const notADatabaseError = ({ kind }: TargetSpec, what: string): FfError =>
  new FfError('target_invalid', `No target of kind ${kind} ${what}.`, {
    hint: 'Name a database: --database env:FF_DATABASE_URL or postgres://HOST/DATABASE.',
  })

const toDatabaseConfig = ({
  url,
  name,
}: Extract<TargetSpec, { kind: 'postgres' }>): DatabaseConfig => ({
  config: { connectionString: url },
  name,
})
