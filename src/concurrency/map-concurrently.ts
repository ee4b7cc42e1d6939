/**
 * Maps a list with at most `atOnce` calls in flight.
 * @returns the results in list order; empty for an empty list
 * @throws the first error, without waiting for the calls in flight, which go on to take further items
 */
export async function mapConcurrently<T, R>(
  list: readonly T[],
  atOnce: number,
  map: (one: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < list.length; at = next++) results[at] = await map(list[at] as T)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}
