import fc from 'fast-check'
import type { Scene } from '../../core/parity/scene.ts'
import type { SearchScenes } from '../../ports/fuzz.ts'
import { scenes } from './scenes.ts'

/**
 * Runs random scenes of the seed through `fails` until one fails, `runs` or `timeMs` (null: no limit) is reached, or
 * `stopped` says so, then shrinks a failing one. Returns as `played` how many ran, the first failing one included and
 * shrinking excluded, and as `smallest` the smallest failing scene found, null if none failed. A stopped search
 * returns what it has. No scene is in flight when it returns.
 * @throws what `fails` throws, which ends the search
 */
export const searchScenes: SearchScenes = async (fails, { runs, seed, timeMs, stopped }) => {
  let smallest: Scene | null = null
  let fault: { readonly error: unknown } | null = null
  let played = 0
  const play = async (scene: Scene): Promise<boolean> => {
    if (fault !== null || stopped()) return true
    try {
      if (smallest === null) played += 1
      if (!(await fails(scene))) return true
    } catch (error) {
      // A lost side is not a failure of the scene: stop, and shrink nothing.
      fault = { error }
      return true
    }
    // Shrinking tries smaller scenes only, so the last failure is the smallest.
    smallest = scene
    return false
  }
  let playing = Promise.resolve(true)
  const property = fc.asyncProperty(scenes, (scene) => (playing = play(scene)))
  await fc.check(property, {
    seed,
    numRuns: runs,
    ...(timeMs === null ? {} : { interruptAfterTimeLimit: timeMs, markInterruptAsFailure: false }),
  })
  // At the time limit fast-check leaves a scene in flight, which would mix its rows with those of the caller's next scene.
  await playing
  const lost = fault as { readonly error: unknown } | null
  if (lost !== null) throw lost.error
  return { played, smallest }
}
