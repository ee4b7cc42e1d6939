import { lookup, type LookupAddress, type LookupOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'

type LookupCallback = Parameters<LookupFunction>[2]

/**
 * Asks for a name once, however many wait for it; nothing is kept. A lookup holds one of the few threads that
 * files are read by, and cannot be called off: many of them would stop whoever has nothing to do with Admin.
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
