/** Something that must be closed, whatever happens in between. */
export interface Closable {
  close(): Promise<void>
}

/**
 * Opens both sides at once and closes both at the end, whatever happened; when `use` or a `close` fails,
 * the first failure is what is told.
 */
export async function withBoth<A extends Closable, B extends Closable, T>(
  open: readonly [() => Promise<A>, () => Promise<B>],
  use: (a: A, b: B) => Promise<T>,
): Promise<T> {
  const opened = await Promise.allSettled([open[0](), open[1]()] as const)
  const failures: unknown[] = []
  let result: { readonly value: T } | undefined
  try {
    const [a, b] = opened
    if (a.status === 'rejected') throw a.reason
    if (b.status === 'rejected') throw b.reason
    result = { value: await use(a.value, b.value) }
  } catch (error) {
    failures.push(error)
  }
  for (const side of opened) {
    if (side.status === 'rejected') continue
    await side.value.close().catch((error: unknown) => failures.push(error))
  }
  if (failures.length > 0 || result === undefined) throw failures[0]
  return result.value
}
