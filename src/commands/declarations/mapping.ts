import { MAPPING_CHECK } from './mapping-options.ts'
import { declareCommand } from './options.ts'
import type { CommandGroup } from './row.ts'

/** Mappings from the files of other services. */
export const MAPPING: CommandGroup = {
  noun: 'mapping',
  what: "write and check a mapping for a service's own file",
  job: 'Cut over:',
  commands: [
    declareCommand({
      name: 'suggest',
      what: 'print a mapping to begin with: the ready one of a known format, or a guess with notes',
      arguments: '<file>',
      options: [],
      examples: ['ff mapping suggest flags.json > mapping.json', 'ff mapping suggest flagd.json'],
      load: async () => (await import('../mapping.ts')).runMappingSuggest,
    }),
    declareCommand({
      name: 'check',
      what: 'list what an import by the mapping would refuse, leave behind and change',
      arguments: '<file>',
      options: MAPPING_CHECK,
      examples: [
        'ff mapping check flags.json --mapping mapping.json',
        'ff mapping check flags.json --mapping mapping.json --explain form_wrong',
      ],
      load: async () => (await import('../mapping.ts')).runMappingCheck,
    }),
  ],
}
