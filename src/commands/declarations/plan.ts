import { declareCommand, PLAN_CHECK, PLAN_NEW } from './options.ts'
import type { CommandGroup } from './row.ts'

/** The plan of the cutover, which a team fills in. */
export const PLAN: CommandGroup = {
  noun: 'plan',
  what: 'write and check checklists/plan.json, the plan of the cutover',
  job: 'Gate:',
  commands: [
    declareCommand({
      name: 'new',
      what: 'write the plan with all that can be known; asks for the rest on a terminal',
      options: PLAN_NEW,
      examples: ['ff plan new', 'ff plan new --cutover flags-to-postgres --environment staging'],
      load: async () => (await import('../plan.ts')).runPlanNew,
    }),
    declareCommand({
      name: 'check',
      what: 'check the plan by the rules of J1, and say what to write where one is broken',
      options: PLAN_CHECK,
      examples: ['ff plan check', 'ff plan check --format json'],
      load: async () => (await import('../plan.ts')).runPlanCheck,
    }),
  ],
}
