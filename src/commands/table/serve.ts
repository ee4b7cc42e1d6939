import type { CommandGroup } from './row.ts'

/** What answers. */
export const SERVE: readonly CommandGroup[] = [
  {
    noun: null,
    what: '',
    job: 'Serve:',
    commands: [
      {
        name: 'serve',
        what: 'answer evaluations and changes over HTTP, until SIGTERM',
        options: [
          [
            '--harness',
            'scratch state alone, whose rows and clock proofs put there; never for callers',
          ],
        ],
        examples: ['ff serve', 'FF_LISTEN=127.0.0.1:8421 ff serve --harness'],
        load: async () => (await import('../serve.ts')).serve,
      },
    ],
  },
]
