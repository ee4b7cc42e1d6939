import type { RedisDenial, RedisFailure, RedisFault } from '../../ports/redis.ts'

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
  const failure = Object.hasOwn(REPLIES, code) ? (REPLIES[code] ?? 'failed') : 'failed'
  const denial = code === 'NOPERM' ? readDenial(message) : null
  return { ...makeRedisFault(failure, code), ...(denial === null ? {} : { denial }) }
}

/** `this user` or `User NAME`, by the version of the server. */
const DENIED_COMMAND = /has no permissions to run the '([a-z|_-]+)' command/i
/** The service uses keys and channels below one prefix alone. */
const DENIED_NAMES = [
  [/permissions to access (?:a|one of the) keys?/i, 'to access a key', '~ptt:ff:*'],
  [/permissions to access (?:a|one of the) channels?/i, 'to access a channel', '&ptt:ff:*'],
] as const

/** The right that a reply names; null for a reply of another form, of which nothing is quoted. */
function readDenial(message: string): RedisDenial | null {
  const command = DENIED_COMMAND.exec(message)?.[1]
  if (command !== undefined)
    return {
      said: `the user has no permissions to run the '${command}' command`,
      rule: `+${command.toLowerCase()}`,
    }
  const [, what, rule] = DENIED_NAMES.find(([form]) => form.test(message)) ?? []
  return what === undefined || rule === undefined
    ? null
    : { said: `the user has no permissions ${what}`, rule }
}
