import { expect, test } from 'vitest'
import { settingsFromContract } from '../../../src/core/auth/contract.ts'
import { CONTRACT } from '../auth-contract.ts'

test('settings from the contract allow its default algorithms and leeway, whatever else is allowable', () => {
  const given = { issuer: 'https://login.example', audience: 'flags', dev_scopes: ['ff:a'] }
  expect(CONTRACT.algorithms.allowable).not.toEqual(CONTRACT.algorithms.default)
  expect(settingsFromContract(CONTRACT, given)).toStrictEqual({
    ...given,
    contract: CONTRACT,
    leeway_s: CONTRACT.claims.leeway_s,
    algorithms: CONTRACT.algorithms.default,
    scope_claim: 'scope',
  })
})
