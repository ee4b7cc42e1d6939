import { declareCommand } from './options.ts'
import { REHEARSE } from './rehearse-options.ts'
import type { CommandGroup } from './row.ts'

/** The whole way on this machine. */
export const REHEARSING: CommandGroup = {
  noun: null,
  what: '',
  job: 'Cut over:',
  commands: [
    declareCommand({
      name: 'rehearse',
      what: 'go the whole way on private stores, in minutes, and show each command',
      options: REHEARSE,
      examples: ['ff rehearse --quick', 'ff rehearse --store file:store --dir rehearsal'],
      load: async () => (await import('../rehearse.ts')).runRehearse,
    }),
  ],
}
