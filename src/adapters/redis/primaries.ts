import { Cluster, type Redis } from 'ioredis'
import type { RedisKeyCount, RedisMemory, RedisOutcome } from '../../ports/redis.ts'
import type { CommandClient } from './clients.ts'

/** Keys that the server looks at in one step, so that it answers others in between. */
const SCAN_COUNT = 500

/** Runs one batch with a deadline; maps its error. */
type RunBatch = <T>(work: () => Promise<T>) => Promise<RedisOutcome<T>>

/**
 * Lists the clients of all primaries, on each of which SCAN sees its own keys alone. Asks a cluster for them first: the
 * client forgets a primary that it has lost, and a purge without it would look whole.
 * @throws the client's error where no node of a cluster answers
 */
export async function listPrimaries(client: CommandClient): Promise<readonly Redis[]> {
  if (!(client instanceof Cluster)) return [client]
  return new Promise((resolve, reject) => {
    client.refreshSlotsCache((error) => {
      if (error) reject(error)
      else resolve(client.nodes('master'))
    })
  })
}

/**
 * Deletes the matching keys of a primary. UNLINK frees their memory in the background; each key has its own, for they are
 * of several slots.
 * @returns how many were there; the first fault, which ends the scan
 */
export async function deleteKeys(
  primary: Redis,
  pattern: string,
  run: RunBatch,
): Promise<RedisOutcome<number>> {
  let deleted = 0
  for await (const batch of scan(primary, pattern, run)) {
    if (!batch.ok) return batch
    const counts = await run(() => Promise.all(batch.value.map((key) => primary.unlink(key))))
    if (!counts.ok) return counts
    deleted += sum(counts.value)
  }
  return { ok: true, value: deleted }
}

/** Counts the matching keys of a primary until there are `limit`. @returns the first fault, which ends the scan */
export async function countKeys(
  primary: Redis,
  { pattern, limit }: { readonly pattern: string; readonly limit: number },
  run: RunBatch,
): Promise<RedisOutcome<RedisKeyCount>> {
  let keys = 0
  for await (const batch of scan(primary, pattern, run)) {
    if (!batch.ok) return batch
    keys += batch.value.length
    if (keys > limit) return { ok: true, value: { keys: limit, complete: false } }
  }
  return { ok: true, value: { keys, complete: true } }
}

/**
 * Lists the matching keys of a primary, some of them twice; ends once there are more than `limit`. @returns the first
 * fault, which ends the scan
 */
export async function listKeys(
  primary: Redis,
  { pattern, limit }: { readonly pattern: string; readonly limit: number },
  run: RunBatch,
): Promise<RedisOutcome<readonly string[]>> {
  const keys = new Set<string>()
  for await (const batch of scan(primary, pattern, run)) {
    if (!batch.ok) return batch
    for (const key of batch.value) keys.add(key)
    if (keys.size > limit) break
  }
  return { ok: true, value: [...keys] }
}

async function* scan(
  primary: Redis,
  pattern: string,
  run: RunBatch,
): AsyncGenerator<RedisOutcome<readonly string[]>> {
  let cursor = '0'
  do {
    const batch = await run(() => primary.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT))
    if (!batch.ok) {
      yield batch
      return
    }
    cursor = batch.value[0]
    yield { ok: true, value: batch.value[1] }
  } while (cursor !== '0')
}

/** Reads the memory of a primary. @throws the client's error */
export async function readMemory(primary: Redis): Promise<RedisMemory> {
  const info = await primary.info('memory')
  const read = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1])
  const limit = read('maxmemory')
  const { remoteAddress, remotePort } = primary.stream
  return {
    server: `${remoteAddress}:${remotePort}`,
    used_bytes: read('used_memory'),
    limit_bytes: limit === 0 ? null : limit,
  }
}

/** The sum of numbers; 0 for none. */
export const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, one) => total + one, 0)
