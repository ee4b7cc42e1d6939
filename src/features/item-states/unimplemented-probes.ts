/** Why no measurement of a probe counts yet, and the part that it needs. */
interface ProbeGap {
  /** `no_probe`: nothing measures it; `scratch_only`: it measures on scratch what the checklist wants of staging. */
  readonly gap: 'no_probe' | 'scratch_only'
  readonly needs: string
}

/** By probe name. A commit that adds the part removes the line. */
export const PROBE_GAPS: Readonly<Record<string, ProbeGap>> = {
  'dual-write': { gap: 'scratch_only', needs: '`ff cutover drill --staging`' },
  capacity: { gap: 'scratch_only', needs: 'a load on the instances of staging by many callers' },
  'admin-blast-radius': { gap: 'scratch_only', needs: 'a failure of the Admin of staging' },
  alerts: { gap: 'scratch_only', needs: 'the rules and faults of the Prometheus of staging' },
}

/** The probes that do not exist yet: by name, the part of the product that each needs, in words. */
export const UNIMPLEMENTED_PROBES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(PROBE_GAPS).flatMap(([name, { gap, needs }]) =>
    gap === 'no_probe' ? [[name, needs]] : [],
  ),
)
