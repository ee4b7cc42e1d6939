import { randomBytes } from 'node:crypto'
import { FfError } from '../errors.ts'
import type { MigrationSession, RowSink, RowSource, Scratch } from '../ports.ts'
import type { Migration } from '../core/migrations/plan.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import { openFileRows } from './file/row-source.ts'
import { openScratchFolder } from './file/scratch-folder.ts'
import type { Database, SupportedVersions } from './postgres/connect.ts'
import { identityOf } from './postgres/database-identity.ts'
import { type EmbeddedServer, startEmbedded } from './postgres/embedded.ts'
import { type MigrationNeeds, SCHEMA, withMigrationSession } from './postgres/migration-session.ts'
import { withRowSink } from './postgres/rows/row-sink.ts'
import { openRowSource, type SourceNeeds } from './postgres/rows/row-source.ts'
import { openScratchSchema } from './postgres/scratch-schema.ts'

export interface ScratchNeeds {
  readonly migrations: readonly Migration[]
  readonly versions: SupportedVersions
}
type Opener<K extends TargetSpec['kind']> = (
  spec: Extract<TargetSpec, { kind: K }>,
  needs: ScratchNeeds,
) => Promise<Scratch>

/** How each kind of target gives the harness a store of its own. To add one: its folder, and its line here. */
const OPENERS: { readonly [K in TargetSpec['kind']]: Opener<K> } = {
  file: ({ folder }) => openScratchFolder(folder, scratchTools()),
  postgres: (spec, needs) =>
    openScratchSchema(databaseOf(spec), { ...needs, tools: scratchTools() }),
  embedded: async (_, needs) => {
    const server = await startEmbedded()
    try {
      const scratch = await openScratchSchema(server.database, { ...needs, tools: scratchTools() })
      return { ...scratch, close: () => closeBoth(scratch, server) }
    } catch (error) {
      await server.stop()
      throw error
    }
  },
}

// Nobody keeps a scratch store's audit records, so the key of their digests need not be kept either.
const scratchTools = (): { digestKey: Uint8Array; phase: string } => ({
  digestKey: randomBytes(32),
  phase: 'file',
})

async function closeBoth(scratch: Scratch, server: EmbeddedServer): Promise<void> {
  try {
    await scratch.close()
  } finally {
    await server.stop()
  }
}

/** @throws FfError saying why the target cannot be had */
export function openScratch(spec: TargetSpec, needs: ScratchNeeds): Promise<Scratch> {
  return (OPENERS[spec.kind] as Opener<TargetSpec['kind']>)(spec as never, needs)
}

/** @throws FfError `target_invalid` for a target that is made anew for each run and so holds nothing */
export async function openRows(spec: TargetSpec, needs: SourceNeeds): Promise<RowSource> {
  if (spec.kind === 'file' && spec.folder !== null) return openFileRows(spec.folder)
  if (spec.kind === 'postgres') return openRowSource(databaseOf(spec), SCHEMA, needs)
  throw new FfError('target_invalid', `A target of kind ${spec.kind} holds no rows of its own.`, {
    hint: 'Name a store: file:DIR, postgres://... or env:NAME.',
  })
}

/** @throws FfError `target_invalid` for anything but a database that somebody keeps */
export async function withSink<T>(
  spec: TargetSpec,
  { versions }: SourceNeeds,
  use: (sink: RowSink) => Promise<T>,
): Promise<T> {
  return withRowSink(keptDatabase(spec, 'can be imported into'), { schema: SCHEMA, versions }, use)
}

/** Lends a database of a private server, as a target; it goes with the server. */
export async function withPrivateDatabase<T>(use: (spec: TargetSpec) => Promise<T>): Promise<T> {
  const server = await startEmbedded()
  try {
    const { host = '', port, user = '', database = '' } = server.database.config
    const url = `postgres://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`
    return await use({ kind: 'postgres', url, name: server.database.name })
  } finally {
    await server.stop()
  }
}

/** @throws FfError `target_invalid` for anything but a database that somebody keeps */
export async function withMigrations<T>(
  spec: TargetSpec,
  needs: MigrationNeeds & { readonly locked: boolean },
  use: (session: MigrationSession) => Promise<T>,
): Promise<T> {
  return withMigrationSession(keptDatabase(spec, 'has a schema to migrate'), needs, use)
}

/** @throws FfError `target_invalid` for anything but a database that somebody keeps */
export const identifyDatabase = async (
  spec: TargetSpec,
  versions: SupportedVersions,
): Promise<string> => identityOf(keptDatabase(spec, 'has an identity'), SCHEMA, versions)

function keptDatabase(spec: TargetSpec, what: string): Database {
  if (spec.kind === 'postgres') return databaseOf(spec)
  throw new FfError('target_invalid', `No target of kind ${spec.kind} ${what}.`, {
    hint: 'Name a database: --database env:FF_DATABASE_URL or postgres://...',
  })
}

const databaseOf = ({ url, name }: Extract<TargetSpec, { kind: 'postgres' }>): Database => ({
  config: { connectionString: url },
  name,
})
