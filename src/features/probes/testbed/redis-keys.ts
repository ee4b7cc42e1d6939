import { KEY_PREFIX } from '../../../core/cache/keys.ts'
import { FfError } from '../../../errors.ts'
import type { RedisClient, RedisKey } from '../../../ports/redis.ts'
import { getOrThrow } from '../../cache/open-redis.ts'

/** The keys of a Redis: names of those outside of the prefix of ff, and its own. */
export interface ListedKeys {
  readonly outside: readonly string[]
  readonly own: readonly RedisKey[]
}

/** Far more than the cache of one measurement has. */
const MOST_KEYS = 1_000_000
const AT_ONCE = 500

/**
 * Lists all keys of the database that a client has selected, and when its own ones expire; reads no value.
 *
 * @throws FfError `target_unreachable`, `rights_missing`, `proof_inconclusive` for more than a million keys
 */
export async function listRedisKeys(client: RedisClient): Promise<ListedKeys> {
  const listed = await client.listKeys('*', MOST_KEYS)
  if (!listed.ok && listed.failure === 'too_large') throw makeTooManyError()
  const names = getOrThrow(listed)
  const own = names.filter((name) => name.startsWith(KEY_PREFIX))
  const keys: RedisKey[] = []
  for (let at = 0; at < own.length; at += AT_ONCE) {
    const batch = own.slice(at, at + AT_ONCE)
    const expiries = getOrThrow(await client.readExpiries(batch))
    keys.push(...batch.map((name, index) => ({ name, ttl_ms: expiries[index] ?? null })))
  }
  return {
    outside: names.filter((name) => !name.startsWith(KEY_PREFIX)),
    own: keys.filter(({ ttl_ms }) => ttl_ms !== 0),
  }
}

const makeTooManyError = (): FfError =>
  new FfError('proof_inconclusive', `The Redis holds more than ${MOST_KEYS} keys.`, {
    hint: 'Give the staging of ff a Redis, or a database number, of its own.',
  })
