import type { EntryClient, RedisEntry, RedisOutcome } from '../../ports/redis.ts'

const succeed = <T>(value: T): Promise<RedisOutcome<T>> => Promise.resolve({ ok: true, value })

/**
 * What a Redis does for a cache, in memory and without an expiry: it lends every lease, stores what it is given, and
 * remembers no change, so that the checks of the cache are all there is.
 */
export class MemoryRedis implements EntryClient {
  private readonly texts = new Map<string, string>()

  isUp = (): boolean => true
  get: EntryClient['get'] = (keys) =>
    succeed(
      keys.map((key): RedisEntry => {
        const text = this.texts.get(key)
        return text === undefined ? { kind: 'absent' } : { kind: 'text', text }
      }),
    )
  setLease: EntryClient['setLease'] = () => succeed(true)
  release: EntryClient['release'] = () => succeed(true)
  fill: EntryClient['fill'] = ({ value }, { text }) => {
    this.texts.set(value, text)
    return succeed('filled')
  }
  invalidate: EntryClient['invalidate'] = ({ value }) => succeed(this.texts.delete(value))
  scanDelete: EntryClient['scanDelete'] = () => succeed(0)

  set(key: string, text: string): void {
    this.texts.set(key, text)
  }
}
