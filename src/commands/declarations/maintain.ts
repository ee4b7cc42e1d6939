import { CACHE_INVALIDATE, CACHE_TAIL } from './cache-options.ts'
import {
  declareCommand,
  AUDIT_EXPORT,
  AUDIT_TAIL,
  AUDIT_VERIFY,
  CONFIG_SHOW,
  DOCUMENT,
  REPORT,
  TOKEN_MINT,
  TOKEN_VERIFY,
} from './options.ts'
import type { CommandGroup } from './row.ts'
import { AUDIT_RECONCILE, AUDIT_REDRIVE, AUDIT_SHIP } from './ship-options.ts'

/** Tokens, the audit trail, artefacts, settings and setup. */
export const MAINTAIN: readonly CommandGroup[] = [
  {
    noun: 'token',
    what: 'verify a token, or mint one for development',
    job: 'Maintain:',
    commands: [
      declareCommand({
        name: 'verify',
        what: 'verify a token, or lines of {id, token, jwks, algs}, from standard input',
        options: TOKEN_VERIFY,
        examples: ['ff token verify --explain < token.txt', 'ff token verify < tokens.ndjson'],
        load: async () => (await import('../token.ts')).runTokenVerify,
      }),
      declareCommand({
        name: 'mint',
        what: 'mint a development token and serve its key until Ctrl-C; only with FF_ENV=dev',
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
    what: 'show, verify, export and ship the audit trail',
    job: 'Maintain:',
    commands: [
      declareCommand({
        name: 'tail',
        what: 'print the last records',
        options: AUDIT_TAIL,
        examples: [
          'ff audit tail --store file:store',
          'ff audit tail --database env:FF_DATABASE_URL --follow',
        ],
        load: async () => (await import('../audit.ts')).runAuditTail,
      }),
      declareCommand({
        name: 'verify',
        what: 'verify the hash chain, and name the first altered record',
        options: AUDIT_VERIFY,
        examples: [
          'ff audit verify --store file:store',
          'ff audit verify --export worm --runner .ff/runner.pub.json',
        ],
        load: async () => (await import('../audit.ts')).runAuditVerify,
      }),
      declareCommand({
        name: 'export',
        what: 'export records as NDJSON with their sink status, with a signed head; never overwrites',
        options: AUDIT_EXPORT,
        examples: [
          'ff audit export --store file:store --out worm',
          'ff audit export --out worm --key signer.pem',
        ],
        load: async () => (await import('../audit.ts')).runAuditExport,
      }),
      declareCommand({
        name: 'ship',
        what: 'deliver pending records to the Kafka topic, at least once and in order for each target',
        options: AUDIT_SHIP,
        examples: [
          'ff audit ship --follow',
          'ff audit ship --database env:FF_DATABASE_URL --format json',
        ],
        load: async () => (await import('../ship.ts')).runAuditShip,
      }),
      declareCommand({
        name: 'redrive',
        what: 'make failed records pending again, so that they are shipped',
        options: AUDIT_REDRIVE,
        examples: ['ff audit redrive --target flag/ff.checkout', 'ff audit redrive --all'],
        load: async () => (await import('../ship.ts')).runAuditRedrive,
      }),
      declareCommand({
        name: 'reconcile',
        what: 'compare the Kafka topic with the trail, record by record',
        options: AUDIT_RECONCILE,
        examples: [
          'ff audit reconcile --database env:FF_DATABASE_URL',
          'ff audit reconcile --topic ptt.audit.trail --from earliest',
        ],
        load: async () => (await import('../reconcile.ts')).runAuditReconcile,
      }),
    ],
  },
  {
    noun: 'cache',
    what: 'inspect the cache in Redis, and invalidate it',
    job: 'Maintain:',
    commands: [
      declareCommand({
        name: 'stats',
        what: 'count the keys of each namespace, and show the memory of each primary',
        options: DOCUMENT,
        examples: ['ff cache stats', 'ff cache stats --format json'],
        load: async () => (await import('../cache.ts')).runCacheStats,
      }),
      declareCommand({
        name: 'tail',
        what: 'print each invalidation that is published, until Ctrl-C',
        options: CACHE_TAIL,
        examples: ['ff cache tail', 'ff cache tail --format ndjson'],
        load: async () => (await import('../cache.ts')).runCacheTail,
      }),
      declareCommand({
        name: 'invalidate',
        what: 'request that every instance drops a row, everything (global) or its keys (jwks); token on stdin',
        arguments: '<target>',
        options: CACHE_INVALIDATE,
        examples: [
          'ff cache invalidate flag/ff.checkout --service https://flags.example < token.txt',
          'ff cache invalidate global --service http://127.0.0.1:8420 < token.txt',
        ],
        load: async () => (await import('../cache.ts')).runCacheInvalidate,
      }),
    ],
  },
  {
    noun: 'artefacts',
    what: 'validate the JSON artefacts that decisions rest on',
    job: 'Maintain:',
    commands: [
      declareCommand({
        name: 'validate',
        what: 'validate artefacts by their schemas and rules',
        arguments: '[files...]',
        options: REPORT,
        examples: ['ff artefacts validate', 'ff artefacts validate --format json'],
        load: async () => (await import('../artefacts.ts')).runArtefactsValidate,
      }),
    ],
  },
  {
    noun: 'config',
    what: 'show the settings of this folder',
    job: 'Maintain:',
    commands: [
      declareCommand({
        name: 'show',
        what: 'list every setting and its value; of a secret only whether it is set',
        options: CONFIG_SHOW,
        examples: ['ff config show --origin', 'ff config show --format json'],
        load: async () => (await import('../config.ts')).runConfigShow,
      }),
    ],
  },
  {
    noun: null,
    what: '',
    job: 'Maintain:',
    commands: [
      declareCommand({
        name: 'init',
        what: 'create a starter folder: configuration, checklist, templates, key, CI jobs; never overwrites',
        options: [],
        examples: ['ff init', 'mkdir cutover && cd cutover && ff init'],
        load: async () => (await import('../init.ts')).runInit,
      }),
      declareCommand({
        name: 'doctor',
        what: 'check that a run can work on this machine',
        options: REPORT,
        examples: ['ff doctor', 'ff doctor --format json'],
        load: async () => (await import('../doctor.ts')).runDoctor,
      }),
      declareCommand({
        name: 'schema',
        what: 'print the JSON Schema of a document, or list the names of all',
        arguments: '[name]',
        options: [],
        examples: ['ff schema', 'ff schema gate-report'],
        load: async () => (await import('../schema.ts')).runSchema,
      }),
      declareCommand({
        name: 'version',
        what: 'show the version, the digest of the program, the newest migration and the runtime',
        options: DOCUMENT,
        examples: ['ff version', 'ff version --json'],
        load: async () => (await import('../show-version.ts')).runVersion,
      }),
    ],
  },
]
