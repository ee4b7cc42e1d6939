import { expect, test } from 'vitest'
import { removeRows } from '../../../src/features/probes/testbed/called-instances.ts'
import { ServiceInstance } from '../../../src/features/probes/testbed/cached-services.ts'
import type { HttpClient } from '../../../src/ports/http.ts'

test.each<readonly [string, readonly number[], string | null]>([
  ['that are gone, or were not there', [204, 404], null],
  ['of which the first is refused', [403, 204], '/a may have stayed'],
  ['of which the last is not answered in time', [204, 503], '/b may have stayed'],
])('rows %s: all are asked for, and what stayed is said', async (_what, statuses, why) => {
  const asked: string[] = []
  const client: HttpClient = {
    origin: 'https://a.example',
    send: ({ method, path }) => {
      const status = statuses[asked.length] ?? 500
      asked.push(`${method} ${path}`)
      return Promise.resolve({ status, text: 'what it said', headers: {} })
    },
    close: () => undefined,
  }
  const removed = removeRows(new ServiceInstance(0, { client, admin: client }), [
    { path: '/a' },
    { path: '/b' },
  ])
  if (why === null) await removed
  else
    await expect(removed).rejects.toMatchObject({
      code: 'proof_inconclusive',
      message: expect.stringContaining(why),
    })
  expect(asked).toEqual(['DELETE /a', 'DELETE /b'])
})
