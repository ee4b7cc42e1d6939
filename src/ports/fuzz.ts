import type { Scene } from '../core/parity/scene.ts'

/**
 * Searches random scenes for one that fails, then shrinks it.
 *
 * @param fails runs a scene on both sides; whether they differ. Its rejection ends the search and is thrown
 */
export type SearchScenes = (
  fails: (scene: Scene) => Promise<boolean>,
  options: {
    readonly runs: number
    readonly seed: number
    /** Time limit of the search, which then returns its result so far; null for none. */
    readonly timeMs: number | null
    readonly stopped: () => boolean
  },
) => Promise<{
  /** Scenes run up to and including the first that failed, or all of them. */
  readonly played: number
  /** The smallest failing scene; null where none failed. */
  readonly smallest: Scene | null
}>
