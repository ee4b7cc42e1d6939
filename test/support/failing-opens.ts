import { adapters as real } from '../../src/composition.ts'
import type { Adapters } from '../../src/ports/adapters.ts'

type Name = keyof Adapters
/** Adapters whose result has to be closed. */
const OPENERS: readonly Name[] = [
  'cellCredentials',
  'openAdminServer',
  'openApprovals',
  'openClient',
  'openScriptedAuthenticator',
  'openAuthenticator',
  'openKeyServer',
  'openLiveStore',
  'openRows',
  'openSampleStore',
  'openScratch',
  'openServiceStore',
  'openScratchServiceStore',
  'openServer',
  'openTestAuthenticator',
  'openTrail',
]
const CLOSERS = ['close', 'drain'] as const

/** For `failOpen`: no call fails. */
export const NEVER = 0
/** The injected error, distinct from every other one. */
export class OpenFailed extends Error {}

/** Adapters with an injected failure, and a record of their calls. */
export interface FailingOpens {
  readonly adapters: Adapters
  /** Names of all calls so far, in order. */
  readonly calls: readonly Name[]
  /** Adapters whose result is open. */
  stillOpen(): readonly Name[]
}

/**
 * The real adapters; one of their opening calls fails.
 *
 * @param failing number of the call that fails, from 1; `NEVER` for none
 * @param closing runs after each real close; its rejection becomes the close's
 */
export function failOpen(
  failing: number,
  closing: () => Promise<void> = () => Promise.resolve(),
): FailingOpens {
  const calls: Name[] = []
  const open = new Map<object, Name>()
  const wrap = (name: Name): unknown => {
    const opens = real[name] as (...given: readonly unknown[]) => Promise<object>
    return async (...given: readonly unknown[]): Promise<object> => {
      calls.push(name)
      if (calls.length === failing) throw new OpenFailed(`${name}, call ${failing}`)
      return watchClose(await opens(...given), { name, open, closing })
    }
  }
  const opens = Object.fromEntries(OPENERS.map((name) => [name, wrap(name)])) as Partial<Adapters>
  return { adapters: { ...real, ...opens }, calls, stillOpen: () => [...open.values()] }
}

interface Watch {
  readonly name: Name
  readonly open: Map<object, Name>
  readonly closing: () => Promise<void>
}
function watchClose(opened: object, { name, open, closing }: Watch): object {
  open.set(opened, name)
  return new Proxy(opened, {
    get: (held, member) => {
      const found: unknown = Reflect.get(held, member, held)
      if (typeof found !== 'function') return found
      const bound = found.bind(held) as (...given: unknown[]) => unknown
      if (!CLOSERS.some((one) => one === member)) return bound
      return async () => {
        await bound()
        open.delete(held)
        await closing()
      }
    },
  })
}
