import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { RedisClient, RedisFault, RedisOutcome } from '../../ports/redis.ts'

/** For a person who waits: a slow Redis is still inspected. */
const DEADLINE_MS = 2_000

/**
 * Opens the Redis of FF_REDIS_URL; close it.
 * @throws FfError `target_invalid` without a URL, or for one of another form
 */
export async function openRedis(url: string | null, adapters: Adapters): Promise<RedisClient> {
  if (url === null)
    throw new FfError('target_invalid', 'FF_REDIS_URL is not set, so there is no cache.', {
      hint: 'Name the Redis of the service, for example with `export FF_REDIS_URL=redis://127.0.0.1:6379`.',
    })
  return adapters.connectRedis(url, { deadlineMs: DEADLINE_MS })
}

/** The value of a call. @throws FfError `rights_missing` for refused credentials or rights, `target_unreachable` */
export function getOrThrow<T>(outcome: RedisOutcome<T>): T {
  if (outcome.ok) return outcome.value
  throw makeRedisError(outcome)
}

/** Makes, without throwing it, the FfError of a call that gave no result: `rights_missing` or `target_unreachable`. */
export function makeRedisError({ failure, code, denial }: Omit<RedisFault, 'ok'>): FfError {
  const why = code === '' ? failure : `${failure}, ${code}`
  if (failure !== 'denied')
    return new FfError(
      'target_unreachable',
      `The Redis of FF_REDIS_URL gives no answer (${why}).`,
      {
        hint: 'Check a single server with `redis-cli -u "$FF_REDIS_URL" PING`, the other forms at each of their addresses, then run the command again.',
      },
    )
  if (denial === undefined)
    return new FfError('rights_missing', `Redis refuses the user of FF_REDIS_URL (${why}).`, {
      hint: 'Correct user and password of FF_REDIS_URL, or give the user the rights of docs/reference/cache.md.',
    })
  return new FfError(
    'rights_missing',
    `Redis refuses the user of FF_REDIS_URL (${code}): ${denial.said}.`,
    {
      hint: `As an administrator of Redis run \`ACL SETUSER ff ${denial.rule}\`, with the name of the user in place of ff, on each server; docs/reference/cache.md has the whole line.`,
    },
  )
}
