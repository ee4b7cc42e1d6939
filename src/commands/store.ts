import { initStore } from '../features/serve/init-store.ts'
import { quoteForShell, quoteValue } from '../core/text/quote.ts'
import type { Invocation } from './context.ts'

/**
 * `ff store init DIR`: creates an empty file store, and its folder if missing, prints the command that serves it, and
 * ends `ok`.
 * @throws FfError `option_invalid` where the folder holds a store already, and the errors of a file store, such as
 * `rights_missing` or `disk_full`
 */
export async function runStoreInit({ context, words }: Invocation): Promise<void> {
  const [folder = ''] = words
  await initStore(folder, context.adapters)
  await context.io.stdout(
    `Created an empty file store in ${quoteValue(folder)}. Serve it with:\n  FF_STORE_DIR=${quoteForShell(folder)} FF_ENV=dev ff serve\n`,
  )
  context.exit = 'ok'
}
