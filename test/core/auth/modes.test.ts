import { describe, expect, test } from 'vitest'
import {
  CONDITIONS,
  type ModeFaultCode,
  findModeFaults,
  buildModeMatrix,
  type ModeRow,
} from '../../../src/core/auth/modes.ts'
import { ENVIRONMENTS } from '../../../src/core/auth/types.ts'
import { MODES } from '../auth-contract.ts'

describe('the matrix of the contract', () => {
  test('has no fault', () => {
    expect(findModeFaults(MODES)).toEqual([])
  })

  test('answers every condition in every environment', () => {
    const matrix = buildModeMatrix(MODES)
    for (const condition of CONDITIONS)
      for (const environment of ENVIRONMENTS) expect(matrix(condition, environment)).toBeDefined()
  })

  test('accepts only verified callers outside dev', () => {
    const matrix = buildModeMatrix(MODES)
    for (const condition of CONDITIONS) {
      for (const environment of ['dev-H', 'prod'] as const) {
        const outcome = matrix(condition, environment)
        if ('refused' in outcome) continue
        expect(outcome.mode).toBe(condition.startsWith('verified') ? 'verified' : 'none')
      }
    }
  })

  // An unreachable key server must never turn one of these refusals into a success.
  test.each(['alg_not_allowed', 'token_expired', 'audience_mismatch', 'token_malformed'] as const)(
    '%s is refused everywhere',
    (condition) => {
      const matrix = buildModeMatrix(MODES)
      for (const environment of ENVIRONMENTS)
        expect(matrix(condition, environment)).toMatchObject({ refused: condition, http: 401 })
    },
  )
})

describe('findModeFaults', () => {
  const changed = (id: string, change: Partial<ModeRow>): readonly ModeRow[] =>
    MODES.map((row) => (row.id === id ? { ...row, ...change } : row))
  const when = (condition: ModeRow['when'][number]['condition']): ModeRow['when'] => [
    { condition, environments: ENVIRONMENTS },
  ]
  const decodeOnly = {
    mode: 'decode-only',
    source: 'jwt-unverified',
    warnings: ['auth_not_verified', 'jwks_unreachable'],
  } as const

  test.each<[string, readonly ModeRow[], ModeFaultCode, string]>([
    [
      'a row is missing',
      MODES.filter(({ id }) => id !== 'M-18'),
      'place_empty',
      'crit_unsupported in dev+H',
    ],
    [
      'two rows for one case differ',
      changed('M-17', { outcome: { refused: 'token_malformed', http: 401 } }),
      'rows_contradict',
      'signature_invalid in dev+H',
    ],
    [
      'only one of two rows for a case refuses',
      changed('M-15', { outcome: decodeOnly }),
      'rows_contradict',
      'kid_absent in dev+H',
    ],
    [
      'decode-only is accepted in prod',
      changed('M-06', { outcome: decodeOnly }),
      'not_outside_dev',
      'M-06',
    ],
    [
      'a bad signature is verified',
      changed('M-04', { outcome: { mode: 'verified', source: 'jwt', warnings: [] } }),
      'verified_without_signature',
      'M-04',
    ],
    [
      'a valid signature is not verified',
      changed('M-01', { outcome: { refused: 'token_malformed', http: 401 } }),
      'verified_without_signature',
      'M-01',
    ],
    [
      'decode-only lacks its warning',
      changed('M-02', { outcome: { ...decodeOnly, warnings: [] } }),
      'warning_differs',
      'M-02',
    ],
    [
      'verified has the warning of decode-only',
      changed('M-01', {
        outcome: { mode: 'verified', source: 'jwt', warnings: ['auth_not_verified'] },
      }),
      'warning_differs',
      'M-01',
    ],
    [
      'a refusal has the status of another refusal',
      changed('M-06', {
        when: when('keys_unreachable'),
        outcome: { refused: 'jwks_unreachable', http: 401 },
      }),
      'status_differs',
      'M-06',
    ],
  ])('%s', (_situation, rows, code, detail) => {
    expect(findModeFaults(rows)).toContainEqual(expect.objectContaining({ code, detail }))
  })
})
