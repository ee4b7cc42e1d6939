import pino from 'pino'
import type { HttpObserver } from '../../ports/http.ts'
import type { ServiceLog } from '../../ports/telemetry.ts'

/** Members that could hold a secret or a flag's value, at the top level or one level below. */
const REDACTED = ['token', 'authorization', 'password', 'url', 'value', 'body', 'headers'].flatMap(
  (name) => [name, `*.${name}`],
)

/**
 * Opens a log of JSON lines with level and ISO time. Members named as secrets or values, such as `token` or `body`,
 * become `***` at the top level and one below.
 *
 * @param write receives one whole line with its line feed
 */
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

/**
 * Makes an observer that logs responses from 500 as errors and from 400 as infos, with the duration in ms, and bugs as
 * errors with name and stack frames, without the message. Successful requests appear in the metrics only.
 */
export const createLoggingObserver = (log: ServiceLog): HttpObserver => ({
  replied: ({ route, status, seconds, request_id, code }) => {
    if (status < 400) return
    const fields = { route, status, code, request_id, ms: Math.round(seconds * 1e4) / 10 }
    if (status >= 500) log.error(fields, 'request failed')
    else log.info(fields, 'request refused')
  },
  failed: (error, request_id) => log.error({ request_id, error: getTrace(error) }, 'bug'),
})

const FRAME = /^at .*:\d+:\d+\)?$/
/** Name and stack frames of an error, without its message, which may quote a request or a row. */
function getTrace(error: unknown): { readonly name: string; readonly at: readonly string[] } {
  if (!(error instanceof Error)) return { name: typeof error, at: [] }
  const { name, message, stack = '' } = error
  const frames = stack.slice(stack.indexOf(message) + message.length).split('\n')
  return { name, at: frames.map((one) => one.trim()).filter((one) => FRAME.test(one)) }
}

const MINUTE_MS = 60_000
/** Callers logged per minute; further ones are only counted in the metrics. */
const MOST_NAMES = 100

/**
 * Makes a function that logs a caller with an unverified token as a warning, at most once a minute each and for at most
 * 100 callers a minute; further ones are dropped.
 *
 * @param now monotonic, in milliseconds
 */
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
    log.warn({ caller: `unverified:${sub}` }, 'accepted an unverified token')
  }
}
