import type { AuthSettings, KeyServerScript } from '../core/auth/contract.ts'
import type { OpenDoor, TokenVerifier } from '../ports.ts'
import { ManualClock, systemClock } from './clock.ts'
import { liveKeys, makeDoor } from './door.ts'
import type { JwksClient } from './jwks-client.ts'
import { LoopbackJwks } from './loopback-jwks.ts'

/** A door with a real key server behind it that goes through the script. Only time is played: no wait is waited out. */
export async function openScriptedDoor(
  script: KeyServerScript,
  settings: AuthSettings,
): Promise<OpenDoor> {
  const { before, ...last } = script
  const server = await LoopbackJwks.start(before ?? last)
  const clock = new ManualClock()
  const keys = liveKeys(server.url, settings.contract, clock)
  const scene: Scene = { server, clock, keys }
  if (before !== undefined) {
    await played(scene, () => keys.forKid(null))
    await server.become(last)
    await pass(scene, before.elapsed_s * 1000)
  }
  const { rules, verifier } = makeDoor(keys, settings, clock)
  return {
    rules,
    verifier: playedVerifier(scene, verifier),
    close: async () => {
      keys.close()
      await server.close()
    },
  }
}

/** A door with a key server that stays as it is, in real time. */
export async function openSteadyDoor(
  stage: KeyServerScript,
  settings: AuthSettings,
): Promise<OpenDoor> {
  const server = await LoopbackJwks.start(stage)
  const keys = liveKeys(server.url, settings.contract, systemClock)
  const close = async (): Promise<void> => {
    keys.close()
    await server.close()
  }
  return { ...makeDoor(keys, settings), close }
}

interface Scene {
  readonly server: LoopbackJwks
  readonly clock: ManualClock
  readonly keys: JwksClient
}

/** Does something that may fetch; when the server leaves it without an end, its time-out comes at once. */
async function played<T>({ server, clock }: Scene, work: () => Promise<T>): Promise<T> {
  const since = server.stalls
  const done = work()
  const stalled = server.stalled(since).then(() => 'stalled' as const)
  if ((await Promise.race([done, stalled])) === 'stalled') clock.step(HOUR_MS)
  return done
}
const HOUR_MS = 3_600_000

/** Lets time pass, with all that is due in it. */
async function pass(scene: Scene, ms: number): Promise<void> {
  let left: number | null = ms
  while (left !== null) {
    left = scene.clock.step(left)
    await played(scene, () => scene.keys.idle())
  }
}

const playedVerifier = (scene: Scene, verifier: TokenVerifier): TokenVerifier => ({
  verify: (token, at) => played(scene, () => verifier.verify(token, at)),
  explain: (token, at) => played(scene, () => verifier.explain(token, at)),
  signature: (token) => played(scene, () => verifier.signature(token)),
})
