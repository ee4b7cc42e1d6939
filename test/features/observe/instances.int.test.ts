import { describe, expect, test } from 'vitest'
import { digestIdentity, readInstance } from '../../../src/features/observe/instances.ts'
import type { InstanceIdentity } from '../../../src/features/serve/identity.ts'
import type { HttpClient } from '../../../src/ports/http.ts'

const SAID: InstanceIdentity = {
  environment: 'staging',
  code: 'sha256:aa',
  schema_head: '0004_feed',
  config_digest: 'c'.repeat(64),
  build: 'b'.repeat(64),
  database: '9/1/ff/0',
}
const UP = '# TYPE ff_store_up gauge\nff_store_up 1\n'
const START = '# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 7\n'
const read = (metrics: string, { status = 200, identity = JSON.stringify(SAID) } = {}) => {
  const client: HttpClient = {
    origin: 'https://a.example:9090',
    send: ({ path }) =>
      Promise.resolve({ status, text: path === '/identity' ? identity : metrics, headers: {} }),
    close: () => undefined,
  }
  return readInstance(client, 5)
}

describe('readInstance', () => {
  test('reads what an instance is and what it has counted', async () => {
    const reading = await read(UP + START)
    expect(reading?.identity).toBe(digestIdentity(SAID))
    expect(reading?.scrape).toEqual({
      at_ms: 5,
      samples: [
        { name: 'ff_store_up', labels: {}, value: 1 },
        { name: 'process_start_time_seconds', labels: {}, value: 7 },
      ],
    })
  })
  test.each([
    ['that ends before the metrics of the process', UP, {}],
    ['that is cut in a line', `${UP}${START}`.slice(0, -3), {}],
    ['of another status', UP + START, { status: 503 }],
    ['beside no identity', UP + START, { identity: '{}' }],
  ] as const)('takes a page %s for no answer', async (_, metrics, change) => {
    expect(await read(metrics, change)).toBeNull()
  })
})
