import { OBSERVE_START, OBSERVE_WATCH } from './observe-options.ts'
import { declareCommand, DOCUMENT } from './options.ts'
import type { CommandGroup } from './row.ts'

/** The observation of staging. */
export const OBSERVE: readonly CommandGroup[] = [
  {
    noun: 'observe',
    what: 'record staging for 48 hours',
    job: 'Gate:',
    commands: [
      declareCommand({
        name: 'start',
        what: 'record a signed minute of staging after the other, until SIGTERM',
        options: OBSERVE_START,
        examples: [
          'ff observe start',
          'ff observe start --staging http://127.0.0.1:8420,http://127.0.0.1:8421',
        ],
        load: async () => (await import('../observe.ts')).runObserveStart,
      }),
      declareCommand({
        name: 'status',
        what: 'show how many hours are clean, and what began the time again',
        options: DOCUMENT,
        examples: ['ff observe status', 'ff observe status --format json'],
        load: async () => (await import('../observe.ts')).runObserveStatus,
      }),
      declareCommand({
        name: 'watch',
        what: 'show cutover, instances, recording and gate as they change, until Ctrl-C',
        options: OBSERVE_WATCH,
        examples: ['ff observe watch', 'ff observe watch --web --port 8430'],
        load: async () => (await import('../watch.ts')).runObserveWatch,
      }),
    ],
  },
]
