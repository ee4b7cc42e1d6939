import type { Invocation } from './context.ts'

/** Flags and what they mean; a flag that ends in `...>` takes several words, a `repeated` one several times one. */
export type OptionRow = readonly [flags: string, what: string, repeated?: 'repeated']

/** One command: what its help says, and the module that runs it, which is loaded when it is called. */
export interface CommandRow {
  readonly name: string
  readonly what: string
  readonly arguments?: string
  readonly options: readonly OptionRow[]
  /** Two that work as pasted. */
  readonly examples: readonly [string, string]
  readonly load: () => Promise<(invocation: Invocation) => Promise<void>>
}
export interface CommandGroup {
  /** The noun; null for commands that stand alone. */
  readonly noun: string | null
  readonly what: string
  /** The heading in `ff help`: the job that it serves. */
  readonly job: string
  readonly commands: readonly CommandRow[]
}

/** What every command that measures something takes. */
const REPORT = [
  ['--format <format>', 'text (the default), json, junit, sarif, github or markdown'],
  ['--output <format=path>', 'write a file as well; may be repeated', 'repeated'],
  ['--timeout <seconds>', 'end the run after this long, with exit 124'],
] as const
const GATE = [
  ...REPORT,
  ['--checklist <file>', "default: the folder's own, else the package's"],
  ['--evidence <dir>', 'where the evidence is; default .ff/evidence'],
] as const
const DOCUMENT = [
  ['--format <format>', 'what stdout carries: text (the default) or json'],
  ['--checklist <file>', "default: the folder's own, else the package's"],
] as const
const SIDES = [
  ...REPORT,
  ['--baseline <target>', 'default: file:$FF_STORE_DIR, else a temporary folder'],
  ['--candidate <target>', 'default: env:FF_DATABASE_URL if set, else embedded'],
] as const
const DATABASE = [...REPORT, ['--database <target>', 'default: env:FF_DATABASE_URL']] as const
const STEPS = [
  ...DATABASE,
  ['--to <version>', 'the version to come to'],
  ['--dry-run', 'print the SQL, change nothing'],
] as const

