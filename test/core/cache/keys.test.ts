import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  encodeKeyPart,
  formatControlKey,
  formatDecisionKey,
  formatRowCacheKey,
  KEY_PREFIX,
  listInvalidKeys,
  listValueKeys,
  NAMESPACE_NAMES,
  readChangeScope,
} from '../../../src/core/cache/keys.ts'
import { formatAuditTarget } from '../../../src/core/audit/record.ts'
import type { ChangeKind } from '../../../src/core/feed/types.ts'
import { readArtefact } from '../builders.ts'

const notes = JSON.parse(readArtefact('contracts/cache_runtime_notes.json'))
const tenant = (scope_id: string, flag_key = 'ff.x') =>
  formatRowCacheKey('tenant_override', { scope_id, flag_key })
const user = (scope_id: string, flag_key = 'ff.x') =>
  formatRowCacheKey('user_override', { scope_id, flag_key })
const flag = (flag_key = 'ff.x') => formatRowCacheKey('flag_registry', { scope_id: null, flag_key })
const decision = (tenant_id: string | null, user_id: string | null, flag_key = 'ff.x') =>
  formatDecisionKey({ tenant_id, user_id, flag_key })

describe('a key', () => {
  const KEYS: Readonly<Record<string, string>> = {
    flag: flag('FLAG'),
    tenant_override: tenant('TENANT', 'FLAG'),
    user_override: user('USER', 'FLAG'),
    eval: decision('TENANT', 'USER', 'FLAG'),
    lock: listValueKeys('ptt:ff:flag:{WHAT}').lease,
    control: formatControlKey('WHAT'),
  }
  test('of each namespace is as the contract says', () => {
    expect(
      Object.fromEntries(notes.namespaces.map((one: never) => [one['id'], one['key']])),
    ).toEqual(KEYS)
    expect(Object.keys(KEYS)).toEqual(NAMESPACE_NAMES)
    expect(notes.prefix).toBe(KEY_PREFIX)
  })
  test('has an id with every other character encoded', () => {
    expect(tenant('a/b:c{d}*é')).toBe('ptt:ff:ovr:t:{a%2Fb%3Ac%7Bd%7D%2A%E9:ff.x}')
    expect(encodeKeyPart('A-z0.9_@')).toBe('A-z0.9_@')
  })
  test('of no tenant is not that of the tenant "-"', () => {
    expect(decision(null, null)).toBe('ptt:ff:eval:{-:-:ff.x}')
    expect(decision('-', null)).toBe('ptt:ff:eval:{%2D:-:ff.x}')
    expect(notes.key_parts).toMatchObject({ none: '-', escaped_none: encodeKeyPart('-') })
  })
  test('names one row or decision alone, whatever its ids', () => {
    const id = fc.stringMatching(/^[!-~]{1,12}$/)
    const pair = fc.tuple(fc.option(id), fc.option(id), id)
    fc.assert(
      fc.property(pair, pair, ([t, u, f], [t2, u2, f2]) => {
        const same = t === t2 && u === u2 && f === f2
        expect(decision(t, u, f) === decision(t2, u2, f2)).toBe(same)
        expect(decision(t, u, f)).toMatch(
          /^ptt:ff:eval:\{[A-Za-z0-9._@%-]+(:[A-Za-z0-9._@%-]+){2}\}$/,
        )
      }),
    )
  })
  test('shares its hash tag with its lease and its tombstone', () => {
    expect(listValueKeys(tenant('T1'))).toEqual({
      value: 'ptt:ff:ovr:t:{T1:ff.x}',
      lease: 'ptt:ff:lock:{T1:ff.x}',
      tombstone: 'ptt:ff:ctl:{T1:ff.x}',
    })
  })
})

describe('a change', () => {
  const TARGETS: Readonly<Record<ChangeKind, string>> = {
    tenant_override: formatAuditTarget('tenant_override', { scope_id: 'TENANT', flag_key: 'FLAG' }),
    user_override: formatAuditTarget('user_override', { scope_id: 'USER', flag_key: 'FLAG' }),
    flag: formatAuditTarget('flag_registry', { scope_id: null, flag_key: 'FLAG' }),
    global: 'global',
    approval: 'approval/APP-1-a',
    jwks: 'jwks',
  }
  test.each(
    notes.invalidation.map((one: { kind: ChangeKind }) => [one.kind, one]) as [
      ChangeKind,
      {
        readonly names: readonly string[]
        readonly patterns: readonly string[]
      },
    ][],
  )('of kind %s removes the keys of the contract', (kind, { names, patterns }) => {
    expect(listInvalidKeys(readChangeScope({ kind, target: TARGETS[kind] }))).toEqual({
      names,
      patterns,
    })
  })
  test('with an id of other characters is read back from its target', () => {
    const key = { scope_id: 'a/b:c', flag_key: 'ff.x' }
    const target = formatAuditTarget('user_override', key)
    expect(readChangeScope({ kind: 'user_override', target })).toEqual({
      kind: 'row',
      table: 'user_override',
      key,
    })
  })
  test('whose target names no row removes everything', () => {
    expect(readChangeScope({ kind: 'flag', target: 'import/rows' })).toEqual({ kind: 'everything' })
  })
})
