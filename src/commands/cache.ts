import { readCacheStats } from '../features/cache/stats.ts'
import { tailCache } from '../features/cache/tail.ts'
import { readCacheKey } from '../features/serve/secret-file.ts'
import { getEnding } from '../concurrency/ended.ts'
import { CACHE_EVENT_LINES, formatCacheStats } from '../reports/cache-text.ts'
import type { Invocation } from './context.ts'
import type { CACHE_TAIL } from './declarations/cache-options.ts'
import type { DOCUMENT } from './declarations/options.ts'
import { printDocument } from './document.ts'
import { loadSettings } from './settings.ts'

/**
 * `ff cache stats`: prints how many keys each namespace has, and the memory of each primary, and ends `ok`. Changes
 * nothing.
 * @throws FfError `target_invalid` without FF_REDIS_URL or for a bad one, `target_unreachable`, `rights_missing`,
 * `setting_invalid`
 */
export async function runCacheStats(invocation: Invocation<typeof DOCUMENT>): Promise<void> {
  const { env, cwd, adapters } = invocation.context
  const { FF_REDIS_URL } = (await loadSettings(env, cwd)).values
  const stats = await readCacheStats(FF_REDIS_URL, adapters)
  await printDocument(invocation, {
    json: { schemaVersion: 1, ...stats },
    text: formatCacheStats(stats),
  })
}

/**
 * `ff cache tail`: prints each invalidation that arrives, one line each, until a signal. Ends `ok` by SIGTERM,
 * `interrupted` by Ctrl-C.
 * @throws FfError as `runCacheStats`, and `setting_invalid` for a bad FF_CACHE_KEY_FILE
 */
export async function runCacheTail(invocation: Invocation<typeof CACHE_TAIL>): Promise<void> {
  const { context, options } = invocation
  const { FF_REDIS_URL: url, FF_CACHE_KEY_FILE } = (await loadSettings(context.env, context.cwd))
    .values
  const key = await readCacheKey(FF_CACHE_KEY_FILE)
  const controller = new AbortController()
  const stop = context.onSignal((name) => controller.abort(name))
  const { signal } = controller
  try {
    for await (const events of tailCache({ url, key, adapters: context.adapters }, signal))
      await context.io.stdout(events.map(CACHE_EVENT_LINES[options.format]).join(''))
    context.exit = getEnding(signal) === 'terminated' ? 'ok' : 'interrupted'
  } finally {
    stop()
  }
}
