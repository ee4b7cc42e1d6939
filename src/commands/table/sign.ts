import { type CommandGroup, type OptionRow, REPORT } from './row.ts'

const PEN = [
  ['--key <file>', 'a key that ff key new made; its passphrase is asked for'],
  ['--signer-cmd <command>', 'a program that signs: bytes on stdin, 64 bytes on stdout'],
  ['--person <id>', 'with --signer-cmd: whose key that is'],
] as const satisfies readonly OptionRow[]

/** People, their keys, and what they sign. */
export const SIGN: readonly CommandGroup[] = [
  {
    noun: 'key',
    what: "people's keys, sealed under a passphrase",
    job: 'Gate:',
    commands: [
      {
        name: 'new',
        what: 'make a key; asks for a passphrase',
        options: [
          ['--out <file>', 'where it goes; never overwritten'],
          ['--person <id>', 'whose it is'],
          ['--name <name>', 'as people know them'],
        ],
        examples: [
          'ff key new --person alice --name "Alice Example" --out alice.key.json',
          'ff key new --person bob --name "Bob Example" --out bob.key.json',
        ],
        load: async () => (await import('../signoff.ts')).keyNew,
      },
      {
        name: 'show',
        what: 'the public half of a key, for the trust file',
        arguments: '<file>',
        options: [],
        examples: ['ff key show alice.key.json > alice.pub.json', 'ff key show bob.key.json'],
        load: async () => (await import('../signoff.ts')).keyShow,
      },
    ],
  },
  {
    noun: 'trust',
    what: 'whose signatures and whose evidence count',
    job: 'Gate:',
    commands: [
      {
        name: 'init',
        what: 'make version 1 of checklists/trust.json',
        options: [
          ['--platform-lead <file>', 'public key of the platform lead'],
          ['--security-lead <file>', 'public key of the security lead'],
          ['--runner <file>', 'public key of a runner; may be repeated', 'repeated'],
          ['--until <time>', 'when it expires; default in 180 days'],
        ],
        examples: [
          'ff trust init --platform-lead alice.pub.json --security-lead bob.pub.json',
          'ff trust init --platform-lead a.json --security-lead b.json --runner ci.json',
        ],
        load: async () => (await import('../signoff.ts')).trustInit,
      },
      {
        name: 'show',
        what: 'who counts, until when, and whether the pin holds',
        options: REPORT,
        examples: ['ff trust show', 'ff trust show --format json'],
        load: async () => (await import('../signoff.ts')).trustShow,
      },
      {
        name: 'rotate',
        what: 'sign the next version; it holds once both roles have',
        arguments: '[file]',
        options: PEN,
        examples: [
          'ff trust rotate checklists/trust-next.json --key alice.key.json',
          'ff trust rotate --key bob.key.json',
        ],
        load: async () => (await import('../signoff.ts')).trustRotate,
      },
      {
        name: 'pin',
        what: 'the FF_TRUST_SHA256 for a protected variable of CI',
        options: [],
        examples: ['ff trust pin', 'ff trust pin >> "$GITHUB_ENV"'],
        load: async () => (await import('../signoff.ts')).trustPin,
      },
    ],
  },
  {
    noun: 'signoff',
    what: 'two people sign what is true now',
    job: 'Gate:',
    commands: [
      {
        name: 'request',
        what: 'prepare the statement; what stood before is kept aside',
        options: [],
        examples: ['ff signoff request', 'ff signoff request && git add checklists'],
        load: async () => (await import('../signoff.ts')).request,
      },
      {
        name: 'sign',
        what: 'see, attest and sign it, on a terminal',
        options: PEN,
        examples: [
          'ff signoff sign --key alice.key.json',
          'ff signoff sign --signer-cmd "sign-with-card 9c" --person bob',
        ],
        load: async () => (await import('../signoff.ts')).sign,
      },
      {
        name: 'add',
        what: "take over another copy's signatures",
        arguments: '<file>',
        options: [],
        examples: ['ff signoff add bob/signoff.json', 'ff signoff add ../signoff.json'],
        load: async () => (await import('../signoff.ts')).add,
      },
      {
        name: 'verify',
        what: 'whether both signatures count, here and now',
        options: REPORT,
        examples: ['ff signoff verify', 'ff signoff verify --format json'],
        load: async () => (await import('../signoff.ts')).verify,
      },
      {
        name: 'revoke',
        what: 'write the next trust file, in which the statement is revoked',
        options: [['--reason <text>', 'why; it stands in the trust file']],
        examples: [
          'ff signoff revoke --reason "the image was withdrawn"',
          'ff signoff revoke --reason "signed by mistake"',
        ],
        load: async () => (await import('../signoff.ts')).revoke,
      },
    ],
  },
  {
    noun: 'waiver',
    what: 'what is accepted although it is no pass',
    job: 'Gate:',
    commands: [
      {
        name: 'new',
        what: 'ask for one',
        arguments: '<item>',
        options: [
          ['--bound <measure>', 'of a fail: p99_ms<=80; may be repeated', 'repeated'],
          ['--code <code>', 'of an inconclusive: the reason that is covered'],
          ['--reason <text>', 'why it is asked for'],
          ['--risk <text>', 'what may happen'],
          ['--compensation <text>', 'what is done about that'],
          ['--requester <id>', 'who asks; may not approve alone'],
          ['--expires <time>', 'at most 14 days ahead'],
        ],
        examples: [
          'ff waiver new E5 --bound "p99_ms<=80" --reason r --risk s --compensation t --requester dora --expires 2026-01-20T09:00:00.000Z',
          'ff waiver new I3 --code pg_dump_missing --reason r --risk s --compensation t --requester dora --expires 2026-01-20T09:00:00.000Z',
        ],
        load: async () => (await import('../signoff.ts')).waiverNew,
      },
      {
        name: 'sign',
        what: 'approve one, on a terminal',
        arguments: '<id>',
        options: PEN,
        examples: [
          'ff waiver sign WV-1 --key alice.key.json',
          'ff waiver sign WV-1 --key bob.key.json',
        ],
        load: async () => (await import('../signoff.ts')).waiverSign,
      },
      {
        name: 'lint',
        what: 'hold each to the rules, and each approval to its signature',
        options: REPORT,
        examples: ['ff waiver lint', 'ff waiver lint --format json'],
        load: async () => (await import('../signoff.ts')).waiverLint,
      },
      {
        name: 'list',
        what: 'for which items, until when, approved by whom',
        options: REPORT,
        examples: ['ff waiver list', 'ff waiver list --format json'],
        load: async () => (await import('../signoff.ts')).waiverList,
      },
    ],
  },
]
