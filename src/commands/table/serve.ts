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
        options: [],
        examples: ['ff serve', 'FF_LISTEN=127.0.0.1:0 ff serve'],
        load: async () => (await import('../serve.ts')).serve,
      },
    ],
  },
]
