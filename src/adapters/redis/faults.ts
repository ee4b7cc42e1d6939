import type { RedisFailure, RedisFault } from '../../ports/redis.ts'

/** Failures by the first word of an error reply. */
const REPLIES: Readonly<Record<string, RedisFailure>> = {
  WRONGTYPE: 'wrong_type',
  READONLY: 'read_only',
  OOM: 'full',
  MISCONF: 'full',
  NOAUTH: 'denied',
  WRONGPASS: 'denied',
  NOPERM: 'denied',
  LOADING: 'unready',
  MASTERDOWN: 'unready',
  NOREPLICAS: 'unready',
  CLUSTERDOWN: 'unready',
  TRYAGAIN: 'unready',
  BUSY: 'unready',
}

/** Failures of the connection or of the whole server, which count for the circuit breaker. */
const OUTAGES: ReadonlySet<RedisFailure> = new Set(['unreachable', 'timeout', 'unready'])

/** A call without a result. @param code the system's error code or the first word of the reply; empty without one */
export const makeRedisFault = (failure: RedisFailure, code = ''): RedisFault => ({
  ok: false,
  failure,
  code,
})

/** Whether a failure is of the connection or of the whole server, and so counts for the circuit breaker. */
export const isRedisOutage = ({ failure }: RedisFault): boolean => OUTAGES.has(failure)

/**
 * Maps an error of the client, null for a connection that was lost without one. Drops its text and its command, which may
 * hold keys, values and the password.
 */
export function toRedisFault(error: unknown): RedisFault {
  if (!(error instanceof Error)) return makeRedisFault('unreachable')
  // A cluster of which no node answers.
  if ('lastNodeError' in error) return toRedisFault(error.lastNodeError)
  if (error.name === 'ReplyError') return toFaultOfReply(error.message)
  // A failed ready check quotes the reply: `Ready check failed: NOAUTH Authentication required.`
  const [, quoted] = /^Ready check failed: (.*)$/s.exec(error.message) ?? []
  if (quoted !== undefined) return toFaultOfReply(quoted)
  return makeRedisFault('unreachable', 'code' in error ? String(error.code) : '')
}

function toFaultOfReply(message: string): RedisFault {
  const [code = ''] = /^[A-Z]+(?= )/.exec(message) ?? []
  return makeRedisFault(Object.hasOwn(REPLIES, code) ? (REPLIES[code] ?? 'failed') : 'failed', code)
}
