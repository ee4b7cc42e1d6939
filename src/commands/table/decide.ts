import { type CommandGroup, DOCUMENT, GATE, REPORT } from './row.ts'

/** What go or no-go rests on. */
export const DECIDE: readonly CommandGroup[] = [
  {
    noun: 'checklist',
    what: 'the 42 items that have to hold before the cutover',
    job: 'Gate:',
    commands: [
      {
        name: 'validate',
        what: 'hold a checklist to its schema, and to what it may not loosen',
        arguments: '[file]',
        options: REPORT,
        examples: ['ff checklist validate', 'ff checklist validate --format json'],
        load: async () => (await import('../checklist.ts')).validate,
      },
      {
        name: 'show',
        what: 'all items by group',
        options: DOCUMENT,
        examples: ['ff checklist show', 'ff checklist show --format json'],
        load: async () => (await import('../checklist.ts')).show,
      },
      {
        name: 'explain',
        what: 'one item: why, what is required, and what to do when it fails',
        arguments: '<id>',
        options: DOCUMENT,
        examples: ['ff checklist explain A1', 'ff checklist explain H3 --format json'],
        load: async () => (await import('../checklist.ts')).explain,
      },
    ],
  },
  {
    noun: null,
    what: '',
    job: 'Gate:',
    commands: [
      {
        name: 'gate',
        what: 'go or no-go, from the checklist, the evidence and the signatures',
        options: [
          ...GATE,
          ['--decision <file>', 'write all that the verdict follows from, for a third party'],
          ['--offline <file>', 'judge such a file, as of now; opens no socket'],
        ],
        examples: ['ff gate --decision decision.json', 'ff gate --offline decision.json'],
        load: async () => (await import('../gate.ts')).judge,
      },
      {
        name: 'report',
        what: 'the same verdict and exit, to hand on; markdown where no format is named',
        options: GATE,
        examples: ['ff report', 'ff report --output html=gate.html'],
        load: async () => (await import('../gate.ts')).report,
      },
    ],
  },
]
