/**
 * By probe name, the part that the probe needs and `ff` does not have yet. A commit that adds the part removes the
 * line.
 */
export const UNIMPLEMENTED_PROBES: Readonly<Record<string, string>> = {
  'dual-write': 'dual writes',
  propagation: 'the cache',
  'lost-message': 'the cache',
  'cache-outage': 'the cache',
  'cache-keys': 'the cache',
  'audit-continuity': 'the audit tools',
  observation: 'the staging observation',
  leak: 'the staging observation',
  'switch-back': 'the cutover',
  'rollback-lossless': 'the cutover',
  'rollback-triggers': 'a served endpoint',
}
