import {
  declareCommand,
  KEY_NEW,
  REPORT,
  SIGNING_KEY,
  SIGNOFF_REVOKE,
  TRUST_INIT,
  WAIVER_NEW,
} from './options.ts'
import type { CommandGroup } from './row.ts'

/** People, their keys, and what they sign. */
export const SIGN: readonly CommandGroup[] = [
  {
    noun: 'key',
    what: "people's keys, sealed under a passphrase",
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'new',
        what: 'make a key; asks for a passphrase',
        options: KEY_NEW,
        examples: [
          'ff key new --person alice --name "Alice Example" --out alice.key.json',
          'ff key new --person bob --name "Bob Example" --out bob.key.json',
        ],
        load: async () => (await import('../signoff.ts')).runKeyNew,
      }),
      declareCommand({
        name: 'show',
        what: 'the public half of a key, for the trust file',
        arguments: '<file>',
        options: [],
        examples: ['ff key show alice.key.json > alice.pub.json', 'ff key show bob.key.json'],
        load: async () => (await import('../signoff.ts')).runKeyShow,
      }),
    ],
  },
  {
    noun: 'trust',
    what: 'whose signatures and whose evidence count',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'init',
        what: 'make version 1 of checklists/trust.json',
        options: TRUST_INIT,
        examples: [
          'ff trust init --platform-lead alice.pub.json --security-lead bob.pub.json',
          'ff trust init --platform-lead a.json --security-lead b.json --runner ci.json',
        ],
        load: async () => (await import('../signoff.ts')).runTrustInit,
      }),
      declareCommand({
        name: 'show',
        what: 'who counts, until when, and whether the pin holds',
        options: REPORT,
        examples: ['ff trust show', 'ff trust show --format json'],
        load: async () => (await import('../signoff.ts')).runTrustShow,
      }),
      declareCommand({
        name: 'rotate',
        what: 'sign the next version; it holds once both roles have',
        arguments: '[file]',
        options: SIGNING_KEY,
        examples: [
          'ff trust rotate checklists/trust-next.json --key alice.key.json',
          'ff trust rotate --key bob.key.json',
        ],
        load: async () => (await import('../signoff.ts')).runTrustRotate,
      }),
      declareCommand({
        name: 'pin',
        what: 'the FF_TRUST_SHA256 for a protected variable of CI',
        options: [],
        examples: ['ff trust pin', 'ff trust pin >> "$GITHUB_ENV"'],
        load: async () => (await import('../signoff.ts')).runTrustPin,
      }),
    ],
  },
  {
    noun: 'signoff',
    what: 'two people sign what is true now',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'request',
        what: 'prepare the statement; what stood before is kept aside',
        options: [],
        examples: ['ff signoff request', 'ff signoff request && git add checklists'],
        load: async () => (await import('../signoff.ts')).runSignoffRequest,
      }),
      declareCommand({
        name: 'sign',
        what: 'see, attest and sign it, on a terminal',
        options: SIGNING_KEY,
        examples: [
          'ff signoff sign --key alice.key.json',
          'ff signoff sign --signer-cmd "sign-with-card 9c" --person bob',
        ],
        load: async () => (await import('../signoff.ts')).runSignoffSign,
      }),
      declareCommand({
        name: 'add',
        what: "take over another copy's signatures",
        arguments: '<file>',
        options: [],
        examples: ['ff signoff add bob/signoff.json', 'ff signoff add ../signoff.json'],
        load: async () => (await import('../signoff.ts')).runSignoffAdd,
      }),
      declareCommand({
        name: 'verify',
        what: 'whether both signatures count, here and now',
        options: REPORT,
        examples: ['ff signoff verify', 'ff signoff verify --format json'],
        load: async () => (await import('../signoff.ts')).runSignoffVerify,
      }),
      declareCommand({
        name: 'revoke',
        what: 'write the next trust file, in which the statement is revoked',
        options: SIGNOFF_REVOKE,
        examples: [
          'ff signoff revoke --reason "the image was withdrawn"',
          'ff signoff revoke --reason "signed by mistake"',
        ],
        load: async () => (await import('../signoff.ts')).runSignoffRevoke,
      }),
    ],
  },
  {
    noun: 'waiver',
    what: 'what is accepted although it is no pass',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'new',
        what: 'ask for one',
        arguments: '<item>',
        options: WAIVER_NEW,
        examples: [
          'ff waiver new E5 --bound "p99_ms<=80" --reason r --risk s --compensation t --requester dora --expires 2026-01-20T09:00:00.000Z',
          'ff waiver new I3 --code pg_dump_missing --reason r --risk s --compensation t --requester dora --expires 2026-01-20T09:00:00.000Z',
        ],
        load: async () => (await import('../signoff.ts')).runWaiverNew,
      }),
      declareCommand({
        name: 'sign',
        what: 'approve one, on a terminal',
        arguments: '<id>',
        options: SIGNING_KEY,
        examples: [
          'ff waiver sign WV-1 --key alice.key.json',
          'ff waiver sign WV-1 --key bob.key.json',
        ],
        load: async () => (await import('../signoff.ts')).runWaiverSign,
      }),
      declareCommand({
        name: 'lint',
        what: 'hold each to the rules, and each approval to its signature',
        options: REPORT,
        examples: ['ff waiver lint', 'ff waiver lint --format json'],
        load: async () => (await import('../signoff.ts')).runWaiverLint,
      }),
      declareCommand({
        name: 'list',
        what: 'for which items, until when, approved by whom',
        options: REPORT,
        examples: ['ff waiver list', 'ff waiver list --format json'],
        load: async () => (await import('../signoff.ts')).runWaiverList,
      }),
    ],
  },
]
