/**
 * Whether this is a full run: `npm run test:full` sets FF_TEST_SCALE=full. Other runs leave no test out; they repeat less,
 * or hold fewer rows of one kind.
 */
export const FULL = process.env['FF_TEST_SCALE'] === 'full'

/**
 * Milliseconds between two writes of a client, none in a full run or by `npm run crash`: without a pause the writes take
 * both processors from the tests beside them.
 */
export const WRITE_PAUSE_MS = FULL || process.env['FF_CRASHES'] !== undefined ? 0 : 40

/** Set by vitest.config.ts for all processes of a run, and printed at its end. */
const seed = Number(process.env['FF_TEST_SEED'] ?? '0')

/** Parameters of a fast-check property: `full` examples in a full run, else a tenth, at least 100. */
export const examples = (full: number): { readonly numRuns: number; readonly seed: number } => ({
  numRuns: FULL ? full : Math.min(full, Math.max(100, Math.ceil(full / 10))),
  seed,
})

/** All rows in a full run, else the first of each kind. */
export function oneOfEach<T>(rows: readonly T[], getKind: (row: T) => unknown): readonly T[] {
  if (FULL) return rows
  const kinds = new Set<unknown>()
  return rows.filter((row) => {
    const kind = getKind(row)
    return !kinds.has(kind) && kinds.add(kind)
  })
}

/** All rows in a full run, else every n-th, from a place that the seed chooses. */
export const everyNth = <T>(rows: readonly T[], n: number): readonly T[] =>
  FULL ? rows : rows.filter((_, at) => at % n === seed % n)
