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

describe('buildModeMatrix', () => {
  test('sorts the warnings of a row, which another row may share', () => {
    const warnings = ['kid_not_found', 'auth_not_verified'] as const
    const row: ModeRow = {
      id: 'M-1',
      when: [{ condition: 'keys_unreachable', environments: ['dev+H'] }],
      outcome: { mode: 'decode-only', source: 'jwt-unverified', warnings },
    }
    expect(buildModeMatrix([row])('keys_unreachable', 'dev+H')).toEqual({
      mode: 'decode-only',
      source: 'jwt-unverified',
      warnings: ['auth_not_verified', 'kid_not_found'],
    })
    expect(warnings[0]).toBe('kid_not_found')
  })
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

  test('an empty matrix lacks every condition in every environment, and no row is at fault', () => {
    expect(findModeFaults([])).toEqual(
      CONDITIONS.flatMap((condition) =>
        ENVIRONMENTS.map((environment) => ({
          code: 'place_empty',
          row: null,
          detail: `${condition} in ${environment}`,
        })),
      ),
    )
  })

  const repeated = (id: string, outcome: ModeRow['outcome']): readonly ModeRow[] => {
    const row = MODES.find((one) => one.id === id) as ModeRow
    return [...MODES, { id: 'M-99', when: row.when.slice(0, 1), outcome }]
  }
  test.each<[string, readonly ModeRow[], readonly ModeFaultCode[]]>([
    ['the same refusal', repeated('M-07', { refused: 'token_expired', http: 401 }), []],
    [
      'the same grant, its warnings in another order',
      repeated('M-02', { ...decodeOnly, warnings: decodeOnly.warnings.toReversed() }),
      [],
    ],
    [
      'another refusal',
      repeated('M-02', { refused: 'token_expired', http: 401 }),
      ['rows_contradict'],
    ],
    [
      'another status',
      repeated('M-02', { refused: 'jwks_unreachable', http: 401 }),
      ['rows_contradict', 'status_differs'],
    ],
    ['another source', repeated('M-02', { ...decodeOnly, source: 'jwt' }), ['rows_contradict']],
    ['another mode', repeated('M-02', { ...decodeOnly, mode: 'dev-headers' }), ['rows_contradict']],
    [
      'another warning',
      repeated('M-02', { ...decodeOnly, warnings: ['auth_not_verified', 'kid_not_found'] }),
      ['rows_contradict'],
    ],
  ])('a second row for one case with %s', (_what, rows, codes) => {
    const last = rows.length - 1
    expect(findModeFaults(rows).map(({ code, row }) => [code, row])).toEqual(
      codes.map((code) => [code, last]),
    )
  })

  test.each<[ModeFaultCode, ModeRow]>([
    [
      'not_outside_dev',
      {
        id: 'M-99',
        when: [
          { condition: 'dev_headers', environments: ['dev+H'] },
          { condition: 'no_token', environments: ['prod'] },
        ],
        outcome: decodeOnly,
      },
    ],
    [
      'verified_without_signature',
      {
        id: 'M-99',
        when: [...when('verified'), ...when('signature_invalid')],
        outcome: { mode: 'verified', source: 'jwt', warnings: [] },
      },
    ],
  ])('one case of several is enough for %s', (code, row) => {
    expect(findModeFaults([row])).toContainEqual({ code, row: 0, detail: 'M-99' })
  })

  type OwnRow = readonly [
    string,
    ModeRow['when'][number]['environments'],
    ModeRow['outcome'],
    readonly ModeFaultCode[],
  ]
  test.each<OwnRow>([
    ['decode-only in dev with headers', ['dev+H'], decodeOnly, []],
    ['decode-only also without them', ['dev+H', 'dev-H'], decodeOnly, ['not_outside_dev']],
    [
      'dev headers in prod',
      ['prod'],
      { ...decodeOnly, mode: 'dev-headers', source: 'dev-headers' },
      ['not_outside_dev'],
    ],
    ['anonymous in prod', ['prod'], { mode: 'none', source: 'none', warnings: [] }, []],
    ['a refusal in prod', ['prod'], { refused: 'token_missing', http: 401 }, []],
    ['another status', ['prod'], { refused: 'token_missing', http: 403 }, ['status_differs']],
    [
      'verified without a signature',
      ['prod'],
      { mode: 'verified', source: 'jwt', warnings: [] },
      ['verified_without_signature'],
    ],
    [
      'anonymous with the warning of decode-only',
      ['prod'],
      { mode: 'none', source: 'none', warnings: ['auth_not_verified'] },
      ['warning_differs'],
    ],
  ])('a row for callers without a token: %s', (_what, environments, outcome, codes) => {
    const when = [{ condition: 'no_token', environments }] as const
    const faults = findModeFaults([{ id: 'M-99', when, outcome }])
    expect(faults.filter(({ code }) => code !== 'place_empty')).toEqual(
      codes.map((code) => ({ code, row: 0, detail: 'M-99' })),
    )
  })
})
