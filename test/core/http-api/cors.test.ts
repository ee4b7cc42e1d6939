import { describe, expect, test } from 'vitest'
import { createCrossOriginHeaders } from '../../../src/core/http-api/cors.ts'

const APP = 'https://app.example'
const OFREP = '/ofrep/v1/evaluate/flags'
const headers = (path: string, origin: string | null, preflight = false) =>
  createCrossOriginHeaders([APP])?.({ path, origin, preflight })

describe('the CORS headers of a response', () => {
  test.each([OFREP, `${OFREP}/ff.a`, '/ofrep/v1/unknown', '/v1/flags/evaluate', '/v1/changes'])(
    'of %s name the allowed origin, and what its page may read',
    (path) => {
      expect(headers(path, APP)).toEqual({
        vary: 'Origin',
        'access-control-allow-origin': APP,
        'access-control-expose-headers': 'ETag, Retry-After, X-Request-Id',
      })
    },
  )
  test.each([
    [OFREP, 'POST'],
    ['/v1/flags/evaluate', 'POST'],
    ['/v1/changes', 'GET'],
  ])('to a preflight of %s also name what may be sent', (path, method) => {
    expect(headers(path, APP, true)).toEqual({
      vary: 'Origin',
      'access-control-allow-origin': APP,
      'access-control-allow-methods': method,
      'access-control-allow-headers':
        'Authorization, Cache-Control, Content-Type, If-None-Match, Last-Event-ID, X-Request-Id, traceparent, tracestate',
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
  test.each(['/v1/flags', '/v1/flags/evaluate/a', '/v1/changes/', '/metrics', '/', '/ofrep'])(
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
