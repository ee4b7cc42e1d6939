import pino from 'pino'
import type { HttpObserver } from '../../ports/http.ts'
import type { ServiceLog } from '../../ports/telemetry.ts'

/** Members that could hold a secret or a flag's value, at the top level or one level below. */
const REDACTED = ['token', 'authorization', 'password', 'url', 'value', 'body', 'headers'].flatMap(
  (name) => [name, `*.${name}`],
)

/**
 * Opens a log of JSON lines with level and ISO time. Members named as secrets or values, such as `token` or `body`,
 * become `***` at the top level and one below. A line that is not taken at once is dropped and counted; the next one
 * that is taken follows a line with the number of those that were dropped.
 *
 * @param write takes bytes without waiting for their reader, and returns how many it took
 */
export function openServiceLog(write: (bytes: Uint8Array) => number): ServiceLog {
  const lines = new LineWriter(write)
  const log = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      redact: { paths: REDACTED, censor: '***' },
    },
    lines,
  )
  return Object.assign(log, { dropped: () => lines.dropped }) as unknown as ServiceLog
}

const NOTHING = new Uint8Array()
/** Writes whole lines to a reader that may be slow: keeps no more than the rest of one line. */
class LineWriter {
  dropped = 0
  private unreported = 0
  private rest: Uint8Array = NOTHING
  private readonly take: (bytes: Uint8Array) => number

  constructor(take: (bytes: Uint8Array) => number) {
    this.take = take
  }

  write(line: string): void {
    if (this.unreported > 0 && this.put(formatDropped(this.unreported))) this.unreported = 0
    if (this.put(line)) return
    this.dropped += 1
    this.unreported += 1
  }

  /** @returns whether the line is taken, in whole or with a rest that goes out before the next one */
  private put(line: string): boolean {
    this.rest = this.rest.subarray(this.rest.length === 0 ? 0 : this.take(this.rest))
    if (this.rest.length > 0) return false
    const bytes = Buffer.from(line, 'utf8')
    const taken = this.take(bytes)
    if (taken > 0) this.rest = bytes.subarray(taken)
    return taken > 0
  }
}
const formatDropped = (lines: number): string =>
  `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), lines, msg: 'dropped log lines' })}\n`

/**
 * Makes an observer that logs responses from 500 as errors and from 400 as infos, with the duration in ms, and bugs as
 * errors with name and stack frames, without the message. Successful requests appear in the metrics only.
 */
export const createLoggingObserver = (
  log: ServiceLog,
): Pick<HttpObserver, 'replied' | 'failed'> => ({
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
