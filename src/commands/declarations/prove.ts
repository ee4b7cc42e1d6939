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

/** What proves that two backings decide alike, and who is let in. */
export const PROVE: readonly CommandGroup[] = [
  {
    noun: 'parity',
    what: 'prove that two backings decide alike',
    job: 'Prove:',
    commands: [
      declareCommand({
        name: 'run',
        what: 'the 17 vectors on both sides',
        options: PARITY_RUN,
        examples: ['ff parity run', 'ff parity run --candidate embedded --format junit'],
        load: async () => (await import('../parity.ts')).runParityRun,
      }),
      declareCommand({
        name: 'exhaustive',
        what: 'all 360 cells at every boundary, against the oracle',
        options: PARITY_EXHAUSTIVE,
        examples: ['ff parity exhaustive', 'ff parity exhaustive --cell verified/user/SP-2/valid'],
        load: async () => (await import('../parity.ts')).runParityExhaustive,
      }),
      declareCommand({
        name: 'fuzz',
        what: 'rows, questions and writes at random; a difference is made small',
        options: PARITY_FUZZ,
        examples: ['ff parity fuzz --runs 1000', 'ff parity fuzz --seed 7 --candidate file'],
        load: async () => (await import('../fuzz.ts')).runParityFuzz,
      }),
      declareCommand({
        name: 'replay',
        what: 'recorded requests on two live stores or two services, which are read alone',
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
        what: 'plant every fault of the catalogue, and see that it is caught',
        options: SIDES,
        examples: ['ff parity selftest', 'ff parity selftest --candidate file --format junit'],
        load: async () => (await import('../selftest.ts')).runParitySelftest,
      }),
      declareCommand({
        name: 'diff',
        what: 'every field of every stored row of two live stores, read only',
        options: PARITY_DIFF,
        examples: [
          'ff parity diff --baseline file:store --candidate env:FF_DATABASE_URL',
          'ff parity diff --baseline file:store --candidate embedded',
        ],
        load: async () => (await import('../rows.ts')).runParityDiff,
      }),
      declareCommand({
        name: 'preflight',
        what: 'what an import of a JSON file would change or refuse',
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
    what: 'who is let in, and by whose keys',
    job: 'Prove:',
    commands: [
      declareCommand({
        name: 'check',
        what: 'every row of the mode matrix, against the fixtures',
        options: REPORT,
        examples: ['ff jwks check', 'ff jwks check --format junit'],
        load: async () => (await import('../jwks.ts')).runJwksCheck,
      }),
      declareCommand({
        name: 'fetch',
        what: 'what a key server serves, and which of its keys verify',
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
