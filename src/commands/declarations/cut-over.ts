import { declareCommand, DATABASE, IMPORT, STEPS } from './options.ts'
import type { CommandGroup } from './row.ts'

/** The commands that change a database or copy rows into or out of one. */
export const CUT_OVER: readonly CommandGroup[] = [
  {
    noun: 'migrate',
    what: 'apply, undo and verify migrations of the schema ff',
    job: 'Cut over:',
    commands: [
      declareCommand({
        name: 'up',
        what: 'apply the pending migrations',
        options: STEPS,
        examples: ['ff migrate up --dry-run', 'ff migrate up'],
        load: async () => (await import('../migrate.ts')).runMigrateUp,
      }),
      declareCommand({
        name: 'down',
        what: 'undo the newest migration, or all after the version of --to',
        options: STEPS,
        examples: ['ff migrate down --dry-run', 'ff migrate down --to 0'],
        load: async () => (await import('../migrate.ts')).runMigrateDown,
      }),
      declareCommand({
        name: 'status',
        what: 'list the applied and the pending migrations',
        options: DATABASE,
        examples: ['ff migrate status', 'ff migrate status --format json'],
        load: async () => (await import('../migrate.ts')).runMigrateStatus,
      }),
      declareCommand({
        name: 'verify',
        what: 'compare the live catalogue with persistence_schema.json',
        options: DATABASE,
        examples: ['ff migrate verify', 'ff migrate verify --format junit'],
        load: async () => (await import('../migrate.ts')).runMigrateVerify,
      }),
      declareCommand({
        name: 'new',
        what: 'create an empty migration file and print its path',
        arguments: '<name>',
        options: [],
        examples: ['ff migrate new phase_record', 'ff migrate new override_index'],
        load: async () => (await import('../migrate.ts')).runMigrateNew,
      }),
    ],
  },
  {
    noun: null,
    what: '',
    job: 'Cut over:',
    commands: [
      declareCommand({
        name: 'import',
        what: "copy every row of a file store, or of a service's own file, into the database; keep newer rows",
        arguments: '<source>',
        options: IMPORT,
        examples: [
          'ff import store --dry-run',
          'ff import flags.json --mapping mapping.json --into file:store',
        ],
        load: async () => (await import('../rows.ts')).runImport,
      }),
      declareCommand({
        name: 'export',
        what: 'copy every row of the database into a file store in a new folder',
        arguments: '<folder>',
        options: DATABASE,
        examples: ['ff export store-again', 'ff export store-again --format json'],
        load: async () => (await import('../rows.ts')).runExport,
      }),
    ],
  },
]
