import { describe, expect, test } from 'vitest'
import { formatOfrepFailure, toOfrepStatus } from '../../../src/core/ofrep/failure.ts'
import { SERVICE_PROBLEMS, type ServiceCode } from '../../../src/core/http-api/problems.ts'

describe('a refusal as an OFREP failure', () => {
  test.each([
    ['json_empty', 400, 'PARSE_ERROR'],
    ['json_malformed', 400, 'PARSE_ERROR'],
    ['utf8_invalid', 400, 'PARSE_ERROR'],
    ['media_type_unsupported', 415, 'PARSE_ERROR'],
    ['body_too_large', 413, 'GENERAL'],
    ['type_wrong', 400, 'INVALID_CONTEXT'],
    ['form_wrong', 400, 'INVALID_CONTEXT'],
    ['flag_unknown', 404, 'FLAG_NOT_FOUND'],
    ['context_mismatch', 403, 'GENERAL'],
    ['token_expired', 401, 'GENERAL'],
    ['jwks_unreachable', 503, 'GENERAL'],
    ['too_many_requests_in_flight', 503, 'GENERAL'],
    ['backing_unavailable', 500, 'GENERAL'],
    ['store_corrupt', 500, 'GENERAL'],
    ['disk_full', 500, 'GENERAL'],
    ['row_broken', 500, 'GENERAL'],
    ['internal', 500, 'GENERAL'],
  ] as const)('%s is %i %s', (code, status, errorCode) => {
    expect(toOfrepStatus(code)).toBe(status)
    expect(JSON.parse(formatOfrepFailure(code, 'ff.a'))).toStrictEqual({
      key: 'ff.a',
      errorCode,
      errorDetails: SERVICE_PROBLEMS[code][1],
      metadata: { code },
    })
  })

  test('every service code has an OFREP error code and a status that OFREP clients know', () => {
    const codes = Object.keys(SERVICE_PROBLEMS) as ServiceCode[]
    expect(codes.length).toBeGreaterThan(50)
    for (const code of codes) {
      expect([...Array(100).keys()].map((n) => n + 400).concat(500, 503)).toContain(
        toOfrepStatus(code),
      )
      expect(JSON.parse(formatOfrepFailure(code, 'ff.a')).errorCode).toMatch(/^[A-Z_]+$/)
    }
  })

  test('a failed bulk request has no key, and the pointer of the fault', () => {
    const places = [{ code: 'type_wrong', pointer: '/context/tenant_id' }] as const
    expect(JSON.parse(formatOfrepFailure('type_wrong', null, places))).toStrictEqual({
      errorCode: 'INVALID_CONTEXT',
      errorDetails: `${SERVICE_PROBLEMS.type_wrong[1]} (/context/tenant_id)`,
      metadata: { code: 'type_wrong' },
    })
  })

  test('a fault of the whole body has no pointer', () => {
    const text = formatOfrepFailure('json_malformed', null, [
      { code: 'json_malformed', pointer: '' },
    ])
    expect(JSON.parse(text).errorDetails).toBe(SERVICE_PROBLEMS.json_malformed[1])
  })
})
