import { lookup, type LookupAddress, type LookupOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'

type LookupCallback = Parameters<LookupFunction>[2]

/**
 * Creates a DNS lookup function for an HTTP agent that coalesces identical lookups in flight and caches nothing; each
 * waiting caller gets the same result or error. A lookup occupies a thread of libuv's small pool and cannot be
 * cancelled, so many of them would block all file access of the process.
 */
export function createSharedLookup(): LookupFunction {
  const waiting = new Map<string, LookupCallback[]>()
  return (hostname, options, callback) => {
    const key = JSON.stringify([hostname, options.family, options.all, options.hints])
    const others = waiting.get(key)
    if (others !== undefined) return void others.push(callback)
    const all = [callback]
    waiting.set(key, all)
    lookup(hostname, options as LookupOptions, (error, address, family) => {
      waiting.delete(key)
      for (const one of all) one(error, address as string | LookupAddress[], family)
    })
  }
}
