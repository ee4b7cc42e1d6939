import { REQUESTS_CONVERT } from './mapping-options.ts'
import { declareCommand } from './options.ts'
import type { CommandGroup } from './row.ts'

/** Recorded requests for a replay. */
export const REQUESTS: CommandGroup = {
  noun: 'requests',
  what: "make recorded requests of a service's own access log",
  job: 'Cut over:',
  commands: [
    declareCommand({
      name: 'convert',
      what: 'print the requests of an access log, for ff parity replay',
      arguments: '<log>',
      options: REQUESTS_CONVERT,
      examples: [
        'ff requests convert access.log --log common > requests.ndjson',
        'ff requests convert app.ndjson --log ndjson --map map.json > requests.ndjson',
      ],
      load: async () => (await import('../requests.ts')).runRequestsConvert,
    }),
  ],
}
