import { stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { TargetSpec } from '../../core/parity/target.ts'
import { FfError } from '../../errors.ts'
import type { CommandOutcome } from '../../ports/process.ts'
import type { ScratchDatabase } from '../../ports/database.ts'
import { loadPersistence, type DdlContract } from '../migrate/load-persistence.ts'
import { type WithResource, defineProbe, type ProbeContext } from './framework/probe.ts'
import { generateTenants, withGeneratedStore } from './testbed/generated-store.ts'
import { importStore, requireStore, withMigratedDatabase } from './testbed/scratch-database.ts'

/** A store; `damage` plants the fault of the control in the dump before it is restored. */
interface Backup {
  readonly store: TargetSpec
  readonly damage: (dump: string) => Promise<void>
}
const sound: WithResource<Backup> = (context, use) =>
  use({ store: requireStore(context), damage: () => Promise.resolve() })
const cutInHalf = async (file: string): Promise<void> =>
  truncate(file, Math.floor((await stat(file)).size / 2))
const SAVED = { tenants: generateTenants(20), revision: 1 }
/** The planted fault: a dump that is cut to half its size. */
const withCutDump: WithResource<Backup> = (context, use) =>
  withGeneratedStore(context, SAVED, (store) => use({ store, damage: cutInHalf }))
/** The planted fault: a snapshot that is cut to half its size. */
const withCutSnapshot: WithResource<Backup> = (context, use) =>
  withGeneratedStore(context, SAVED, async (store) => {
    await cutInHalf(join(getFolder(store), 'snapshot.ndjson'))
    return use({ store, damage: () => Promise.resolve() })
  })
const getFolder = (store: TargetSpec): string => (store.kind === 'file' ? (store.folder ?? '') : '')

/**
 * I3: whether the named store's snapshot can be read and matches its digest, and whether a copy of it in a scratch
 * database equals its pg_dump restored by pg_restore into another one. The controls cut the dump or the snapshot of a
 * generated store to half its size.
 *
 * Inconclusive without a store or a pg_dump of the server's major version (`target_missing`), or where pg_dump fails
 * (`command_unanswered`).
 */
export const restore = defineProbe<
  Backup,
  'fingerprints_differing' | 'snapshot_digest_matches' | 'snapshot_readable'
>({
  version: 1,
  site: 'scratch',
  isolation: 'parallel',
  sound,
  faulty: {
    fingerprints_differing: withCutDump,
    snapshot_digest_matches: withCutSnapshot,
    snapshot_readable: withCutSnapshot,
  },
  measure: async ({ store, damage }, context) => {
    const snapshot = await readSnapshot(store, context)
    const measured = {
      snapshot_readable: snapshot.readable,
      snapshot_digest_matches: snapshot.matches,
    }
    const { rows, fault } = snapshot
    if (fault !== null) return { measured, met: { rows }, sample_size: rows, example: fault }
    return withMigratedDatabase(context, async (scratch, inputs) => {
      await importStore(context, inputs, { source: store, database: scratch.target })
      const { differing, compared, ...met } = await dumpAndRestore(scratch, damage, {
        context,
        inputs,
      })
      return {
        measured: { ...measured, fingerprints_differing: differing.length },
        met: { rows, server: scratch.server, compared, ...met },
        sample_size: compared,
        example:
          differing.length === 0 ? null : `${differing[0]} differs after the restore: ${met.said}`,
      }
    })
  },
})

interface SnapshotState {
  readonly rows: number
  readonly readable: boolean
  readonly matches: boolean
  readonly fault: string | null
}
/** Reads the whole store. @throws FfError where it cannot be opened for another reason than damage */
async function readSnapshot(
  store: TargetSpec,
  { adapters, root }: ProbeContext,
): Promise<SnapshotState> {
  try {
    const source = await adapters.openRows(store, await loadPersistence(root))
    try {
      for await (const batch of source.lines()) void batch
      const [fault] = source.faults()
      const rows = Object.values(source.counts).reduce((all, one) => all + one, 0)
      return { rows, readable: true, matches: fault === undefined, fault: fault?.detail ?? null }
    } finally {
      await source.close()
    }
  } catch (error) {
    if (!(error instanceof FfError) || error.code !== 'store_corrupt') throw error
    return { rows: 0, readable: false, matches: false, fault: error.message }
  }
}

interface RoundTripInput {
  readonly context: ProbeContext
  readonly inputs: DdlContract
}
interface RoundTrip {
  /** Tables, and the schema, that differ after the restore. */
  readonly differing: readonly string[]
  readonly compared: number
  readonly dump_bytes: number
  readonly pg_dump: string
  readonly said: string
}
/** Dumps a database with pg_dump, and restores it into another one with pg_restore. */
async function dumpAndRestore(
  scratch: ScratchDatabase,
  damage: Backup['damage'],
  { context, inputs }: RoundTripInput,
): Promise<RoundTrip> {
  const { adapters } = context
  const tools = await findTools(scratch.server, context)
  const before = await scratch.fingerprint()
  return adapters.withScratchFolder((folder) =>
    adapters.withScratchDatabase(scratch.target, inputs.versions, async (elsewhere) => {
      const dump = join(folder, 'ff.dump')
      const dumping = ['--format=custom', '--schema=ff', '--no-password', `--file=${dump}`]
      const dumped = await run([tools.pg_dump, ...dumping], scratch, context)
      if (dumped.kind === 'unanswered' || dumped.status !== 0)
        throw new FfError('command_unanswered', 'pg_dump did not write a backup.', {
          hint: `Run pg_dump by hand. It said: ${toWords(dumped)}`,
        })
      const dump_bytes = (await stat(dump)).size
      await damage(dump)
      const into = [
        '--exit-on-error',
        '--no-password',
        '--dbname',
        getDatabaseName(elsewhere),
        dump,
      ]
      const restored = await run([tools.pg_restore, ...into], elsewhere, context)
      const after = await elsewhere.fingerprint()
      const names = [...new Set([...before.keys(), ...after.keys()])]
      const differing = names.filter((name) => before.get(name) !== after.get(name))
      return {
        differing,
        compared: names.length,
        dump_bytes,
        pg_dump: tools.version,
        said: toWords(restored),
      }
    }),
  )
}

const getDatabaseName = ({ environment }: ScratchDatabase): string =>
  environment['PGDATABASE'] ?? ''
const toWords = (outcome: CommandOutcome): string =>
  outcome.kind === 'unanswered'
    ? outcome.detail
    : `exit status ${outcome.status}: ${outcome.last_line}`.trimEnd()

const LIMIT_MS = 600_000
const run = (
  argv: readonly string[],
  { environment }: Pick<ScratchDatabase, 'environment'>,
  { adapters, cwd, signal }: ProbeContext,
): Promise<CommandOutcome> =>
  adapters.runCommand(argv, { cwd, signal, timeoutMs: LIMIT_MS, env: environment })

/** Debian's folder of the programs of a version, then the PATH. */
const findPlaces = (major: string): readonly string[] => [`/usr/lib/postgresql/${major}/bin/`, '']

/**
 * The programs of the server's major version: an older pg_dump refuses the server, and a newer dump may not restore.
 */
async function findTools(
  server: string,
  context: ProbeContext,
): Promise<{ readonly pg_dump: string; readonly pg_restore: string; readonly version: string }> {
  const [major = ''] = server.split('.')
  for (const place of findPlaces(major)) {
    const outcome = await run([`${place}pg_dump`, '--version'], { environment: {} }, context)
    const version = outcome.kind === 'exited' ? (VERSION.exec(outcome.last_line)?.[1] ?? '') : ''
    if (version.split('.', 1)[0] === major)
      return { pg_dump: `${place}pg_dump`, pg_restore: `${place}pg_restore`, version }
  }
  throw new FfError(
    'target_missing',
    `The probe needs pg_dump of PostgreSQL ${major}, and none is installed.`,
    {
      hint: `Install postgresql-client-${major}, or use --scratch URL with a server of another version.`,
    },
  )
}
const VERSION = /^pg_dump \(PostgreSQL\) (\d+(?:\.\d+)?)/
