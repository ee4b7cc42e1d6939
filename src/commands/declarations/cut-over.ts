import { declareCommand, DATABASE, IMPORT, STEPS } from './options.ts'
import type { CommandGroup } from './row.ts'

/** What changes a database, or fills one. */
export const CUT_OVER: readonly CommandGroup[] = [
  {
    noun: 'migrate',
    what: 'bring the schema ff to the contract',
    job: 'Cut over:',
    commands: [
      declareCommand({
        name: 'up',
        what: 'apply what is pending',
        options: STEPS,
        examples: ['ff migrate up --dry-run', 'ff migrate up'],
        load: async () => (await import('../migrate.ts')).runMigrateUp,
      }),
      declareCommand({
        name: 'down',
        what: 'take back one migration, or down to --to',
        options: STEPS,
        examples: ['ff migrate down --dry-run', 'ff migrate down --to 0'],
        load: async () => (await import('../migrate.ts')).runMigrateDown,
      }),
      declareCommand({
        name: 'status',
        what: 'what is applied, what is pending',
        options: DATABASE,
        examples: ['ff migrate status', 'ff migrate status --format json'],
        load: async () => (await import('../migrate.ts')).runMigrateStatus,
      }),
      declareCommand({
        name: 'verify',
        what: 'the live catalogue against persistence_schema.json',
        options: DATABASE,
        examples: ['ff migrate verify', 'ff migrate verify --format junit'],
        load: async () => (await import('../migrate.ts')).runMigrateVerify,
      }),
      declareCommand({
        name: 'new',
        what: 'begin a migration file',
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
        what: "every row of a file store, or of a service's own file, into the database; newer rows stay",
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
        what: 'every row of the database as a file store in a new folder',
        arguments: '<folder>',
        options: DATABASE,
        examples: ['ff export store-again', 'ff export store-again --format json'],
        load: async () => (await import('../rows.ts')).runExport,
      }),
    ],
  },
]
