import { declareCommand, SERVING } from './options.ts'
import { CUT_OVER } from './cut-over.ts'
import { DECIDE } from './decide.ts'
import { MAINTAIN } from './maintain.ts'
import { PROVE } from './prove.ts'
import type { CommandGroup } from './row.ts'
import { SIGN } from './sign.ts'

/** The HTTP service. */
const SERVE: readonly CommandGroup[] = [
  {
    noun: null,
    what: '',
    job: 'Serve:',
    commands: [
      declareCommand({
        name: 'serve',
        what: 'answer evaluations and changes over HTTP, until SIGTERM',
        options: SERVING,
        examples: ['ff serve', 'FF_LISTEN=127.0.0.1:8421 ff serve --harness'],
        load: async () => (await import('../serve.ts')).runServe,
      }),
    ],
  },
]

/** Every command except `help`, in the order of the help. To add one, add its declaration and its module. */
export const COMMANDS: readonly CommandGroup[] = [
  ...PROVE,
  ...DECIDE,
  ...SIGN,
  ...SERVE,
  ...CUT_OVER,
  ...MAINTAIN,
]
