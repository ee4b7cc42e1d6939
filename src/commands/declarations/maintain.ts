import {
  declareCommand,
  AUDIT_EXPORT,
  AUDIT_TAIL,
  AUDIT_VERIFY,
  CONFIG_SHOW,
  REPORT,
  TOKEN_MINT,
  TOKEN_VERIFY,
} from './options.ts'
import type { CommandGroup } from './row.ts'

/** What keeps the rest in order. */
export const MAINTAIN: readonly CommandGroup[] = [
  {
    noun: 'token',
    what: 'one token: whether it is verified, and why not',
    job: 'Look after:',
    commands: [
      declareCommand({
        name: 'verify',
        what: 'a token, or lines of {id, token, jwks, algs}, on standard input',
        options: TOKEN_VERIFY,
        examples: ['ff token verify --explain < token.txt', 'ff token verify < tokens.ndjson'],
        load: async () => (await import('../token.ts')).runTokenVerify,
      }),
      declareCommand({
        name: 'mint',
        what: 'a token for a developer, its key served until Ctrl-C; FF_ENV=dev alone',
        options: TOKEN_MINT,
        examples: [
          'FF_ENV=dev ff token mint --dev',
          'FF_ENV=dev ff token mint --dev --user U1001 --scopes ff:registry:read',
        ],
        load: async () => (await import('../token.ts')).runTokenMint,
      }),
    ],
  },
  {
    noun: 'audit',
    what: 'the record of every change: whether it is whole, and a copy of it',
    job: 'Look after:',
    commands: [
      declareCommand({
        name: 'tail',
        what: 'the last records',
        options: AUDIT_TAIL,
        examples: [
          'ff audit tail --store file:store',
          'ff audit tail --database env:FF_DATABASE_URL --follow',
        ],
        load: async () => (await import('../audit.ts')).runAuditTail,
      }),
      declareCommand({
        name: 'verify',
        what: 'walk the hash chain; the first record that is not as it was is named',
        options: AUDIT_VERIFY,
        examples: [
          'ff audit verify --store file:store',
          'ff audit verify --export worm --runner .ff/runner.pub.json',
        ],
        load: async () => (await import('../audit.ts')).runAuditVerify,
      }),
      declareCommand({
        name: 'export',
        what: 'records as NDJSON without sink members, and a signed head; never overwritten',
        options: AUDIT_EXPORT,
        examples: [
          'ff audit export --store file:store --out worm',
          'ff audit export --out worm --key signer.pem',
        ],
        load: async () => (await import('../audit.ts')).runAuditExport,
      }),
    ],
  },
  {
    noun: 'artefacts',
    what: 'the JSON artefacts that decisions rest on',
    job: 'Look after:',
    commands: [
      declareCommand({
        name: 'validate',
        what: 'hold artefacts to their schemas and rules',
        arguments: '[files...]',
        options: REPORT,
        examples: ['ff artefacts validate', 'ff artefacts validate --format json'],
        load: async () => (await import('../artefacts.ts')).runArtefactsValidate,
      }),
    ],
  },
  {
    noun: 'config',
    what: 'the settings that a run here would have',
    job: 'Look after:',
    commands: [
      declareCommand({
        name: 'show',
        what: 'every setting and its value; of a secret only whether it is set',
        options: CONFIG_SHOW,
        examples: ['ff config show --origin', 'ff config show --format json'],
        load: async () => (await import('../config.ts')).runConfigShow,
      }),
    ],
  },
  {
    noun: null,
    what: '',
    job: 'Look after:',
    commands: [
      declareCommand({
        name: 'init',
        what: 'a folder to begin with: configuration, checklist, templates, key, CI job',
        options: [],
        examples: ['ff init', 'mkdir cutover && cd cutover && ff init'],
        load: async () => (await import('../init.ts')).runInit,
      }),
      declareCommand({
        name: 'doctor',
        what: 'whether a run could work on this machine',
        options: REPORT,
        examples: ['ff doctor', 'ff doctor --format json'],
        load: async () => (await import('../doctor.ts')).runDoctor,
      }),
    ],
  },
]
