import pino from 'pino'
import type { HttpWitness, ServiceLog } from '../ports.ts'

/** Members that could hold a secret or a flag's value, wherever they stand. */
const REDACTED = ['token', 'authorization', 'password', 'url', 'value', 'body', 'headers'].flatMap(
  (name) => [name, `*.${name}`],
)

/** A log of JSON lines. @param write takes a whole line */
export const openLog = (write: (line: string) => void): ServiceLog =>
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
export const loggingWitness = (log: ServiceLog): HttpWitness => ({
  replied: ({ route, status, seconds, request_id, code }) => {
    if (status < 400) return
    const fields = { route, status, code, request_id, ms: Math.round(seconds * 1e4) / 10 }
    if (status >= 500) log.error(fields, 'failed')
    else log.info(fields, 'refused')
  },
  failed: (error, request_id) => {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
    log.error({ request_id, error: { name, message, stack } }, 'bug')
  },
})
