import {
  CHECKLIST_DIFF,
  CHECKLIST_DOCUMENT,
  declareCommand,
  GATE,
  GATE_DECISION,
  KEY_NEW,
  PROBE,
  PROBE_RUN,
  REPORT,
  SIGNING_KEY,
  SIGNOFF_REVOKE,
  WAIVER_NEW,
} from './options.ts'
import { TRUST_INIT, TRUST_ROTATE } from './trust-options.ts'
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
        what: 'create checklists/trust.json, for which the person who sets its pin vouches',
        options: TRUST_INIT,
        examples: [
          'ff trust init --platform-lead alice.pub.json --security-lead bob.pub.json',
          'ff trust init --platform-lead a.json --security-lead b.json --runner ci.json:scratch,staging',
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
        what: 'make and sign the next version, which is valid once both roles have signed',
        arguments: '[file]',
        options: TRUST_ROTATE,
        examples: [
          'ff trust rotate --end ci --runner new.pub.json:scratch,staging --key alice.key.json',
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
        name: 'withdraw',
        what: 'withdraw your own signature under the statement, for good',
        options: SIGNING_KEY,
        examples: [
          'ff signoff withdraw --key alice.key.json',
          'ff signoff withdraw --signer-cmd "sign-with-card 9c" --person bob',
        ],
        load: async () => (await import('../signoff.ts')).runSignoffWithdraw,
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
          'ff waiver new E5 --bound "db_p99_ms<=80" --reason r --risk s --compensation t --requester dora --expires $(date -u -d +7days +%FT%T.000Z)',
          'ff waiver new I3 --code pg_dump_missing --reason r --risk s --compensation t --requester dora --expires $(date -u -d +7days +%FT%T.000Z)',
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

/** The checklist, the probes that measure it, and the verdict. */
export const DECIDE: readonly CommandGroup[] = [
  {
    noun: 'checklist',
    what: 'show the 42 items that must hold before the cutover',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'validate',
        what: 'validate a checklist: its schema, and nothing looser than in the packaged one',
        arguments: '[file]',
        options: REPORT,
        examples: ['ff checklist validate', 'ff checklist validate --format json'],
        load: async () => (await import('../checklist.ts')).runChecklistValidate,
      }),
      declareCommand({
        name: 'show',
        what: 'list all items by group',
        options: CHECKLIST_DOCUMENT,
        examples: ['ff checklist show', 'ff checklist show --format json'],
        load: async () => (await import('../checklist.ts')).runChecklistShow,
      }),
      declareCommand({
        name: 'explain',
        what: 'explain one item: its reason, its limits, and the fix when it fails',
        arguments: '<id>',
        options: CHECKLIST_DOCUMENT,
        examples: ['ff checklist explain A1', 'ff checklist explain H3 --format json'],
        load: async () => (await import('../checklist.ts')).runChecklistExplain,
      }),
      declareCommand({
        name: 'diff',
        what: 'list where the checklist departs from the packaged one; ends 2 where it is looser',
        options: CHECKLIST_DIFF,
        examples: ['ff checklist diff', 'ff checklist diff --take'],
        load: async () => (await import('../checklist.ts')).runChecklistDiff,
      }),
    ],
  },
  {
    noun: 'probe',
    what: 'measure items and record the evidence',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'list',
        what: 'list each item with its probe, and what an item without one needs',
        options: CHECKLIST_DOCUMENT,
        examples: ['ff probe list', 'ff probe list --format json'],
        load: async () => (await import('../probe.ts')).runProbeList,
      }),
      declareCommand({
        name: 'explain',
        what: 'explain the probe of one item, and what it needs to measure staging',
        arguments: '<id>',
        options: CHECKLIST_DOCUMENT,
        examples: ['ff probe explain D1', 'ff probe explain D1 --format json'],
        load: async () => (await import('../probe.ts')).runProbeExplain,
      }),
      declareCommand({
        name: 'run',
        what: 'measure the named items, or all, and append signed records',
        arguments: '[ids...]',
        options: PROBE_RUN,
        examples: ['ff probe run', 'ff probe run A1 E1 --repeat 3'],
        load: async () => (await import('../probe.ts')).runProbeRun,
      }),
      declareCommand({
        name: 'selftest',
        what: 'plant the deliberate fault of each probe and check that it fails',
        arguments: '[ids...]',
        options: PROBE,
        examples: ['ff probe selftest', 'ff probe selftest A1 E1'],
        load: async () => (await import('../probe.ts')).runProbeSelftest,
      }),
    ],
  },
  {
    noun: null,
    what: '',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'gate',
        what: 'decide go or no-go from the checklist, the evidence and the signatures',
        options: GATE_DECISION,
        examples: [
          'ff gate --decision reports/decision.json',
          'ff gate --offline reports/decision.json --environment production --cutover flags-to-postgres --attempt 1 --code sha256:aa',
        ],
        load: async () => (await import('../gate.ts')).runGate,
      }),
      declareCommand({
        name: 'report',
        what: 'print the verdict of ff gate as a report, with the same exit; default format markdown',
        options: GATE,
        examples: ['ff report', 'ff report --output html=reports/gate.html'],
        load: async () => (await import('../gate.ts')).runReport,
      }),
    ],
  },
]
