import {
  CUTOVER_ADVANCE,
  CUTOVER_DRILL,
  CUTOVER_PLAN,
  CUTOVER_RECONCILE,
  CUTOVER_ROLLBACK,
  CUTOVER_STATUS,
} from './cutover-options.ts'
import { declareCommand } from './options.ts'
import type { CommandGroup } from './row.ts'

/** The commands that move a running service from the file to the database, and back. */
export const CUTOVER_COMMANDS: CommandGroup = {
  noun: 'cutover',
  what: 'move a running service from the file to the database, and back',
  job: 'Cut over:',
  commands: [
    declareCommand({
      name: 'plan',
      what: 'list what each step will do, and change nothing',
      options: CUTOVER_PLAN,
      examples: ['ff cutover plan', 'ff cutover plan --format json'],
      load: async () => (await import('../cutover.ts')).runCutoverPlan,
    }),
    declareCommand({
      name: 'status',
      what: 'show the phase, the instances, what blocks the next step, and the command that comes next',
      options: CUTOVER_STATUS,
      examples: ['ff cutover status', 'ff cutover status --watch'],
      load: async () => (await import('../cutover.ts')).runCutoverStatus,
    }),
    declareCommand({
      name: 'advance',
      what: 'take one step; into db_authoritative only with a GO of the gate',
      options: CUTOVER_ADVANCE,
      examples: ['ff cutover advance', 'ff cutover advance --bound 10'],
      load: async () => (await import('../cutover.ts')).runCutoverAdvance,
    }),
    declareCommand({
      name: 'rollback',
      what: 'go back to an earlier phase with every acknowledged write',
      options: CUTOVER_ROLLBACK,
      examples: ['ff cutover rollback --plan', 'ff cutover rollback --to shadow_read'],
      load: async () => (await import('../cutover.ts')).runCutoverRollback,
    }),
    declareCommand({
      name: 'drill',
      what: 'go through every phase and back on a scratch copy, or to the database of staging and back',
      options: CUTOVER_DRILL,
      examples: ['ff cutover drill --out reports/drill.html', 'ff cutover drill --staging'],
      load: async () => (await import('../drill.ts')).runCutoverDrillCommand,
    }),
    declareCommand({
      name: 'reconcile',
      what: 'list records of one side alone and rows that differ; without --dry-run repair the rows',
      options: CUTOVER_RECONCILE,
      examples: ['ff cutover reconcile --dry-run', 'ff cutover reconcile'],
      load: async () => (await import('../cutover-reconcile.ts')).runCutoverReconcile,
    }),
  ],
}
