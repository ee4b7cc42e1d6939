/** An export that a test may replace while the program runs. */
interface Handle {
  readonly name: string
  readonly real: Replaceable
  current: Replaceable
  calls: number
}
// Parameter types do not matter here; `replace` requires both functions or classes to have one type.
type Replaceable = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown)

const handles = new WeakMap<object, Handle>()

/** For `vi.mock(import('...'), replaceable)`: makes the functions and classes of the module replaceable. */
export async function replaceable<M extends object>(load: () => Promise<M>): Promise<M> {
  const entries = Object.entries(await load()).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'function' ? wrap(name, value as Replaceable) : value,
  ])
  return Object.fromEntries(entries) as M
}

function wrap(name: string, real: Replaceable): object {
  const handle: Handle = { name, real, current: real, calls: 0 }
  const wrapped: object = new Proxy(real, {
    apply: (_, self, args) => {
      handle.calls += 1
      return Reflect.apply(handle.current as () => unknown, self, args) as unknown
    },
    construct: (_, args, target) => {
      handle.calls += 1
      const current = handle.current as new () => object
      return Reflect.construct(current, args, target === wrapped ? current : target) as object
    },
  })
  handles.set(wrapped, handle)
  return wrapped
}

/** A fault injection: the replacement of one function or class of the program. */
export interface Fault {
  readonly handle: Handle
  readonly change: (real: never) => unknown
}

/** Describes the replacement of an export. @throws where the module of `target` is not mocked as `replaceable` */
export function replace<T extends Replaceable>(target: T, change: (real: T) => T): Fault {
  const handle = handles.get(target)
  if (handle === undefined) throw new Error(`${target.name} is of a module that is not replaceable`)
  return { handle, change }
}

/**
 * Runs a function with an active fault.
 *
 * @throws where the run never called the replaced function or class
 */
export async function withFault<T>({ handle, change }: Fault, run: () => Promise<T>): Promise<T> {
  handle.current = change(handle.real as never) as Replaceable
  handle.calls = 0
  try {
    const result = await run()
    if (handle.calls === 0) throw new Error(`${handle.name} was replaced and never called`)
    return result
  } finally {
    handle.current = handle.real
  }
}
