import {
  type Probe,
  defineProbe,
  type ProbeContext,
  type ProbeSpec,
  type WithResource,
  withParams,
} from './probe.ts'
import type { OpenTestAuthenticator } from '../testbed/test-tokens.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { TestAuthenticator, TokenVerifier } from '../../../ports/auth.ts'

/**
 * Defines a probe of the authenticator on site `scratch`, next to others (`parallel`). The subject is the function that
 * opens an authenticator with its key server on loopback: the real one for the measurement, those of `faulty` for the
 * controls. `measure` opens and closes it.
 */
export const defineAuthenticatorProbe = <M extends string>(
  spec: Pick<ProbeSpec<OpenTestAuthenticator, M>, 'version' | 'faulty' | 'measure'>,
): Probe =>
  defineProbe<OpenTestAuthenticator, M>({
    ...spec,
    site: 'scratch',
    isolation: 'parallel',
    sound: ({ adapters }, use) => use(adapters.openTestAuthenticator),
  })

/**
 * Builds the control of an authenticator probe: a resource that lends the authenticator that `open` makes from the
 * adapters, with the parameters `params` over those of the item.
 */
export const plantAuthenticator = (
  open: (adapters: Adapters) => OpenTestAuthenticator,
  params: ProbeContext['params'] = {},
): WithResource<OpenTestAuthenticator> =>
  withParams(({ adapters }, use) => use(open(adapters)), params)

/** What the verifier of a control is made of: the real authenticator, and the arguments that it was opened with. */
export interface VerifierParts {
  readonly adapters: Adapters
  readonly authenticator: TestAuthenticator
  readonly keyServer: Parameters<OpenTestAuthenticator>[0]
  readonly settings: Parameters<OpenTestAuthenticator>[1]
}
/**
 * Builds the control of an authenticator probe with the fault in the verifier alone: opens the real authenticator,
 * replaces its `verify` with the one of `makeVerify`, and measures with the parameters `params` over those of the
 * item.
 */
export const plantVerifier = (
  makeVerify: (parts: VerifierParts) => TokenVerifier['verify'],
  params: ProbeContext['params'] = {},
): WithResource<OpenTestAuthenticator> =>
  plantAuthenticator(
    (adapters) => async (keyServer, settings) => {
      const authenticator = await adapters.openTestAuthenticator(keyServer, settings)
      const verify = makeVerify({ adapters, authenticator, keyServer, settings })
      return { ...authenticator, verifier: { ...authenticator.verifier, verify } }
    },
    params,
  )
