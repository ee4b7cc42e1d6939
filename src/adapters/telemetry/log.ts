import pino from 'pino'
import type { HttpObserver } from '../../ports/http.ts'
import type { ServiceLog } from '../../ports/telemetry.ts'

/** Members that could hold a secret or a flag's value, wherever they stand. */
const REDACTED = ['token', 'authorization', 'password', 'url', 'value', 'body', 'headers'].flatMap(
  (name) => [name, `*.${name}`],
)

/** A log of JSON lines. @param write takes a whole line */
export const openServiceLog = (write: (line: string) => void): ServiceLog =>
  pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      redact: { paths: REDACTED, censor: '***' },
    },
    { write },
  ) as ServiceLog

/** Tells a log of what was refused, and of bugs; what went well is for the metrics. */
export const createLoggingObserver = (log: ServiceLog): HttpObserver => ({
  replied: ({ route, status, seconds, request_id, code }) => {
    if (status < 400) return
    const fields = { route, status, code, request_id, ms: Math.round(seconds * 1e4) / 10 }
    if (status >= 500) log.error(fields, 'failed')
    else log.info(fields, 'refused')
  },
  failed: (error, request_id) => log.error({ request_id, error: getTrace(error) }, 'bug'),
})

const FRAME = /^at .*:\d+:\d+\)?$/
/** Where a bug came up. Its message is left out: that may hold anything that a caller sent, or a store said. */
function getTrace(error: unknown): { readonly name: string; readonly at: readonly string[] } {
  if (!(error instanceof Error)) return { name: typeof error, at: [] }
  const { name, message, stack = '' } = error
  const frames = stack.slice(stack.indexOf(message) + message.length).split('\n')
  return { name, at: frames.map((one) => one.trim()).filter((one) => FRAME.test(one)) }
}

const MINUTE_MS = 60_000
/** How many names a minute; more are counted, and not named. */
const MOST_NAMES = 100

/** Logs each caller whose token nobody verified once a minute (page 2, containment). @param now in milliseconds */
export function createUnverifiedLog(log: ServiceLog, now = performance.now.bind(performance)) {
  const named = new Set<string>()
  let since = Number.NEGATIVE_INFINITY
  return (sub: string): void => {
    if (now() - since >= MINUTE_MS) {
      named.clear()
      since = now()
    }
    if (named.has(sub) || named.size >= MOST_NAMES) return
    named.add(sub)
    log.warn({ caller: `unverified:${sub}` }, 'a token was not verified')
  }
}
