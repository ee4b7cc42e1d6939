/** Something that stays open until it is closed. */
export interface Closable {
  close(): unknown
}

/** Waits for something that is being opened, and has it closed with the rest. @param close how, where not by its own `close` */
export interface KeepOpen {
  <C extends Closable>(opening: Promise<C>): Promise<C>
  <R>(opening: Promise<R>, close: (opened: R) => unknown): Promise<R>
}

/**
 * Opens several things, in sequence or at once, that stay open until `close` is called.
 *
 * When `open` fails, it closes everything that was kept, also what was still being opened at that moment, and throws
 * what `open` threw. What is kept after that, by work that was still under way, is closed as soon as it is open.
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
    if (closed)
      closeAll([closable]).catch(() => undefined) // The result of the whole is out already.
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

/** Runs `use` and then closes everything that it kept. Throws the first error of all. */
export async function closeAfter<T>(use: (keep: KeepOpen) => Promise<T>): Promise<T> {
  const { value, close } = await openAll(use)
  await close()
  return value
}

/**
 * Opens everything at once, runs `use` on it and closes everything. Throws the first error of all; of several that
 * cannot be opened, the error of the one that stands first.
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
 * Closes what is open or still being opened, one after the other. A close that fails does not keep the others from
 * being closed; the first such error is thrown at the end. What could not be opened needs no closing.
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
