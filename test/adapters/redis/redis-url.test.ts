import { expect, test } from 'vitest'
import { parseRedisUrl } from '../../../src/adapters/redis/redis-url.ts'
import { FfError } from '../../../src/errors.ts'

const PLAIN = { topology: 'standalone', tls: undefined, db: 0, primary: '', sentinel: {} }
const at = (host: string, port: number): object => ({ host, port })

test.each([
  ['redis://cache', { addresses: [at('cache', 6379)] }],
  ['redis://cache:7000/', { addresses: [at('cache', 7000)] }],
  ['redis://[::1]:7000/3', { addresses: [at('::1', 7000)], db: 3 }],
  [
    'redis://app:p%40ss%3A@cache/1',
    { addresses: [at('cache', 6379)], db: 1, username: 'app', password: 'p@ss:' },
  ],
  ['redis://:secret:2@cache', { addresses: [at('cache', 6379)], password: 'secret:2' }],
  ['redis://:100%@cache', { addresses: [at('cache', 6379)], password: '100%' }],
  ['rediss://cache', { addresses: [at('cache', 6379)], tls: {} }],
  [
    'redis+sentinel://app:pw@a,b:7001/main/2?sentinel_user=watch&sentinel_password=w%20w',
    {
      topology: 'sentinel',
      addresses: [at('a', 26_379), at('b', 7001)],
      primary: 'main',
      db: 2,
      username: 'app',
      password: 'pw',
      sentinel: { username: 'watch', password: 'w w' },
    },
  ],
  ['redis+cluster://a,b:7001', { topology: 'cluster', addresses: [at('a', 6379), at('b', 7001)] }],
])('%s is taken apart', (url, expected) => {
  expect(parseRedisUrl(url)).toEqual({ ...PLAIN, ...expected })
})

test('TLS files that the URL names are read', () => {
  const { tls } = parseRedisUrl(`rediss://cache?sslrootcert=${import.meta.filename}`)
  expect(String(tls?.ca)).toContain('TLS files that the URL names are read')
})

test.each([
  'http://cache',
  'redis:cache',
  'redis://',
  'redis://a,b',
  'redis://cache/main',
  'redis://cache:70000',
  'redis://cache:port',
  'redis://cache?sslrootcert=x',
  'redis://cache?db=1',
  'rediss://cache?sslrootcert=/missing/file',
  'redis+sentinel://a,b',
  'redis+sentinel://a/main/x',
  'redis+cluster://a,b/1',
  'redis+cluster://a,,b',
  'redis+other://a',
])('%s is refused', (url) => {
  expect(() => parseRedisUrl(url)).toThrow(expect.objectContaining({ code: 'target_invalid' }))
})

test.each([
  'redis://u:hunter@2@cache',
  'redis://:hun/ter2@cache',
  'redis://:hun?ter2@cache',
  'redis://:hunter#2@cache',
  'redis://:hunter2@cache:port',
  'redis+sentinel://a/hunter2@b',
])('the refusal of %s shows no part of a password', (url) => {
  let shown = ''
  try {
    parseRedisUrl(url)
  } catch (error) {
    if (error instanceof FfError) shown = JSON.stringify([error.message, error.hint])
  }
  expect(shown).not.toBe('')
  expect(shown).not.toMatch(/hun|ter2/)
})
