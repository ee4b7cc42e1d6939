import { randomInt } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { type KeepOpen, openAll } from '../../concurrency/open-all.ts'
import type { AuthSettings, KeyServerScript, KeyServerStage } from '../../core/auth/contract.ts'
import type {
  Authenticator,
  KeyServer,
  OpenAuthenticator,
  TestAuthenticator,
  TokenVerifier,
} from '../../ports/auth.ts'
import { ManualClock, systemClock } from './clock.ts'
import { openJwksClient, createAuthenticator } from './authenticator.ts'
import type { JwksClient } from './jwks-client.ts'
import { LoopbackJwks } from './loopback-jwks.ts'

/**
 * Opens an authenticator over a key server on a random loopback address that follows the script: with `before`, the
 * server answers one fetch so, takes the last behaviour, and only then `elapsed_s` pass, so that a refresh due in that
 * time meets the last behaviour. Without `before` it fetches nothing until the first token or `loadKeys`. The time of
 * the key set is virtual, so no timeout is waited out; the caller gives the time that claims are judged at. `close`
 * stops client and server.
 * @throws the system's error if the server cannot listen
 */
export async function openScriptedAuthenticator(
  script: KeyServerScript,
  settings: AuthSettings,
): Promise<OpenAuthenticator> {
  const { before, ...last } = script
  const { value, close } = await openAll(async (keep) => {
    const setup = await openTestSetup(before ?? last, settings, keep)
    if (before !== undefined) {
      await withVirtualTime(setup, () => setup.keys.forKid(null))
      await setup.server.setBehaviour(last)
      await advanceTime(setup, before.elapsed_s * 1000)
    }
    return createTestAuthenticator(setup, settings)
  })
  return { ...value, close }
}

async function openTestSetup(
  stage: KeyServerStage,
  settings: AuthSettings,
  keep: KeepOpen,
): Promise<TestSetup> {
  const server = await keep(LoopbackJwks.start(stage, pickLoopbackAddress()))
  const clock = new ManualClock()
  const keys = await keep(Promise.resolve(openJwksClient(server.url, settings.contract, clock)))
  const { timeout_ms } = settings.contract.client
  return { server, clock, keys, timeout_ms, handled: 0 }
}

function createTestAuthenticator(setup: TestSetup, settings: AuthSettings): Authenticator {
  const authenticator = createAuthenticator(setup.keys, settings, setup.clock)
  return {
    ...authenticator,
    verifier: createVirtualTimeVerifier(setup, authenticator.verifier),
    loadKeys: () => withVirtualTime(setup, authenticator.loadKeys),
  }
}

/**
 * Starts a key server on a random loopback address (127.0.0.0/8) and a free port, which runs until its `close`; its
 * behaviour can be changed later.
 * @throws the system's error if it cannot listen
 */
export const openKeyServer = (stage: KeyServerStage): Promise<KeyServer> =>
  LoopbackJwks.start(stage, pickLoopbackAddress())

/**
 * Opens an authenticator over a loopback key server, both returned, with virtual time: `advance` moves the clock by
 * seconds and runs the fetches that fall due. A stalled fetch times out at once. `close` stops client and server.
 *
 * @throws the system's error if the server cannot listen
 */
export async function openTestAuthenticator(
  stage: KeyServerStage,
  settings: AuthSettings,
): Promise<TestAuthenticator> {
  const { value: setup, close } = await openAll((keep) => openTestSetup(stage, settings, keep))
  return {
    ...createTestAuthenticator(setup, settings),
    server: setup.server,
    advance: (seconds) => advanceTime(setup, seconds * 1000),
    close,
  }
}

/**
 * Opens an authenticator over a loopback key server of fixed behaviour, in real time: a stalled fetch waits out its
 * timeout. `close` ends the background refresh and stops the server.
 *
 * @throws the system's error if the server cannot listen
 */
export async function openFixtureAuthenticator(
  stage: KeyServerStage,
  settings: AuthSettings,
): Promise<OpenAuthenticator> {
  const server = await LoopbackJwks.start(stage, pickLoopbackAddress())
  const keys = openJwksClient(server.url, settings.contract, systemClock)
  const close = async (): Promise<void> => {
    keys.close()
    await server.close()
  }
  return { ...createAuthenticator(keys, settings), close }
}

/** A random address of 127.0.0.0/8, all of which is this machine (RFC 1122, 3.2.1.3). */
const pickLoopbackAddress = (): string =>
  `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`

interface TestSetup {
  readonly server: LoopbackJwks
  readonly clock: ManualClock
  readonly keys: JwksClient
  readonly timeout_ms: number
  /** How many of the server's stalls have timed out. */
  handled: number
}

/** Runs work that may fetch; a fetch that the server stalls times out at once in virtual time. */
async function withVirtualTime<T>(setup: TestSetup, work: () => Promise<T>): Promise<T> {
  const done = work()
  let over = false
  const ended = done.finally(() => {
    over = true
  })
  while (!over) {
    await Promise.race([ended, setup.server.stalled(setup.handled)])
    if (over) break
    await setImmediate() // Work that does not wait for the server settles by now.
    if (!over) expireStalledFetches(setup)
  }
  return ended
}

/** Times out the stalled fetch; several requests that wait for one fetch share its timeout. */
function expireStalledFetches(setup: TestSetup): void {
  if (setup.handled === setup.server.stalls) return
  setup.handled = setup.server.stalls
  setup.clock.step(setup.timeout_ms)
}

/** Moves the clock forward and runs the timers that fall due; a stalled fetch costs its timeout, and no more. */
async function advanceTime({ server, clock, keys }: TestSetup, ms: number): Promise<void> {
  const end = clock.now() + ms
  for (let left: number | null = ms; left !== null;) {
    const since = server.stalls
    left = clock.step(end - clock.now())
    if (left !== null) await Promise.race([keys.idle(), server.stalled(since)])
  }
}

const createVirtualTimeVerifier = (setup: TestSetup, verifier: TokenVerifier): TokenVerifier => ({
  verify: (token, at) => withVirtualTime(setup, () => verifier.verify(token, at)),
  explain: (token, at) => withVirtualTime(setup, () => verifier.explain(token, at)),
  signature: (token) => withVirtualTime(setup, () => verifier.signature(token)),
  expiry: (token) => withVirtualTime(setup, () => verifier.expiry(token)),
})
