import { type Probe, probe, type ProbeSpec } from './probe.ts'
import type { OpenDoor } from '../testbed/test-tokens.ts'
import type { Adapters } from '../../../ports/adapters.ts'

interface DoorProbeSpec extends Pick<ProbeSpec<OpenDoor>, 'version' | 'measure'> {
  /** Opens what the control is measured on: the same with a deliberate fault. */
  readonly faulty: (adapters: Adapters) => OpenDoor
}

/** A probe of what authenticates callers, with a key server on loopback behind it. */
export const doorProbe = ({ version, faulty, measure }: DoorProbeSpec): Probe =>
  probe<OpenDoor>({
    version,
    site: 'scratch',
    company: 'together',
    honest: ({ adapters }, use) => use(adapters.openStagedDoor),
    faulty: ({ adapters }, use) => use(faulty(adapters)),
    measure,
  })
