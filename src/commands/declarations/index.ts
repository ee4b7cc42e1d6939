import {
  DATABASE,
  declareCommand,
  PARITY_DIFF,
  PARITY_EXHAUSTIVE,
  PARITY_FUZZ,
  PARITY_REPLAY,
  PARITY_RUN,
  REPORT,
  SIDES,
  STEPS,
  STEPS_UP,
} from './options.ts'
import { CUTOVER_COMMANDS } from './cutover.ts'
import { KEEP_EVIDENCE } from './evidence.ts'
import { DECIDE, SIGN } from './gate.ts'
import { MAINTAIN } from './maintain.ts'
import { MAPPING } from './mapping.ts'
import { IMPORT } from './mapping-options.ts'
import { OBSERVE } from './observe.ts'
import { PLAN } from './plan.ts'
import { REHEARSING } from './rehearse.ts'
import { REQUESTS } from './requests.ts'
import type { CommandGroup } from './row.ts'
import { SERVING } from './serve-options.ts'

/** The HTTP service. */
const SERVE: readonly CommandGroup[] = [
  {
    noun: null,
    what: '',
    job: 'Serve:',
    commands: [
      declareCommand({
        name: 'serve',
        what: 'answer evaluations and changes over HTTP, until SIGTERM',
        options: SERVING,
        examples: ['ff serve', 'ff serve --listen 127.0.0.1:8421 --harness'],
        load: async () => (await import('../serve.ts')).runServe,
      }),
    ],
  },
  {
    noun: 'store',
    what: 'create a store for the service',
    job: 'Serve:',
    commands: [
      declareCommand({
        name: 'init',
        what: 'create an empty file store; never overwrites one',
        arguments: '<folder>',
        options: [],
        examples: ['ff store init flags', 'ff store init /tmp/flags'],
        load: async () => (await import('../store.ts')).runStoreInit,
      }),
    ],
  },
]

/** The proofs: two backings decide alike, and the authenticator admits the right callers. */
const PROVE: readonly CommandGroup[] = [
  {
    noun: 'parity',
    what: 'prove that two backings decide alike',
    job: 'Prove:',
    commands: [
      declareCommand({
        name: 'run',
        what: 'compare the answers of both sides on the 17 vectors',
        options: PARITY_RUN,
        examples: ['ff parity run', 'ff parity run --candidate embedded --format junit'],
        load: async () => (await import('../parity.ts')).runParityRun,
      }),
      declareCommand({
        name: 'exhaustive',
        what: 'compare all 360 cells, at every boundary, and 92 situations with the oracle',
        options: PARITY_EXHAUSTIVE,
        examples: ['ff parity exhaustive', 'ff parity exhaustive --cell verified/user/SP-2/valid'],
        load: async () => (await import('../parity.ts')).runParityExhaustive,
      }),
      declareCommand({
        name: 'fuzz',
        what: 'compare both sides on random rows, questions and writes; shrink a difference',
        options: PARITY_FUZZ,
        examples: ['ff parity fuzz --runs 1000', 'ff parity fuzz --seed 7 --runs 20'],
        load: async () => (await import('../fuzz.ts')).runParityFuzz,
      }),
      declareCommand({
        name: 'replay',
        what: 'replay recorded requests on two live stores or two services, read only',
        arguments: '<file>',
        options: PARITY_REPLAY,
        examples: [
          'ff parity replay requests.ndjson --baseline https://flags.example --candidate http://127.0.0.1:8420',
          'ff parity replay requests.ndjson --baseline file:/srv/ff --candidate env:FF_DATABASE_URL',
        ],
        load: async () => (await import('../replay.ts')).runParityReplay,
      }),
      declareCommand({
        name: 'selftest',
        what: 'plant every fault of the catalogue and check that a proof catches it',
        options: SIDES,
        examples: ['ff parity selftest', 'ff parity selftest --candidate file --format junit'],
        load: async () => (await import('../selftest.ts')).runParitySelftest,
      }),
      declareCommand({
        name: 'diff',
        what: 'compare every field of every stored row of two live stores, read only',
        options: PARITY_DIFF,
        examples: [
          'ff parity diff --baseline file:store --candidate env:FF_DATABASE_URL',
          'ff parity diff --baseline file:store --candidate embedded',
        ],
        load: async () => (await import('../rows.ts')).runParityDiff,
      }),
      declareCommand({
        name: 'preflight',
        what: 'list what an import of a JSON file would change or refuse',
        arguments: '<file>',
        options: REPORT,
        examples: [
          'ff parity preflight flags.json',
          'ff parity preflight flags.json --format json',
        ],
        load: async () => (await import('../preflight.ts')).runParityPreflight,
      }),
    ],
  },
  {
    noun: 'jwks',
    what: 'check the authenticator and its key sets',
    job: 'Prove:',
    commands: [
      declareCommand({
        name: 'check',
        what: 'check every row of the mode matrix with the token fixtures',
        options: REPORT,
        examples: ['ff jwks check', 'ff jwks check --format junit'],
        load: async () => (await import('../jwks.ts')).runJwksCheck,
      }),
      declareCommand({
        name: 'fetch',
        what: 'fetch a key set and list which of its keys can verify tokens',
        arguments: '<url>',
        options: REPORT,
        examples: [
          'ff jwks fetch https://idp.example/.well-known/jwks.json',
          'ff jwks fetch http://127.0.0.1:8080/jwks --format json',
        ],
        load: async () => (await import('../jwks.ts')).runJwksFetch,
      }),
    ],
  },
]

/** The commands that change a database or copy rows into or out of one. */
const CUT_OVER: readonly CommandGroup[] = [
  {
    noun: 'migrate',
    what: 'apply, undo and verify migrations of the schema ff',
    job: 'Cut over:',
    commands: [
      declareCommand({
        name: 'up',
        what: 'apply the pending migrations',
        options: STEPS_UP,
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

/** Its script holds the other commands. */
const COMPLETION: CommandGroup = {
  noun: null,
  what: '',
  job: 'Maintain:',
  commands: [
    declareCommand({
      name: 'completion',
      what: 'print the completion script for bash, zsh or fish',
      arguments: '<shell>',
      options: [],
      examples: ['ff completion bash > ff.bash', 'ff completion fish > ff.fish'],
      load: async () => (await import('../completion.ts')).createCompletion(COMMANDS),
    }),
  ],
}

/** Every command except `help`, in the order of the help. To add one, add its declaration and its module. */
export const COMMANDS: readonly CommandGroup[] = [
  ...PROVE,
  ...OBSERVE,
  ...DECIDE,
  PLAN,
  KEEP_EVIDENCE,
  ...SIGN,
  ...SERVE,
  MAPPING,
  REQUESTS,
  ...CUT_OVER,
  CUTOVER_COMMANDS,
  REHEARSING,
  ...MAINTAIN,
  COMPLETION,
]
