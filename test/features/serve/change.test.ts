import { expect, test } from 'vitest'
import { createChangeRoute } from '../../../src/features/serve/change.ts'
import type { ServiceDependencies } from '../../../src/features/serve/dependencies.ts'
import type { RouteRequest } from '../../../src/ports/http.ts'
import type { RefusedWrite } from '../../../src/ports/store.ts'
import { makeAuthRefusal } from '../../../src/core/auth/types.ts'
import { NOW } from '../../adapters/store-contract/requests.ts'

/** What the route does with a change that the server refused, where the authenticator does this. */
async function refuse(verify: () => Promise<unknown>): Promise<readonly RefusedWrite[]> {
  const recorded: RefusedWrite[] = []
  const parts = {
    now: () => NOW,
    environment: 'prod',
    authenticator: { verifier: { verify } },
    recordRefusal: (refused: RefusedWrite) => Promise.resolve(recorded.push(refused)),
  }
  const { refused } = createChangeRoute(() => parts as unknown as ServiceDependencies, {
    table: 'flag_registry',
    action: 'put',
    key: () => ({ scope_id: null, flag_key: 'ff.a' }),
    need: () => ({ scopes: [], tenant: null }),
  })
  const call = { credential: { token: 'x', dev_headers: null }, params: {}, request_id: 'r-1' }
  await refused?.(call as unknown as RouteRequest, 'body_too_large')
  return recorded
}

test('a change that the server refused is recorded for its caller, and for no other', async () => {
  const caller = { mode: 'verified', user_id: 'U1', tenant_id: null, scopes: [] }
  expect(await refuse(() => Promise.resolve(caller))).toMatchObject([
    { request: { actor: 'U1' }, code: 'body_too_large' },
  ])
  expect(await refuse(() => Promise.resolve({ ...caller, user_id: null }))).toEqual([])
  expect(await refuse(() => Promise.resolve(makeAuthRefusal('token_expired')))).toEqual([])
})

test('a bug of the authenticator is reported', async () => {
  await expect(refuse(() => Promise.reject(new Error('bug')))).rejects.toThrow('bug')
})
