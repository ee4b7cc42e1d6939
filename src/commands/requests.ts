import { escapeLine } from '../core/text/terminal.ts'
import { convertRequests, describeCounts } from '../features/parity/convert-requests.ts'
import type { Invocation } from './context.ts'
import type { REQUESTS_CONVERT } from './declarations/mapping-options.ts'

/**
 * `ff requests convert LOG`: prints the requests of an access log on stdout, one JSON object a line, and on stderr how
 * many lines were left out or refused, and why; ends `no_go` where any was refused.
 * @throws FfError those of `convertRequests`, and the error of writing stdout
 */
export async function runRequestsConvert({
  context,
  options,
  words,
}: Invocation<typeof REQUESTS_CONVERT>): Promise<void> {
  const { io } = context
  const controller = new AbortController()
  const stop = context.onSignal((name) => controller.abort(name))
  try {
    const { made, left, refused } = await convertRequests({
      log: words[0] ?? '',
      format: options.log,
      map: options.map,
      signal: controller.signal,
      write: (lines) => io.stdout(lines),
    })
    io.stderr(`${made} requests\n`)
    if (left.size > 0) io.stderr(`left out: ${describeCounts(left)}\n`)
    for (const [code, { count, first }] of refused) {
      io.stderr(`refused ${count}: ${code}\n`)
      for (const { line, reason } of first)
        io.stderr(`${escapeLine(`  line ${line}: ${reason}`)}\n`)
    }
    context.exit = refused.size > 0 ? 'no_go' : 'ok'
  } finally {
    stop()
  }
}
