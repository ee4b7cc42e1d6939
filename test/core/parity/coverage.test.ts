import { describe, expect, test } from 'vitest'
import { countCoverage } from '../../../src/core/parity/coverage.ts'
import type { VectorCoverage } from '../../../src/core/parity/vector.ts'

describe('coverage', () => {
  test('has a line for every value of the dimensions, with zero for uncovered ones', () => {
    expect(countCoverage([]).map(({ dimension, value }) => `${dimension} ${value}`)).toEqual([
      'auth_mode verified',
      'auth_mode decode-only',
      'auth_mode dev-headers',
      'auth_mode none',
      'scope user',
      'scope tenant',
      'scope global',
      'sensitive_path SP-1',
      'sensitive_path SP-2',
      'sensitive_path SP-3',
      'sensitive_path SP-4',
      'sensitive_path SP-5',
      'ttl_state unknown',
      'ttl_state revoked',
      'ttl_state not_yet_valid',
      'ttl_state expired',
      'ttl_state expiring_soon',
      'ttl_state valid',
    ])
    expect(countCoverage([]).every(({ vectors }) => vectors === 0)).toBe(true)
  })

  test('counts each vector once in each dimension where it has a value', () => {
    const covers: VectorCoverage = {
      auth_mode: 'none',
      scope: 'user',
      sensitive_path: 'SP-1',
      ttl_state: null,
    }
    const lines = countCoverage([covers, { ...covers, scope: 'global', ttl_state: 'valid' }])
    const counted = lines.filter(({ vectors }) => vectors > 0)
    expect(counted.map(({ value, vectors }) => [value, vectors])).toEqual([
      ['none', 2],
      ['user', 1],
      ['global', 1],
      ['SP-1', 2],
      ['valid', 1],
    ])
  })
})
