import { invalidateCache } from '../features/cache/invalidate.ts'
import { readCacheStats } from '../features/cache/stats.ts'
import { tailCache } from '../features/cache/tail.ts'
import { readCacheKey } from '../features/serve/secret-file.ts'
import { getEnding } from '../concurrency/ended.ts'
import { CACHE_EVENT_LINES, formatCacheStats } from '../reports/cache-text.ts'
import { FfError } from '../errors.ts'
import type { Invocation } from './context.ts'
import type { CACHE_INVALIDATE, CACHE_TAIL } from './declarations/cache-options.ts'
import type { DOCUMENT } from './declarations/options.ts'
import { printDocument } from './document.ts'
import { readInputLines } from './input.ts'
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
    text: (width) => formatCacheStats(stats, width),
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

/** Longer than any token. */
const MAX_TOKEN_BYTES = 65_536

/**
 * `ff cache invalidate TARGET`: asks a service with the token of the first line of stdin, prints the number of the audit
 * record, and ends `ok`.
 * @throws FfError `nothing_to_check` without a token, and the errors of `invalidateCache`
 */
export async function runCacheInvalidate({
  context,
  words,
  options,
}: Invocation<typeof CACHE_INVALIDATE>): Promise<void> {
  const { env, io, adapters } = context
  const stdin = io.stdin()
  const { value } = await readInputLines(stdin, MAX_TOKEN_BYTES).next()
  stdin.destroy()
  const token = value?.text.trim() ?? ''
  if (token === '')
    throw new FfError(
      'nothing_to_check',
      'Standard input is empty, so there is no token to send.',
      {
        hint: 'Redirect a file with a token: `ff cache invalidate global --service URL < token.txt`.',
      },
    )
  const { service } = options
  const seq = await invalidateCache({ what: words[0] ?? '', service, token, env }, adapters)
  await io.stdout(`invalidated (audit record ${seq})\n`)
  context.exit = 'ok'
}
