import { CACHE_FAULTS } from './cache-faults.ts'
import { COMPARER_FAULTS } from './comparer-faults.ts'
import { EDGE_FAULTS } from './edge-faults.ts'
import type { PlantedFault } from './fault.ts'
import { READ_FAULTS } from './read-faults.ts'
import { ROW_FAULTS } from './row-faults.ts'
import { RULE_FAULTS } from './rule-faults.ts'
import { SERVED_FAULTS } from './served-faults.ts'
import { STORED_FAULTS } from './stored-faults.ts'

/** Every fault that the selftest plants. A new proof adds its faults here. */
export const FAULT_CATALOGUE: readonly PlantedFault[] = [
  ...COMPARER_FAULTS,
  ...ROW_FAULTS,
  ...READ_FAULTS,
  ...EDGE_FAULTS,
  ...RULE_FAULTS,
  ...STORED_FAULTS,
  ...SERVED_FAULTS,
  ...CACHE_FAULTS,
]
