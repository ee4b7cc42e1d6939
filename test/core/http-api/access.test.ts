import { expect, test } from 'vitest'
import { findAccessRefusal } from '../../../src/core/http-api/access.ts'
import { anonymous, decodeOnly, principal, TENANT } from '../builders.ts'

const needs = (scopes: readonly string[], tenant: string | null = null) => ({ scopes, tenant })

test.each([
  ['a granted scope', ['ff:a'], needs(['ff:a']), null],
  ['a missing scope', ['ff:a'], needs(['ff:b']), 'scope_missing'],
  ['one of two scopes', ['ff:a'], needs(['ff:a', 'ff:b']), 'scope_missing'],
  ['no scope', [], needs([]), null],
  ['the own tenant', ['ff:a'], needs(['ff:a'], TENANT), null],
  ['another tenant', ['ff:a'], needs(['ff:a'], 'T-other'), 'tenant_foreign'],
  ['any tenant', ['ff:a', 'ff:tenant:any'], needs(['ff:a'], 'T-other'), null],
  [
    'any tenant, without the scope itself',
    ['ff:tenant:any'],
    needs(['ff:a'], TENANT),
    'scope_missing',
  ],
] as const)('%s', (_what, scopes, need, refusal) => {
  expect(findAccessRefusal(principal({ scopes }), need)).toBe(refusal)
})

test('a missing token is refused before a missing scope', () => {
  expect(findAccessRefusal(anonymous(), needs([]))).toBe('token_missing')
})

test('an unverified token has no scopes', () => {
  expect(findAccessRefusal(decodeOnly(), needs(['ff:a']))).toBe('scope_missing')
})
