import type { Scene } from '../core/parity/scene.ts'

/** Looks for a scene that fails, by making scenes at random. @param fails rejects where a side was lost */
export type SearchScenes = (
  fails: (scene: Scene) => Promise<boolean>,
  options: {
    readonly runs: number
    readonly seed: number
    /** The search ends after this long, with what it has; null for all runs. */
    readonly timeMs: number | null
    readonly stopped: () => boolean
  },
) => Promise<{
  /** How many scenes were tried until the first that failed, or all of them. */
  readonly played: number
  /** Null where none failed. */
  readonly smallest: Scene | null
}>
