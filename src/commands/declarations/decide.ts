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

/** The checklist, the probes that measure it, and the verdict. */
export const DECIDE: readonly CommandGroup[] = [
  {
    noun: 'checklist',
    what: 'show the 42 items that must hold before the cutover',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'validate',
        what: 'validate a checklist: its schema, and no limit looser than the packaged one',
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
        examples: ['ff gate --decision decision.json', 'ff gate --offline decision.json'],
        load: async () => (await import('../gate.ts')).runGate,
      }),
      declareCommand({
        name: 'report',
        what: 'print the verdict of ff gate as a report, with the same exit; default format markdown',
        options: GATE,
        examples: ['ff report', 'ff report --output html=gate.html'],
        load: async () => (await import('../gate.ts')).runReport,
      }),
    ],
  },
]
