import fc from 'fast-check'
import type { Scene } from '../../core/parity/scene.ts'
import type { SearchScenes } from '../../ports/fuzz.ts'
import { scenes } from './scenes.ts'

/** Looks for a scene that fails, and makes the smallest one of it that still does. */
export const searchScenes: SearchScenes = async (fails, { runs, seed, timeMs, stopped }) => {
  let smallest: Scene | null = null
  let fault: { readonly error: unknown } | null = null
  let played = 0
  const property = fc.asyncProperty(scenes, async (scene) => {
    if (fault !== null || stopped()) return true
    try {
      if (smallest === null) played += 1
      if (!(await fails(scene))) return true
    } catch (error) {
      // A side that was lost is no failure of the scene, and nothing is made smaller of it.
      fault = { error }
      return true
    }
    // While it shrinks only smaller ones are tried, so the last to fail is the smallest.
    smallest = scene
    return false
  })
  await fc.check(property, {
    seed,
    numRuns: runs,
    ...(timeMs === null ? {} : { interruptAfterTimeLimit: timeMs, markInterruptAsFailure: false }),
  })
  const lost = fault as { readonly error: unknown } | null
  if (lost !== null) throw lost.error
  return { played, smallest }
}
