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

/**
 * Defines a probe of the authenticator on site `scratch`, next to others (`parallel`). The subject is the function that
 * opens an authenticator with its key server on loopback: the real one for the measurement, that of `faulty` for the
 * control. `measure` opens and closes it.
 */
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
