import { type Probe, defineProbe, type ProbeSpec } from './probe.ts'
import type { OpenTestAuthenticator } from '../testbed/test-tokens.ts'
import type { Adapters } from '../../../ports/adapters.ts'

interface AuthenticatorProbeSpec extends Pick<
  ProbeSpec<OpenTestAuthenticator>,
  'version' | 'measure'
> {
  /** Opens what the control is measured on: the same with a deliberate fault. */
  readonly faulty: (adapters: Adapters) => OpenTestAuthenticator
}

/** A probe of what authenticates callers, with a key server on loopback behind it. */
export const defineAuthenticatorProbe = ({
  version,
  faulty,
  measure,
}: AuthenticatorProbeSpec): Probe =>
  defineProbe<OpenTestAuthenticator>({
    version,
    site: 'scratch',
    isolation: 'parallel',
    sound: ({ adapters }, use) => use(adapters.openTestAuthenticator),
    faulty: ({ adapters }, use) => use(faulty(adapters)),
    measure,
  })
