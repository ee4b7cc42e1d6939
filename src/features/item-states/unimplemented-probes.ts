/** What a probe needs that `ff` does not have yet, by the probe's name. Whoever brings it takes the line away. */
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
