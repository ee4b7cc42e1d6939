import { AUTH_MODES, OVERRIDE_SCOPES, SENSITIVE_PATHS, TTL_STATES } from '../evaluate/types.ts'
import type { VectorCoverage } from './vector.ts'

/** What a set of vectors must reach: the four dimensions of page 1, each value at least once. */
export const DIMENSIONS = {
  auth_mode: AUTH_MODES,
  scope: OVERRIDE_SCOPES,
  sensitive_path: SENSITIVE_PATHS,
  ttl_state: TTL_STATES,
} as const satisfies { readonly [D in keyof VectorCoverage]: readonly string[] }
export type Dimension = keyof typeof DIMENSIONS

export interface CoverageLine {
  readonly dimension: Dimension
  readonly value: string
  readonly vectors: number
}

/** One line for each value of each dimension, those that nobody covers included, at zero. */
export function countCoverage(covers: readonly VectorCoverage[]): readonly CoverageLine[] {
  return (Object.keys(DIMENSIONS) as Dimension[]).flatMap((dimension) =>
    DIMENSIONS[dimension].map((value) => ({
      dimension,
      value,
      vectors: covers.filter((one) => one[dimension] === value).length,
    })),
  )
}
