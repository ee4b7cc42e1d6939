import { type CommandGroup, REPORT, TRAIL } from './row.ts'

/** What keeps the rest in order. */
export const LOOK_AFTER: readonly CommandGroup[] = [
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
        load: async () => (await import('../token.ts')).verify,
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
        load: async () => (await import('../token.ts')).mint,
      },
    ],
  },
  {
    noun: 'audit',
    what: 'the record of every change: whether it is whole, and a copy of it',
    job: 'Look after:',
    commands: [
      {
        name: 'tail',
        what: 'the last records',
        options: [
          ...TRAIL,
          ['--lines <count>', 'how many; default 10'],
          ['--follow', 'and those that come, until Ctrl-C'],
          ['--format <format>', 'text (the default) or ndjson, without the sink members'],
        ],
        examples: [
          'ff audit tail --store file:store',
          'ff audit tail --database env:FF_DATABASE_URL --follow',
        ],
        load: async () => (await import('../audit.ts')).tail,
      },
      {
        name: 'verify',
        what: 'walk the hash chain; the first record that is not as it was is named',
        options: [
          ...REPORT,
          ...TRAIL,
          ['--head <file>', 'a signed head that was exported: nothing before it may be cut'],
          ['--export <path>', 'a folder of batches, or one of them, in place of a store'],
          ['--runner <file>', 'public key of a signer; default: the trust file', 'repeated'],
        ],
        examples: [
          'ff audit verify --store file:store',
          'ff audit verify --export worm --runner .ff/runner.pub.json',
        ],
        load: async () => (await import('../audit.ts')).verify,
      },
      {
        name: 'export',
        what: 'records as NDJSON without sink members, and a signed head; never overwritten',
        options: [
          ...REPORT,
          ...TRAIL,
          ['--out <dir>', 'where they go: for a WORM bucket'],
          ['--since <seq>', 'after which record; default: the last head in the folder'],
          ['--key <file>', 'PEM key of the signer; default: FF_RUNNER_KEY_FILE'],
          ['--signer-cmd <command>', 'a program that signs: bytes on stdin, 64 bytes on stdout'],
          ['--runner <file>', 'with --signer-cmd: the public key of that', 'repeated'],
        ],
        examples: [
          'ff audit export --store file:store --out worm',
          'ff audit export --out worm --key signer.pem',
        ],
        load: async () => (await import('../audit.ts')).exportTo,
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
        load: async () => (await import('../artefacts.ts')).validate,
      },
    ],
  },
  {
    noun: 'config',
    what: 'the settings that a run here would have',
    job: 'Look after:',
    commands: [
      {
        name: 'show',
        what: 'every setting and its value; of a secret only whether it is set',
        options: [
          ['--format <format>', 'what stdout carries: text (the default) or json'],
          ['--origin', 'and where it came from: environment, file or default'],
        ],
        examples: ['ff config show --origin', 'ff config show --format json'],
        load: async () => (await import('../config.ts')).show,
      },
    ],
  },
  {
    noun: null,
    what: '',
    job: 'Look after:',
    commands: [
      {
        name: 'init',
        what: 'a folder to begin with: configuration, checklist, templates, key, CI job',
        options: [],
        examples: ['ff init', 'mkdir cutover && cd cutover && ff init'],
        load: async () => (await import('../init.ts')).init,
      },
      {
        name: 'doctor',
        what: 'whether a run could work on this machine',
        options: REPORT,
        examples: ['ff doctor', 'ff doctor --format json'],
        load: async () => (await import('../doctor.ts')).doctor,
      },
    ],
  },
]
