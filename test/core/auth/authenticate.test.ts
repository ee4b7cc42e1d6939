import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  EVALUATE_ANY,
  resolveNamedContext,
  authenticateWithoutToken,
} from '../../../src/core/auth/authenticate.ts'
import { type Environment, isAuthRefusal, makeAuthRefusal } from '../../../src/core/auth/types.ts'
import { buildModeMatrix } from '../../../src/core/auth/modes.ts'
import { MODES } from '../auth-contract.ts'
import { anonymous, decodeOnly, devHeaders, principal, TENANT, USER } from '../builders.ts'

const ANONYMOUS = {
  mode: 'none',
  source: 'none',
  tenant_id: null,
  user_id: null,
  scopes: [],
  warnings: ['unauthenticated'],
  key_set_stale: false,
}
const RULES = { modes: buildModeMatrix(MODES), dev_scopes: ['ff:registry:read'] }
const headers = { user_id: USER, tenant_id: TENANT, scopes: ['ff:registry:read'] }

describe('authenticateWithoutToken', () => {
  test('dev headers are accepted where they are allowed', () => {
    expect(authenticateWithoutToken({ token: null, dev_headers: headers }, 'dev+H', RULES)).toEqual(
      {
        mode: 'dev-headers',
        source: 'dev-headers',
        ...headers,
        warnings: ['auth_not_verified', 'dev_headers'],
        key_set_stale: false,
      },
    )
  })

  test('dev headers grant only the allowed scopes', () => {
    const dev_headers = { ...headers, scopes: ['ff:operator', 'ff:registry:read'] }
    expect(authenticateWithoutToken({ token: null, dev_headers }, 'dev+H', RULES)).toMatchObject({
      scopes: ['ff:registry:read'],
    })
  })

  test('a caller without credentials is refused where the matrix refuses it', () => {
    const closed = { ...RULES, modes: () => makeAuthRefusal('token_missing') }
    expect(authenticateWithoutToken({ token: null, dev_headers: null }, 'prod', closed)).toEqual({
      refused: 'token_missing',
      http: 401,
    })
  })

  test('a caller without credentials has no identity, whatever mode the matrix grants', () => {
    const grant = { mode: 'dev-headers', source: 'dev-headers', warnings: [] } as const
    const open = { ...RULES, modes: () => grant }
    expect(authenticateWithoutToken({ token: null, dev_headers: null }, 'dev+H', open)).toEqual({
      ...ANONYMOUS,
      ...grant,
    })
  })

  test('dev headers without a tenant are accepted', () => {
    const dev_headers = { ...headers, tenant_id: null }
    expect(authenticateWithoutToken({ token: null, dev_headers }, 'dev+H', RULES)).toMatchObject(
      dev_headers,
    )
  })

  test.each([
    ['no headers where they are allowed', null, 'dev+H'],
    ['headers in dev without the switch', headers, 'dev-H'],
    ['headers in prod', headers, 'prod'],
    ['nothing in prod', null, 'prod'],
    ['malformed headers where they are ignored', { ...headers, user_id: 'a b' }, 'prod'],
  ] as const)('anonymous: %s', (_situation, dev_headers, environment) => {
    expect(authenticateWithoutToken({ token: null, dev_headers }, environment, RULES)).toEqual(
      ANONYMOUS,
    )
  })

  test.each([
    ['user', { ...headers, user_id: 'a b' }],
    ['tenant', { ...headers, tenant_id: 'é' }],
  ])('refused: a malformed %s', (_situation, dev_headers) => {
    expect(authenticateWithoutToken({ token: null, dev_headers }, 'dev+H', RULES)).toEqual({
      refused: 'context_invalid',
      http: 403,
    })
  })

  test('without FF_ENV=dev and the switch, no headers authenticate a caller', () => {
    const id = fc.option(fc.string(), { nil: null })
    const any = fc.record({ user_id: id, tenant_id: id, scopes: fc.array(fc.string()) })
    fc.assert(
      fc.property(
        any,
        fc.constantFrom<Environment>('prod', 'dev-H'),
        (dev_headers, environment) => {
          expect(
            authenticateWithoutToken({ token: null, dev_headers }, environment, RULES),
          ).toEqual(ANONYMOUS)
        },
      ),
    )
  })
})

describe('resolveNamedContext', () => {
  const unnamed = { tenant_id: null, user_id: null }
  const any = { scopes: ['ff:evaluate:any'] }

  test.each([
    ['a verified caller', principal()],
    ['a decode-only caller', decodeOnly()],
    ['a caller by headers', devHeaders()],
    ['an anonymous caller', anonymous({ tenant_id: null, user_id: null })],
  ])('%s that names no other identity keeps its own', (_situation, who) => {
    expect(resolveNamedContext(who, unnamed)).toEqual(who)
  })

  test.each([
    ['a verified caller', principal()],
    ['a decode-only caller', decodeOnly()],
    ['a caller by headers', devHeaders()],
  ])('%s may name itself', (_situation, who) => {
    expect(resolveNamedContext(who, { tenant_id: TENANT, user_id: USER })).toEqual(who)
  })

  test.each([
    ['a verified caller, another user', principal(), { user_id: 'U2' }],
    ['a verified caller, another tenant', principal(), { tenant_id: 'T-2' }],
    [
      'a verified caller without a tenant, a tenant',
      principal({ tenant_id: null }),
      { tenant_id: 'T-2' },
    ],
    ['a decode-only caller, another user', decodeOnly(), { user_id: 'U2' }],
    ['a decode-only caller that claims the scope', decodeOnly(any), { user_id: 'U2' }],
    ['a caller by headers that claims the scope', devHeaders(any), { tenant_id: 'T-2' }],
    [
      'a verified caller with a longer scope',
      principal({ scopes: [`${EVALUATE_ANY}x`] }),
      { user_id: 'U2' },
    ],
  ])('refused: %s', (_situation, who, named) => {
    expect(resolveNamedContext(who, { ...unnamed, ...named })).toEqual({
      refused: 'context_mismatch',
      http: 403,
    })
  })

  test('a verified caller with the scope may name another user, tenant or both', () => {
    const who = principal(any)
    expect(resolveNamedContext(who, { tenant_id: 'T-2', user_id: 'U2' })).toEqual({
      ...who,
      tenant_id: 'T-2',
      user_id: 'U2',
    })
    expect(resolveNamedContext(who, { tenant_id: null, user_id: 'U2' })).toEqual({
      ...who,
      user_id: 'U2',
    })
  })

  test('an anonymous caller takes the identity that the request names', () => {
    const unnamed = anonymous({ tenant_id: null, user_id: null })
    const named = { tenant_id: 'T-2', user_id: 'U2' }
    expect(resolveNamedContext(unnamed, named)).toEqual({ ...unnamed, ...named })
  })

  test('a refusal stays a refusal, whatever identity is named', () => {
    const no = makeAuthRefusal('signature_invalid')
    expect(resolveNamedContext(no, { tenant_id: 'T-2', user_id: 'U2' })).toBe(no)
    expect(isAuthRefusal(no)).toBe(true)
  })
})
