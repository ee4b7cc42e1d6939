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

/** A door with a real key server behind it that goes through the script. Only time is played: no wait is waited out. */
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
  return { ...authenticator, verifier: createVirtualTimeVerifier(setup, authenticator.verifier) }
}

/** A key server that its holder commands. */
export const openKeyServer = (stage: KeyServerStage): Promise<KeyServer> =>
  LoopbackJwks.start(stage, pickLoopbackAddress())

/** A door with such a server behind it, in a time that its holder makes pass. */
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

/** A door with a key server that stays as it is, in real time. */
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

/** One of sixteen million: all of 127.0.0.0/8 is this machine (RFC 1122, 3.2.1.3). */
const pickLoopbackAddress = (): string =>
  `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`

interface TestSetup {
  readonly server: LoopbackJwks
  readonly clock: ManualClock
  readonly keys: JwksClient
  readonly timeout_ms: number
  /** How many of the server's stalls have had their time-out. */
  handled: number
}

/** Does something that may fetch; when the server leaves it without an end, its time-out comes at once, and once. */
async function withVirtualTime<T>(setup: TestSetup, work: () => Promise<T>): Promise<T> {
  const done = work()
  let over = false
  const ended = done.finally(() => {
    over = true
  })
  while (!over) {
    await Promise.race([ended, setup.server.stalled(setup.handled)])
    if (over) break
    await setImmediate() // Whoever does not have to wait for the server is done by now.
    if (!over) expireStalledFetches(setup)
  }
  return ended
}

/** Whatever was left without an end runs into its time-out; several who wait for one fetch have one. */
function expireStalledFetches(setup: TestSetup): void {
  if (setup.handled === setup.server.stalls) return
  setup.handled = setup.server.stalls
  setup.clock.step(setup.timeout_ms)
}

/** Lets time pass, with all that is due in it: a fetch without an end costs the time that it has, and no more. */
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
})
