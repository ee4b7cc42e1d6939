import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WriteRequest } from '../../../src/core/rows/write-request.ts'
import { SUPPORTED } from '../../support/database.ts'
import { expectChain } from './audit-chain.ts'
import { contractSuite, keyFor, makeFlagOfEachKind } from './contract-suite.ts'
import { FLAG_BY_KIND, HOSTILE_BODIES, type Kind } from './hostile-bodies.ts'
import { type OpenedStore, fileBacking, postgresBacking, reuseSchema } from './opened-store.ts'
import {
  attempt,
  getErrorCode,
  flagKey,
  NOW,
  type Outcome,
  overrideText,
  put,
  putFlag,
  putTenant,
  remove,
} from './requests.ts'
import { examples } from '../../support/scale.ts'

contractSuite(fileBacking)
for (const version of SUPPORTED) contractSuite(reuseSchema(postgresBacking(version)))

describe('a file store and both databases side by side', () => {
  const backings = [fileBacking, ...SUPPORTED.map((version) => postgresBacking(version))]
  const opened: OpenedStore[] = []
  beforeAll(async () => {
    for (const backing of backings) opened.push(await backing.open())
    for (const { store } of opened) await makeFlagOfEachKind(store)
  })
  afterAll(async () => {
    for (const one of opened) await one.close()
    for (const backing of backings) await backing.stop()
  })

  /** The outcome of the write on each store, and the rows that each then reads under its key. */
  async function answers(write: WriteRequest): Promise<readonly [Outcome, string][]> {
    const { flag_key, scope_id } = write.key
    const tenant_id = write.table === 'tenant_override' ? scope_id : null
    return Promise.all(
      opened.map(async ({ store }): Promise<[Outcome, string]> => {
        const outcome = await attempt(store, write)
        const set = await store
          .read({ flag_key, tenant_id, user_id: null })
          .catch((error: unknown) => getErrorCode(error))
        return [outcome, JSON.stringify(set)]
      }),
    )
  }
  async function expectSame(write: WriteRequest): Promise<Outcome> {
    const [first, ...others] = await answers(write)
    if (first === undefined || others.length !== 2) throw new Error('a store did not answer')
    for (const other of others) expect(other[0]).toStrictEqual(first[0])
    for (const other of others) expect(JSON.parse(other[1])).toStrictEqual(JSON.parse(first[1]))
    return first[0]
  }

  test('every hostile body has the same outcome and reads back the same', async () => {
    const seen = { taken: 0, refused: 0, thrown: 0 }
    for (const { situation, kind, text } of HOSTILE_BODIES) {
      const outcome = await expectSame(put('tenant_override', keyFor(situation, kind), text))
      seen[Object.keys(outcome)[0] as keyof typeof seen] += 1
    }
    expect(seen).toStrictEqual({
      taken: HOSTILE_BODIES.filter(({ verdict }) => 'stored' in verdict).length,
      refused: HOSTILE_BODIES.filter(({ verdict }) => 'refused' in verdict).length,
      thrown: 0,
    })
  })

  test('random bodies have the same outcome and read back the same', async () => {
    const units = fc.array(
      fc.constantFrom(
        'a',
        'Z',
        '0',
        ' ',
        '\u0000',
        '\ud800',
        '\udc00',
        '😀',
        'é',
        'e\u0301',
        '\u2028',
        '"',
        '\\',
        '/',
        '~',
        '\ufeff',
        '\u0001',
        '\uffff',
        '__proto__',
      ),
      { maxLength: 6 },
    )
    const text = units.map((parts) => JSON.stringify(parts.join('')))
    const digits = fc.tuple(
      fc.constantFrom('', '-'),
      fc.constantFrom('0', '1', '9007199254740993', '12345678901234567890', '4503599627370497'),
      fc.constantFrom(
        '',
        '.0',
        '.5',
        '.10',
        '.000001',
        '.30000000000000004',
        '.3000000000000000001',
      ),
      fc.constantFrom('', 'e0', 'E2', 'e-7', 'e21', 'e400', 'e-400'),
    )
    const number = digits.map((parts) => parts.join(''))
    const { value } = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('true', 'false', 'null', '{}', '[]'),
        text,
        number,
        fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
        fc
          .array(fc.tuple(text, tie('value')), { maxLength: 4 })
          .map((members) => `{${members.map(([name, held]) => `${name}:${held}`).join(',')}}`),
      ),
    }))
    const outcomes = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...(Object.keys(FLAG_BY_KIND) as Kind[])),
        value,
        async (kind, json) => {
          const key = { scope_id: 'T-random', flag_key: FLAG_BY_KIND[kind] }
          outcomes.add(
            Object.keys(await expectSame(put('tenant_override', key, overrideText(json))))[0] ?? '',
          )
        },
      ),
      { ...examples(400), seed: 20260115 },
    )
    expect([...outcomes].sort()).toStrictEqual(['refused', 'taken'])
  })

  const approval = (approval_ref: string): Partial<WriteRequest> => ({
    approval: {
      approval_ref,
      answer: {
        status: 'known',
        revoked: false,
        not_before: NOW,
        expires_at: '2027-01-01T00:00:00.000Z' as typeof NOW,
      },
    },
  })
  test.each<readonly [string, WriteRequest]>([
    [
      'a flag put by an actor whose id does not fit',
      putFlag('ff.by.actor', {}, { actor: 'two words' }),
    ],
    ['a flag put by an actor with U+0000', putFlag('ff.by.actor', {}, { actor: 'a\u0000' })],
    [
      'a flag archived by an actor whose id does not fit',
      remove('flag_registry', flagKey('ff.standing.archive'), { actor: 'two words' }),
    ],
    [
      'an override deleted by an actor whose id does not fit',
      remove(
        'tenant_override',
        { scope_id: 'A1', flag_key: 'ff.standing.delete' },
        { actor: 'two words' },
      ),
    ],
    ['a request id with U+0000', putFlag('ff.by.request', {}, { request_id: 'r\u0000' })],
    [
      'an approval whose ref does not fit',
      putFlag('ff.standing.killed', {}, approval('not a ref')),
    ],
    [
      'a registry key with a scope id',
      put('flag_registry', { scope_id: 'A1', flag_key: 'ff.standing.scoped' }, '{}'),
    ],
    [
      'a registry key with a scope id, deleted',
      remove('flag_registry', { scope_id: 'A1', flag_key: 'ff.standing.scoped' }),
    ],
    // Last: if it breaks the chain of a shared store, no later case fails with it.
    [
      'a request id with a lone surrogate',
      putFlag('ff.by.surrogate', {}, { request_id: 'r\ud800' }),
    ],
  ])('%s has the same outcome, and no chain breaks', async (_situation, write) => {
    for (const { store } of opened) {
      await attempt(store, putFlag('ff.standing.archive'))
      await attempt(store, putFlag('ff.standing.delete'))
      await attempt(store, putFlag('ff.standing.scoped'))
      await attempt(store, putFlag('ff.standing.killed', { state: '"killed"' }))
      await attempt(store, putTenant('A1', 'ff.standing.delete', overrideText('true')))
    }
    const outcome = await expectSame(write)
    expect(outcome).not.toHaveProperty('thrown')
    for (const one of opened) expectChain(await one.records(), await one.store.auditHead())
  })
})