/** Every command but `help`, in the order in which help lists them. To add one: its row, and its module. */
export const COMMANDS: readonly CommandGroup[] = [
  {
    noun: 'parity',
    what: 'prove that two backings decide alike',
    job: 'Prove:',
    commands: [
      {
        name: 'run',
        what: 'the 17 vectors on both sides',
        options: [
          ...SIDES,
          ['--vectors <file...>', 'further matrices of the same schema'],
          ['--vector <id>', 'this one alone; such a run never ends 0'],
        ],
        examples: ['ff parity run', 'ff parity run --candidate embedded --format junit'],
        load: async () => (await import('./parity.ts')).run,
      },
      {
        name: 'exhaustive',
        what: 'all 360 cells at every boundary, against the oracle',
        options: [
          ...SIDES,
          ['--cell <id>', 'this one alone, as MODE/SCOPE/PATH/TTL; never ends 0'],
        ],
        examples: ['ff parity exhaustive', 'ff parity exhaustive --cell verified/user/SP-2/valid'],
        load: async () => (await import('./parity.ts')).exhaustive,
      },
      {
        name: 'fuzz',
        what: 'rows, approvals and questions at random; a difference is made small',
        options: [
          ...SIDES,
          ['--runs <n>', 'how many scenes; default 300'],
          ['--seed <n>', 'the same seed makes the same scenes'],
          ['--time <seconds>', 'stop looking after this long'],
        ],
        examples: ['ff parity fuzz --runs 1000', 'ff parity fuzz --seed 7 --candidate file'],
        load: async () => (await import('./fuzz.ts')).fuzz,
      },
      {
        name: 'selftest',
        what: 'plant every fault of the catalogue, and see that it is caught',
        options: SIDES,
        examples: ['ff parity selftest', 'ff parity selftest --candidate file --format junit'],
        load: async () => (await import('./selftest.ts')).selftest,
      },
      {
        name: 'diff',
        what: 'every field of every stored row of two live stores, read only',
        options: [
          ...SIDES,
          ['--max-diffs <n>', 'stop after so many rows that differ; default 1000'],
        ],
        examples: [
          'ff parity diff --baseline file:store --candidate env:FF_DATABASE_URL',
          'ff parity diff --baseline file:store --candidate embedded',
        ],
        load: async () => (await import('./rows.ts')).diff,
      },
      {
        name: 'preflight',
        what: 'what an import of a JSON file would change or refuse',
        arguments: '<file>',
        options: REPORT,
        examples: [
          'ff parity preflight flags.json',
          'ff parity preflight flags.json --format json',
        ],
        load: async () => (await import('./preflight.ts')).examine,
      },
    ],
  },
  {
    noun: 'jwks',
    what: 'who is let in, and by whose keys',
    job: 'Prove:',
    commands: [
      {
        name: 'check',
        what: 'every row of the mode matrix, against the fixtures',
        options: REPORT,
        examples: ['ff jwks check', 'ff jwks check --format junit'],
        load: async () => (await import('./jwks.ts')).check,
      },
      {
        name: 'fetch',
        what: 'what a key server serves, and which of its keys verify',
        arguments: '<url>',
        options: REPORT,
        examples: [
          'ff jwks fetch https://idp.example/.well-known/jwks.json',
          'ff jwks fetch http://127.0.0.1:8080/jwks --format json',
        ],
        load: async () => (await import('./jwks.ts')).fetch,
      },
    ],
  },
  {
    noun: 'checklist',
    what: 'the 42 items that have to hold before the cutover',
    job: 'Gate:',
    commands: [
      {
        name: 'validate',
        what: 'hold a checklist to its schema, and to what it may not loosen',
        arguments: '[file]',
        options: REPORT,
        examples: ['ff checklist validate', 'ff checklist validate --format json'],
        load: async () => (await import('./checklist.ts')).validate,
      },
      {
        name: 'show',
        what: 'all items by group',
        options: DOCUMENT,
        examples: ['ff checklist show', 'ff checklist show --format json'],
        load: async () => (await import('./checklist.ts')).show,
      },
      {
        name: 'explain',
        what: 'one item: why, what is required, and what to do when it fails',
        arguments: '<id>',
        options: DOCUMENT,
        examples: ['ff checklist explain A1', 'ff checklist explain H3 --format json'],
        load: async () => (await import('./checklist.ts')).explain,
      },
    ],
  },
  {
    noun: 'token',
    what: 'one token: whether it is verified, and why not',
    job: 'Look after:',
    commands: [
      {
        name: 'verify',
        what: 'a token, or lines of {id, token, jwks, algs}, on standard input',
        options: [
          ...REPORT,
          ['--signature-only', 'stop before the claims'],
          ['--now <time>', 'judge the claims as of then: 2026-01-15T09:00:00.000Z'],
          ['--explain', 'show each check in turn'],
        ],
        examples: ['ff token verify --explain < token.txt', 'ff token verify < tokens.ndjson'],
        load: async () => (await import('./token.ts')).verify,
      },
      {
        name: 'mint',
        what: 'a token for a developer, its key served until Ctrl-C; FF_ENV=dev alone',
        options: [
          ['--dev', 'there is no other kind'],
          ['--user <id>', 'its sub; default dev-user'],
          ['--tenant <id>', 'its tid; default dev-tenant'],
          ['--scopes <list>', 'with commas; default none'],
        ],
        examples: [
          'FF_ENV=dev ff token mint --dev',
          'FF_ENV=dev ff token mint --dev --user U1001 --scopes ff:registry:read',
        ],
        load: async () => (await import('./token.ts')).mint,
      },
    ],
  },
  {
    noun: 'migrate',
    what: 'bring the schema ff to the contract',
    job: 'Cut over:',
    commands: [
      {
        name: 'up',
        what: 'apply what is pending',
        options: STEPS,
        examples: ['ff migrate up --dry-run', 'ff migrate up'],
        load: async () => (await import('./migrate.ts')).up,
      },
      {
        name: 'down',
        what: 'take back one migration, or down to --to',
        options: STEPS,
        examples: ['ff migrate down --dry-run', 'ff migrate down --to 0'],
        load: async () => (await import('./migrate.ts')).down,
      },
      {
        name: 'status',
        what: 'what is applied, what is pending',
        options: DATABASE,
        examples: ['ff migrate status', 'ff migrate status --format json'],
        load: async () => (await import('./migrate.ts')).status,
      },
      {
        name: 'verify',
        what: 'the live catalogue against persistence_schema.json',
        options: DATABASE,
        examples: ['ff migrate verify', 'ff migrate verify --format junit'],
        load: async () => (await import('./migrate.ts')).verify,
      },
      {
        name: 'new',
        what: 'begin a migration file',
        arguments: '<name>',
        options: [],
        examples: ['ff migrate new phase_record', 'ff migrate new override_index'],
        load: async () => (await import('./migrate.ts')).begin,
      },
    ],
  },
  {
    noun: null,
    what: '',
    job: 'Cut over:',
    commands: [
      {
        name: 'import',
        what: 'every row of a file store into the database; newer rows stay',
        arguments: '<store>',
        options: [...DATABASE, ['--dry-run', 'judge every row, write none']],
        examples: ['ff import store --dry-run', 'ff import store'],
        load: async () => (await import('./rows.ts')).importFrom,
      },
      {
        name: 'export',
        what: 'every row of the database as a file store in a new folder',
        arguments: '<folder>',
        options: DATABASE,
        examples: ['ff export store-again', 'ff export store-again --format json'],
        load: async () => (await import('./rows.ts')).exportTo,
      },
    ],
  },
  {
    noun: 'artefacts',
    what: 'the JSON artefacts that decisions rest on',
    job: 'Look after:',
    commands: [
      {
        name: 'validate',
        what: 'hold artefacts to their schemas and rules',
        arguments: '[files...]',
        options: REPORT,
        examples: ['ff artefacts validate', 'ff artefacts validate --format json'],
        load: async () => (await import('./artefacts.ts')).validate,
      },
    ],
  },
  {
    noun: null,
    what: '',
    job: 'Gate:',
    commands: [
      {
        name: 'gate',
        what: 'go or no-go, from the checklist, the evidence and the signatures',
        options: GATE,
        examples: ['ff gate', 'ff gate --format json --output junit=gate.xml'],
        load: async () => (await import('./gate.ts')).judge,
      },
      {
        name: 'report',
        what: 'the same verdict and exit, to hand on; markdown where no format is named',
        options: GATE,
        examples: ['ff report', 'ff report --format sarif'],
        load: async () => (await import('./gate.ts')).report,
      },
    ],
  },
  {
    noun: null,
    what: '',
    job: 'Look after:',
    commands: [
      {
        name: 'doctor',
        what: 'whether a run could work on this machine',
        options: REPORT,
        examples: ['ff doctor', 'ff doctor --format json'],
        load: async () => (await import('./doctor.ts')).doctor,
      },
    ],
  },
]
