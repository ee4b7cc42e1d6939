import {
  declareCommand,
  CHECKLIST_DOCUMENT,
  GATE,
  GATE_DECISION,
  PROBE,
  PROBE_RUN,
  REPORT,
} from './options.ts'
import type { CommandGroup } from './row.ts'

/** What go or no-go rests on. */
export const DECIDE: readonly CommandGroup[] = [
  {
    noun: 'checklist',
    what: 'the 42 items that have to hold before the cutover',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'validate',
        what: 'hold a checklist to its schema, and to what it may not loosen',
        arguments: '[file]',
        options: REPORT,
        examples: ['ff checklist validate', 'ff checklist validate --format json'],
        load: async () => (await import('../checklist.ts')).runChecklistValidate,
      }),
      declareCommand({
        name: 'show',
        what: 'all items by group',
        options: CHECKLIST_DOCUMENT,
        examples: ['ff checklist show', 'ff checklist show --format json'],
        load: async () => (await import('../checklist.ts')).runChecklistShow,
      }),
      declareCommand({
        name: 'explain',
        what: 'one item: why, what is required, and what to do when it fails',
        arguments: '<id>',
        options: CHECKLIST_DOCUMENT,
        examples: ['ff checklist explain A1', 'ff checklist explain H3 --format json'],
        load: async () => (await import('../checklist.ts')).runChecklistExplain,
      }),
    ],
  },
  {
    noun: 'probe',
    what: 'what measures the items, and the evidence that comes of it',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'list',
        what: 'each item with its probe, and what those need that cannot be measured yet',
        options: CHECKLIST_DOCUMENT,
        examples: ['ff probe list', 'ff probe list --format json'],
        load: async () => (await import('../probe.ts')).runProbeList,
      }),
      declareCommand({
        name: 'run',
        what: 'measure items, or all that can be, and add signed records',
        arguments: '[ids...]',
        options: PROBE_RUN,
        examples: ['ff probe run', 'ff probe run A1 E1 --repeat 3'],
        load: async () => (await import('../probe.ts')).runProbeRun,
      }),
      declareCommand({
        name: 'selftest',
        what: 'plant the deliberate fault of each probe, and see that it fails',
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
        what: 'go or no-go, from the checklist, the evidence and the signatures',
        options: GATE_DECISION,
        examples: ['ff gate --decision decision.json', 'ff gate --offline decision.json'],
        load: async () => (await import('../gate.ts')).runGate,
      }),
      declareCommand({
        name: 'report',
        what: 'the same verdict and exit, to hand on; markdown where no format is named',
        options: GATE,
        examples: ['ff report', 'ff report --output html=gate.html'],
        load: async () => (await import('../gate.ts')).runReport,
      }),
    ],
  },
]
