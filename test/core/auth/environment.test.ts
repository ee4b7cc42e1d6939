import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readEnvironment } from '../../../src/core/auth/environment.ts'

describe('readEnvironment', () => {
  test.each([
    ['dev', 'true', 'dev+H'],
    ['dev', 'false', 'dev-H'],
    ['dev', null, 'dev-H'],
    ['prod', null, 'prod'],
    ['prod', 'false', 'prod'],
    ['staging', null, 'prod'],
    ['DEV', null, 'prod'],
    ['dev ', null, 'prod'],
    ['', null, 'prod'],
    [null, null, 'prod'],
  ] as const)('%j with the switch at %j is %s', (name, allow, environment) => {
    expect(readEnvironment(name, allow)).toEqual({ ok: true, environment })
  })

  test.each(['prod', 'staging', 'Dev', '', null])('%j with dev headers is a fault', (name) => {
    expect(readEnvironment(name, 'true')).toEqual({ ok: false, fault: 'dev_headers_outside_dev' })
  })

  test.each(['1', 'yes', 'TRUE', '', ' true'])('a switch at %j is a fault', (allow) => {
    expect(readEnvironment('dev', allow)).toEqual({ ok: false, fault: 'switch_unreadable' })
  })

  test('dev headers are let in with dev and true alone, whatever is said', () => {
    const any = fc.option(fc.oneof(fc.string(), fc.constantFrom('dev', 'true', 'false', 'prod')))
    fc.assert(
      fc.property(any, any, (name, allow) => {
        const read = readEnvironment(name, allow)
        expect(read.ok && read.environment === 'dev+H').toBe(name === 'dev' && allow === 'true')
      }),
    )
  })
})
