/** Does something with each, no more than so many at once. @returns what came of each, in the order of what was given */
export async function inTurns<T, R>(
  given: readonly T[],
  atOnce: number,
  work: (one: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < given.length; at = next++) results[at] = await work(given[at] as T)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}
