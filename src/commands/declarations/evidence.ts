import { declareCommand, EVIDENCE, EVIDENCE_LIST, EVIDENCE_SEAL } from './options.ts'
import type { CommandGroup } from './row.ts'

/** The evidence logs of the runners. */
export const KEEP_EVIDENCE: CommandGroup = {
  noun: 'evidence',
  what: "list, fetch and seal the runners' logs of evidence",
  job: 'Gate:',
  commands: [
    declareCommand({
      name: 'list',
      what: 'list each log with its runner, its last record and the age of its head',
      options: EVIDENCE_LIST,
      examples: ['ff evidence list', 'ff evidence list --format json'],
      load: async () => (await import('../evidence.ts')).runEvidenceList,
    }),
    declareCommand({
      name: 'import',
      what: 'fetch logs from another folder where they continue the ones here',
      arguments: '<folder>',
      options: EVIDENCE,
      examples: ['ff evidence import runner/.ff/evidence', 'ff evidence import /mnt/logs/ci'],
      load: async () => (await import('../evidence.ts')).runEvidenceImport,
    }),
    declareCommand({
      name: 'seal',
      what: "sign the head of this runner's log anew, and print it",
      options: EVIDENCE_SEAL,
      examples: ['ff evidence seal', 'ff evidence seal --first'],
      load: async () => (await import('../evidence.ts')).runEvidenceSeal,
    }),
  ],
}
