import type { Scenario } from './model.ts'

const ONE_HOST = ['a', 'b']
const TWO_HOSTS = ['a', 'o']

/** What the model check explores: each step of the way, forth and back, and each way out. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'file to dual_write',
    world: { phase: 'file', instances: ONE_HOST },
    command: { do: 'advance', goal: 'dual_write' },
    budget: { ticks: 1, writes: 1, faults: 1 },
  },
  {
    name: 'shadow_read to db_authoritative, one host',
    world: { phase: 'shadow_read', instances: ONE_HOST },
    command: { do: 'advance', goal: 'db_authoritative' },
    budget: { ticks: 1, writes: 1, faults: 1 },
  },
  {
    name: 'shadow_read to db_authoritative, two hosts',
    world: { phase: 'shadow_read', instances: TWO_HOSTS },
    command: { do: 'advance', goal: 'db_authoritative' },
    budget: { ticks: 1, writes: 1, faults: 1 },
  },
  {
    name: 'db_authoritative to shadow_read, two hosts',
    world: { phase: 'db_authoritative', instances: TWO_HOSTS },
    command: { do: 'rollback', goal: 'shadow_read' },
    budget: { ticks: 1, writes: 1, faults: 1 },
  },
  {
    name: 'shadow_read to a drill',
    world: { phase: 'shadow_read', instances: ONE_HOST },
    command: { do: 'drill' },
    budget: { ticks: 1, writes: 1, faults: 1 },
  },
  {
    name: 'a drill is over, and an operator goes back too',
    world: { phase: 'db_authoritative', drillEndsAt: 0, instances: TWO_HOSTS },
    command: { do: 'rollback', goal: 'shadow_read' },
    budget: { ticks: 1, writes: 1, faults: 1 },
  },
  {
    name: 'db_authoritative to complete',
    world: { phase: 'db_authoritative', instances: TWO_HOSTS },
    command: { do: 'advance', goal: 'complete' },
    budget: { ticks: 1, writes: 1, faults: 1 },
  },
  {
    name: 'complete to db_authoritative',
    world: { phase: 'complete', instances: TWO_HOSTS },
    command: { do: 'rollback', goal: 'db_authoritative' },
    budget: { ticks: 1, writes: 1, faults: 1 },
  },
  {
    name: 'dual_write to file',
    world: { phase: 'dual_write', instances: ONE_HOST },
    command: { do: 'rollback', goal: 'file' },
    budget: { ticks: 1, writes: 1, faults: 1 },
  },
  {
    name: 'the database is lost',
    world: { phase: 'db_authoritative', instances: TWO_HOSTS },
    command: { do: 'lose', lost: 'database_lost' },
    budget: { ticks: 4, writes: 1, faults: 1 },
  },
  {
    name: 'the file is lost',
    world: { phase: 'db_authoritative', survivor: 'database', instances: TWO_HOSTS },
    command: { do: 'lose', lost: 'file_lost' },
    budget: { ticks: 4, writes: 1, faults: 1 },
  },
]
