import { type Probe, defineProbe, type ProbeSpec } from './probe.ts'
import type { OpenTestAuthenticator } from '../testbed/test-tokens.ts'
import type { Adapters } from '../../../ports/adapters.ts'

interface AuthenticatorProbeSpec extends Pick<
  ProbeSpec<OpenTestAuthenticator>,
  'version' | 'measure'
> {
  /** Opens the authenticator of the control: the real one with a planted fault. */
  readonly faulty: (adapters: Adapters) => OpenTestAuthenticator
}

/** Defines a probe of the authenticator, with a key server on loopback. */
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
