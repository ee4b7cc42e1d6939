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

/** Keys of people, the trust file, the sign-off and waivers. */
export const SIGN: readonly CommandGroup[] = [
  {
    noun: 'key',
    what: 'make and show keys of people, sealed under a passphrase',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'new',
        what: 'make a key; asks for a passphrase on the terminal',
        options: KEY_NEW,
        examples: [
          'ff key new --person alice --name "Alice Example" --out alice.key.json',
          'ff key new --person bob --name "Bob Example" --out bob.key.json',
        ],
        load: async () => (await import('../signoff.ts')).runKeyNew,
      }),
      declareCommand({
        name: 'show',
        what: 'print the public half of a key, for the trust file',
        arguments: '<file>',
        options: [],
        examples: ['ff key show alice.key.json > alice.pub.json', 'ff key show bob.key.json'],
        load: async () => (await import('../signoff.ts')).runKeyShow,
      }),
    ],
  },
  {
    noun: 'trust',
    what: 'manage the trust file: the signers and runners that count',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'init',
        what: 'create version 1 of checklists/trust.json',
        options: TRUST_INIT,
        examples: [
          'ff trust init --platform-lead alice.pub.json --security-lead bob.pub.json',
          'ff trust init --platform-lead a.json --security-lead b.json --runner ci.json',
        ],
        load: async () => (await import('../signoff.ts')).runTrustInit,
      }),
      declareCommand({
        name: 'show',
        what: 'show the trusted keys, their expiry, and whether the pin matches',
        options: REPORT,
        examples: ['ff trust show', 'ff trust show --format json'],
        load: async () => (await import('../signoff.ts')).runTrustShow,
      }),
      declareCommand({
        name: 'rotate',
        what: 'sign the next version, which is valid once both roles have signed',
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
        what: 'print the line FF_TRUST_SHA256=... for a protected variable of CI',
        options: [],
        examples: ['ff trust pin', 'ff trust pin >> "$GITHUB_ENV"'],
        load: async () => (await import('../signoff.ts')).runTrustPin,
      }),
    ],
  },
  {
    noun: 'signoff',
    what: 'prepare, sign and verify the sign-off of both leads',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'request',
        what: 'prepare the statement to sign; keeps the previous one under another name',
        options: [],
        examples: ['ff signoff request', 'ff signoff request && git add checklists'],
        load: async () => (await import('../signoff.ts')).runSignoffRequest,
      }),
      declareCommand({
        name: 'sign',
        what: 'review, attest and sign the statement, on a terminal',
        options: SIGNING_KEY,
        examples: [
          'ff signoff sign --key alice.key.json',
          'ff signoff sign --signer-cmd "sign-with-card 9c" --person bob',
        ],
        load: async () => (await import('../signoff.ts')).runSignoffSign,
      }),
      declareCommand({
        name: 'add',
        what: 'add the signatures of another copy of the statement',
        arguments: '<file>',
        options: [],
        examples: ['ff signoff add bob/signoff.json', 'ff signoff add ../signoff.json'],
        load: async () => (await import('../signoff.ts')).runSignoffAdd,
      }),
      declareCommand({
        name: 'verify',
        what: 'verify that both signatures are valid now',
        options: REPORT,
        examples: ['ff signoff verify', 'ff signoff verify --format json'],
        load: async () => (await import('../signoff.ts')).runSignoffVerify,
      }),
      declareCommand({
        name: 'revoke',
        what: 'write the next trust file, which revokes the statement',
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
    what: 'request, sign and check waivers for items that do not pass',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'new',
        what: 'request a waiver for an item',
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
        what: 'approve a waiver, on a terminal',
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
        what: 'check every waiver by the rules, and every approval by its signature',
        options: REPORT,
        examples: ['ff waiver lint', 'ff waiver lint --format json'],
        load: async () => (await import('../signoff.ts')).runWaiverLint,
      }),
      declareCommand({
        name: 'list',
        what: 'list waivers with their items, expiry and approvers',
        options: REPORT,
        examples: ['ff waiver list', 'ff waiver list --format json'],
        load: async () => (await import('../signoff.ts')).runWaiverList,
      }),
    ],
  },
]
