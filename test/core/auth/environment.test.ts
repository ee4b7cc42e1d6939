import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  isProductionName,
  isRehearsal,
  nameEnvironment,
  readEnvironment,
} from '../../../src/core/auth/environment.ts'
import { DEFAULT_SETTINGS, SETTINGS } from '../../../src/core/settings/settings.ts'
import type { Environment } from '../../../src/core/auth/types.ts'

/** The environment by the texts of both settings (null where not given), or `fault`. */
function getEnvironment(name: string | null, allow: string | null): Environment | 'fault' {
  const { FF_ENV, FF_ALLOW_DEV_HEADERS } = SETTINGS
  const environment = name === null ? null : FF_ENV.parse(name)
  const headers = allow === null ? null : FF_ALLOW_DEV_HEADERS.parse(allow)
  if (environment?.ok === false || headers?.ok === false) return 'fault'
  const given = {
    FF_ENV: environment?.value ?? DEFAULT_SETTINGS.FF_ENV,
    FF_ALLOW_DEV_HEADERS: headers?.value ?? DEFAULT_SETTINGS.FF_ALLOW_DEV_HEADERS,
  }
  return readEnvironment(given) ?? 'fault'
}

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
    expect(getEnvironment(name, allow)).toBe(environment)
  })

  test.each(['prod', 'staging', 'Dev', '', null])('%j with dev headers is a fault', (name) => {
    expect(getEnvironment(name, 'true')).toBe('fault')
  })

  test.each(['1', 'yes', 'TRUE', '', ' true'])('a switch at %j is a fault', (allow) => {
    expect(SETTINGS.FF_ALLOW_DEV_HEADERS.parse(allow)).toEqual({
      ok: false,
      fault: 'switch_unreadable',
    })
  })

  test('dev headers are accepted only with dev and true', () => {
    const any = fc.option(fc.oneof(fc.string(), fc.constantFrom('dev', 'true', 'false', 'prod')))
    fc.assert(
      fc.property(any, any, (name, allow) => {
        const allowed = getEnvironment(name, allow) === 'dev+H'
        expect(allowed).toBe(name === 'dev' && allow === 'true')
      }),
    )
  })
})

test.each([
  ['staging', 'staging'],
  ['prod', 'prod'],
  [null, 'prod'],
])('a process with FF_ENV %j is of the environment %s', (FF_ENV, name) => {
  expect(nameEnvironment({ FF_ENV })).toBe(name)
})

test.each([
  ['prod', true],
  ['production', true],
  ['Production', true],
  ['preprod', false],
  ['staging', false],
])('%s is a name of production: %s', (name, isProduction) => {
  expect(isProductionName(name)).toBe(isProduction)
})

test.each<[names: Parameters<typeof isRehearsal>, expected: boolean]>([
  [['rehearsal', 'rehearsal'], true],
  [['rehearsal'], true],
  [['rehearsal', 'production'], false],
  [['prod', 'rehearsal'], false],
  [['Rehearsal'], false],
  [['rehearsal', null], false],
  [[undefined], false],
])('the names %j are of a rehearsal: %s', (names, expected) => {
  expect(isRehearsal(...names)).toBe(expected)
})
