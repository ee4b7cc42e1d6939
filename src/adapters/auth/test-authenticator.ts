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
    const scene = await openScene(before ?? last, settings, keep)
    if (before !== undefined) {
      await played(scene, () => scene.keys.forKid(null))
      await scene.server.setBehaviour(last)
      await pass(scene, before.elapsed_s * 1000)
    }
    return getAuthenticator(scene, settings)
  })
  return { ...value, close }
}

async function openScene(
  stage: KeyServerStage,
  settings: AuthSettings,
  keep: KeepOpen,
): Promise<Scene> {
  const server = await keep(LoopbackJwks.start(stage, ownAddress()))
  const clock = new ManualClock()
  const keys = await keep(Promise.resolve(openJwksClient(server.url, settings.contract, clock)))
  const { timeout_ms } = settings.contract.client
  return { server, clock, keys, timeout_ms, handled: 0 }
}

function getAuthenticator(scene: Scene, settings: AuthSettings): Authenticator {
  const authenticator = createAuthenticator(scene.keys, settings, scene.clock)
  return { ...authenticator, verifier: playedVerifier(scene, authenticator.verifier) }
}

/** A key server that its holder commands. */
export const openKeyServer = (stage: KeyServerStage): Promise<KeyServer> =>
  LoopbackJwks.start(stage, ownAddress())

/** A door with such a server behind it, in a time that its holder makes pass. */
export async function openTestAuthenticator(
  stage: KeyServerStage,
  settings: AuthSettings,
): Promise<TestAuthenticator> {
  const { value: scene, close } = await openAll((keep) => openScene(stage, settings, keep))
  return {
    ...getAuthenticator(scene, settings),
    server: scene.server,
    advance: (seconds) => pass(scene, seconds * 1000),
    close,
  }
}

/** A door with a key server that stays as it is, in real time. */
export async function openFixtureAuthenticator(
  stage: KeyServerStage,
  settings: AuthSettings,
): Promise<OpenAuthenticator> {
  const server = await LoopbackJwks.start(stage, ownAddress())
  const keys = openJwksClient(server.url, settings.contract, systemClock)
  const close = async (): Promise<void> => {
    keys.close()
    await server.close()
  }
  return { ...createAuthenticator(keys, settings), close }
}

/** One of sixteen million: all of 127.0.0.0/8 is this machine (RFC 1122, 3.2.1.3). */
const ownAddress = (): string =>
  `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`

interface Scene {
  readonly server: LoopbackJwks
  readonly clock: ManualClock
  readonly keys: JwksClient
  readonly timeout_ms: number
  /** How many of the server's stalls have had their time-out. */
  handled: number
}

/** Does something that may fetch; when the server leaves it without an end, its time-out comes at once, and once. */
async function played<T>(scene: Scene, work: () => Promise<T>): Promise<T> {
  const done = work()
  let over = false
  const ended = done.finally(() => {
    over = true
  })
  while (!over) {
    await Promise.race([ended, scene.server.stalled(scene.handled)])
    if (over) break
    await setImmediate() // Whoever does not have to wait for the server is done by now.
    if (!over) timeOut(scene)
  }
  return ended
}

/** Whatever was left without an end runs into its time-out; several who wait for one fetch have one. */
function timeOut(scene: Scene): void {
  if (scene.handled === scene.server.stalls) return
  scene.handled = scene.server.stalls
  scene.clock.step(scene.timeout_ms)
}

/** Lets time pass, with all that is due in it: a fetch without an end costs the time that it has, and no more. */
async function pass({ server, clock, keys }: Scene, ms: number): Promise<void> {
  const end = clock.now() + ms
  for (let left: number | null = ms; left !== null;) {
    const since = server.stalls
    left = clock.step(end - clock.now())
    if (left !== null) await Promise.race([keys.idle(), server.stalled(since)])
  }
}

const playedVerifier = (scene: Scene, verifier: TokenVerifier): TokenVerifier => ({
  verify: (token, at) => played(scene, () => verifier.verify(token, at)),
  explain: (token, at) => played(scene, () => verifier.explain(token, at)),
  signature: (token) => played(scene, () => verifier.signature(token)),
})
