import { createRequire } from 'node:module'
import type pg from 'pg'

const RESPONSE = 'Response'

/**
 * The driver `pg`. Its types are imported from `pg`; its values come from here.
 *
 * At its load pg looks for Cloudflare with `new Response()` where there is no `navigator` (Node 20), which loads all of
 * Node's fetch: 30 ms of each start. Without `Response` it takes Node's sockets at once, as it does after that look.
 */
export const driver: typeof pg = withoutResponse(() => createRequire(import.meta.url)('pg'))

/** Hides the global `Response` while `load` runs, which is synchronous: no other code meets it hidden. */
function withoutResponse<T>(load: () => T): T {
  const response = Object.getOwnPropertyDescriptor(globalThis, RESPONSE)
  if (response === undefined) return load()
  Object.defineProperty(globalThis, RESPONSE, { value: undefined, configurable: true })
  try {
    return load()
  } finally {
    Object.defineProperty(globalThis, RESPONSE, response)
  }
}
