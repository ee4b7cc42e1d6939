/** A resource that stays open until `close` is called. */
export interface Closable {
  close(): unknown
}

/**
 * Registers a resource that is being opened, to be closed with the others, and returns the same promise.
 *
 * @param close closes a resource that has no `close` method of its own
 */
export interface KeepOpen {
  <C extends Closable>(opening: Promise<C>): Promise<C>
  <R>(opening: Promise<R>, close: (opened: R) => unknown): Promise<R>
}

/**
 * Opens several resources, in sequence or in parallel, and returns the result of `open` and a `close` for all: last
 * registered first, one after the other, as `closeAll`. If `open` fails, it closes every registered resource, also one
 * that is still being opened; one registered after that is closed as soon as it is open.
 *
 * @throws the error of `open`
 */
export async function openAll<T>(
  open: (keep: KeepOpen) => Promise<T>,
): Promise<{ readonly value: T; readonly close: () => Promise<void> }> {
  const kept: Promise<Closable>[] = []
  let closed = false
  const keep = <R>(opening: Promise<R>, close?: (opened: R) => unknown): Promise<R> => {
    const closable = opening.then((opened) =>
      close === undefined ? (opened as Closable) : { close: () => close(opened) },
    )
    closable.catch(() => undefined) // The caller gets the error from `opening`.
    if (closed) closeAll([closable]).catch(() => undefined) // The promise of `openAll` is settled already.
    else kept.push(closable)
    return opening
  }
  const close = (): Promise<void> => {
    closed = true
    return closeAll(kept.splice(0).reverse())
  }
  try {
    return { value: await open(keep as KeepOpen), close }
  } catch (error) {
    await close().catch(() => undefined) // The first error is the one to report.
    throw error
  }
}

/**
 * The result of `use`, after closing every resource that it registered, also if it fails.
 *
 * @throws the error of `use`, else the first error of a close
 */
export async function closeAfter<T>(use: (keep: KeepOpen) => Promise<T>): Promise<T> {
  const { value, close } = await openAll(use)
  await close()
  return value
}

/**
 * Opens all resources in parallel, runs `use` on them, closes them and returns the result of `use`, which does not run
 * if an opening fails.
 *
 * @throws the first error; of several failed openings, that of the first in the list
 */
export const withAll = <R extends Closable[] | [], T>(
  openers: { readonly [K in keyof R]: () => Promise<R[K]> },
  use: (...opened: NoInfer<R>) => Promise<T>,
): Promise<T> =>
  closeAfter(async (keep) => {
    const opening = openers.map(async (open) => keep(open()))
    await Promise.allSettled(opening)
    return use(...((await Promise.all(opening)) as unknown as R))
  })

/**
 * Closes resources one after the other, once each is open; an opening that fails is skipped. A failed close does not
 * keep the others open.
 *
 * @throws the first error of a close, after all were closed
 */
export async function closeAll(all: Iterable<Promise<Closable>>): Promise<void> {
  const failures: unknown[] = []
  for (const one of await Promise.allSettled(all)) {
    if (one.status === 'rejected') continue
    try {
      await one.value.close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}
