import { describe, expect, test } from 'vitest'
import {
  formatCheckAnswer,
  formatCheckRequest,
  parseCheckAnswer,
  parseCheckRequest,
} from '../../../src/core/admin/messages.ts'
import { TTL_STATES } from '../../../src/core/evaluate/types.ts'
import { contractSchemas, FLAG, fromNow, known, REF, TENANT, USER } from '../builders.ts'

const QUESTION = { approval_ref: REF, flag_key: FLAG, tenant_id: TENANT, user_id: USER }
const ANONYMOUS = { ...QUESTION, tenant_id: null, user_id: null }
const schemas = contractSchemas()
const fitsRequest = schemas('admin-check-request.schema.json')
const fitsAnswer = schemas('admin-check-response.schema.json')
const VALID = formatCheckAnswer(QUESTION, known(), 'valid')
const UNKNOWN = formatCheckAnswer(QUESTION, { status: 'unknown' }, 'unknown')

describe('a question', () => {
  test.each([
    ['of a tenant and user', QUESTION],
    ['of an anonymous caller', ANONYMOUS],
  ])('%s is parsed back from its own text, and fits the schema', (_whose, question) => {
    const text = formatCheckRequest(question)
    expect(fitsRequest(JSON.parse(text))).toBe(true)
    expect(parseCheckRequest(text)).toEqual(question)
  })
})

describe('an answer', () => {
  test.each(TTL_STATES.filter((state) => state !== 'unknown'))('%s, with its times', (stated) => {
    const answer = known({ revoked: stated === 'revoked', stated })
    const text = formatCheckAnswer(QUESTION, answer, stated)
    expect(fitsAnswer(JSON.parse(text))).toBe(true)
    expect(parseCheckAnswer(text, QUESTION)).toEqual(answer)
  })

  test('unknown, with nothing more', () => {
    expect(fitsAnswer(JSON.parse(UNKNOWN))).toBe(true)
    expect(parseCheckAnswer(UNKNOWN, QUESTION)).toEqual({ status: 'unknown' })
  })

  test.each([
    ['another ref', { ...QUESTION, approval_ref: 'APP-2-b' }],
    ['another flag', { ...QUESTION, flag_key: 'ff.other' }],
    ['another tenant', { ...QUESTION, tenant_id: 'T-other' }],
    ['another user', { ...QUESTION, user_id: 'U-other' }],
    ['an anonymous caller', ANONYMOUS],
  ])('about %s is refused', (_whom, other) => {
    for (const text of [VALID, UNKNOWN]) expect(parseCheckAnswer(text, other)).toBeNull()
  })

  test.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a number', '1'],
    ['a text', '"valid"'],
    ['a member twice', VALID.replace('"revoked":', '"revoked":true,"revoked":')],
    ['a member of every object', VALID.replace('{', '{"__proto__":null,')],
    ['a byte order mark', `\uFEFF${VALID}`],
    ['more than one', `${VALID}${VALID}`],
    ['a day that does not exist', VALID.replace(/"\d{4}-\d\d-\d\d/, '"2026-02-30')],
    ['an unknown state', VALID.replace('"valid"', '"granted"')],
  ])('that is %s is refused', (_what, text) => {
    expect(parseCheckAnswer(text, QUESTION)).toBeNull()
  })
})

/** For each member: a valid value of each kind, invalid ones, or none. */
const PUT = [
  'null',
  'true',
  'false',
  '0',
  '""',
  '[]',
  '{}',
  '"sensitive.check.2b"',
  `"${REF}"`,
  `"${FLAG}"`,
  `"${TENANT}"`,
  '"valid"',
  '"unknown"',
  '"revoked"',
  '"granted"',
  `"${fromNow(1)}"`,
  '"2026-01-15T09:00:00Z"',
  undefined,
]

describe('the schemas and the core agree', () => {
  const changes = (text: string): readonly string[] =>
    [...Object.keys(JSON.parse(text) as object), 'more'].flatMap((name) =>
      PUT.map((put) => {
        const kept = Object.entries(JSON.parse(text) as object).filter(([held]) => held !== name)
        const members = kept.map(([held, value]) => `"${held}":${JSON.stringify(value)}`)
        return `{${(put === undefined ? members : [...members, `"${name}":${put}`]).join(',')}}`
      }),
    )

  test('about every answer with one member changed in every way', () => {
    const bodies = [VALID, UNKNOWN].flatMap(changes).flatMap((body) => [body, ...changes(body)])
    expect(bodies.length).toBeGreaterThan(10_000)
    const verdicts = new Set<boolean>()
    for (const body of bodies) {
      const plain = JSON.parse(body) as typeof QUESTION
      const isAccepted = parseCheckAnswer(body, plain) !== null
      expect([body, isAccepted]).toEqual([body, fitsAnswer(plain)])
      verdicts.add(isAccepted)
    }
    expect(verdicts.size).toBe(2)
  })

  test('about every question with one member changed in every way', () => {
    const bodies = [formatCheckRequest(QUESTION), formatCheckRequest(ANONYMOUS)].flatMap(changes)
    const verdicts = new Set<boolean>()
    for (const body of bodies) {
      const isAccepted = parseCheckRequest(body) !== null
      expect([body, isAccepted]).toEqual([body, fitsRequest(JSON.parse(body))])
      verdicts.add(isAccepted)
    }
    expect(verdicts.size).toBe(2)
  })
})
