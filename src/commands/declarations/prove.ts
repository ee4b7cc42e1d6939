import {
  declareCommand,
  PARITY_DIFF,
  PARITY_EXHAUSTIVE,
  PARITY_FUZZ,
  PARITY_REPLAY,
  PARITY_RUN,
  REPORT,
  SIDES,
} from './options.ts'
import type { CommandGroup } from './row.ts'

/** The proofs: two backings decide alike, and the authenticator admits the right callers. */
export const PROVE: readonly CommandGroup[] = [
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
        what: 'compare all 360 cells, at every boundary, with the oracle',
        options: PARITY_EXHAUSTIVE,
        examples: ['ff parity exhaustive', 'ff parity exhaustive --cell verified/user/SP-2/valid'],
        load: async () => (await import('../parity.ts')).runParityExhaustive,
      }),
      declareCommand({
        name: 'fuzz',
        what: 'compare both sides on random rows, questions and writes; shrink a difference',
        options: PARITY_FUZZ,
        examples: ['ff parity fuzz --runs 1000', 'ff parity fuzz --seed 7 --candidate file'],
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
