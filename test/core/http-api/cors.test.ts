import { describe, expect, test } from 'vitest'
import { createCrossOriginHeaders } from '../../../src/core/http-api/cors.ts'

const APP = 'https://app.example'
const OFREP = '/ofrep/v1/evaluate/flags'
const headers = (path: string, origin: string | null, preflight = false) =>
  createCrossOriginHeaders([APP])?.({ path, origin, preflight })

describe('the CORS headers of a response', () => {
  test.each([OFREP, `${OFREP}/ff.a`, '/ofrep/v1/unknown', '/v1/flags/evaluate'])(
    'of %s name the allowed origin, and what its page may read',
    (path) => {
      expect(headers(path, APP)).toEqual({
        vary: 'Origin',
        'access-control-allow-origin': APP,
        'access-control-expose-headers': 'ETag, Retry-After, X-Request-Id',
      })
    },
  )
  test('to a preflight also name what may be sent', () => {
    expect(headers(OFREP, APP, true)).toEqual({
      vary: 'Origin',
      'access-control-allow-origin': APP,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers':
        'Authorization, Content-Type, If-None-Match, X-Request-Id, traceparent, tracestate',
      'access-control-max-age': '600',
    })
  })
  test.each([
    'https://other.example',
    'http://app.example',
    `${APP}.evil.example`,
    'null',
    '',
    null,
  ])('to the origin %j say only that they vary', (origin) => {
    expect(headers(OFREP, origin)).toEqual({ vary: 'Origin' })
    expect(headers(OFREP, origin, true)).toEqual({ vary: 'Origin' })
  })
  test.each(['/v1/flags', '/v1/flags/evaluate/a', '/metrics', '/', '/ofrep'])(
    'of %s are none, also for an allowed origin',
    (path) => {
      expect(headers(path, APP)).toEqual({})
      expect(headers(path, APP, true)).toEqual({})
    },
  )
  test('do not exist without an allowed origin', () => {
    expect(createCrossOriginHeaders([])).toBeNull()
  })
})
