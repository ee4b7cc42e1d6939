import { describe, expect, test } from 'vitest'
import { AUTH_REFUSALS } from '../../../src/core/auth/types.ts'
import { makeProblem } from '../../../src/core/problem.ts'
import { isFlagKey, PATTERNS } from '../../../src/core/rows/grammar.ts'
import {
  isServiceCode,
  SERVICE_PROBLEMS,
  formatProblem,
} from '../../../src/core/http-api/problems.ts'

describe('every code', () => {
  test.each(Object.entries(SERVICE_PROBLEMS))(
    '%s has a status and a title of one sentence',
    (_code, [status, title]) => {
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(600)
      expect(title).toMatch(/^[A-Z].*\.$/)
    },
  )

  test('of the authenticator has the status of the mode matrix', () => {
    for (const [code, status] of Object.entries(AUTH_REFUSALS))
      expect(SERVICE_PROBLEMS[code as keyof typeof AUTH_REFUSALS][0]).toBe(status)
  })
})

test('a problem document has title, status, code, request id and places', () => {
  const text = formatProblem('form_wrong', 'r-1', {
    places: [makeProblem('form_wrong', '/flag_key')],
  })
  expect(JSON.parse(text)).toEqual({
    type: 'about:blank',
    title: SERVICE_PROBLEMS.form_wrong[1],
    status: 400,
    code: 'form_wrong',
    request_id: 'r-1',
    errors: [{ code: 'form_wrong', pointer: '/flag_key', pattern: PATTERNS.get('flag_key') }],
  })
  expect(JSON.parse(formatProblem('internal', 'r-2'))).not.toHaveProperty('errors')
})

test('the pattern of a flag key is the whole rule', () => {
  const pattern = new RegExp(PATTERNS.get('flag_key') as string)
  for (const key of ['ff.a', 'my-flag', `ff.${'a'.repeat(125)}`, `ff.${'a'.repeat(126)}`, 'ff.'])
    expect([key, pattern.test(key)]).toEqual([key, isFlagKey(key)])
})

test.each([
  ['member_missing', '/flag_key'],
  ['form_wrong', '/default_value'],
  ['form_wrong', '/constructor'],
] as const)('%s at %s has no pattern', (code, at) => {
  const { errors } = JSON.parse(
    formatProblem('form_wrong', 'r', { places: [makeProblem(code, at)] }),
  ) as { readonly errors: object }
  expect(errors).toEqual([{ code, pointer: at }])
})

test('the problem of a change in effect names its record and revision', () => {
  const text = formatProblem('mirror_behind', 'r-3', { change: { seq: 12, revision: 3 } })
  expect(JSON.parse(text)).toMatchObject({ code: 'mirror_behind', seq: 12, revision: 3 })
})

describe('a problem document stays small', () => {
  const shown = (places: readonly string[]): readonly string[] => {
    const text = formatProblem('form_wrong', 'r-1', {
      places: places.map((at) => makeProblem('form_wrong', at)),
    })
    const { errors } = JSON.parse(text) as { readonly errors: readonly { pointer: string }[] }
    return errors.map(({ pointer }) => pointer)
  }

  test('lists the first hundred places', () => {
    const places = Array.from({ length: 101 }, (_, at) => `/${at}`)
    expect(shown(places)).toEqual(places.slice(0, 100))
  })

  test('shortens a long pointer to its nearest ancestor', () => {
    const [fits, long] = [`/${'a'.repeat(1_023)}`, 'a'.repeat(1_024)]
    expect(shown([fits, `${fits}/b/c`, `/b/c/${long}/d`, `/${long}`])).toEqual([
      fits,
      fits,
      '/b/c',
      '',
    ])
  })
})

test('only codes of the service are sent to callers', () => {
  expect([
    isServiceCode('disk_full'),
    isServiceCode('artefact_invalid'),
    isServiceCode('toString'),
  ]).toEqual([true, false, false])
})
