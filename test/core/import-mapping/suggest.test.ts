import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { detectFormat } from '../../../src/core/import-mapping/detect-format.ts'
import { suggestMapping } from '../../../src/core/import-mapping/suggest.ts'
import type { ImportMapping } from '../../../src/core/import-mapping/types.ts'
import { node } from '../builders.ts'
import { mapDocument } from './mappings.ts'

const SAMPLES = join(import.meta.dirname, 'formats')
const names = readdirSync(SAMPLES).map((name) => name.replace(/\.json$/, ''))

test('each known format is detected by its sample', () => {
  expect(names.length).toBeGreaterThan(0)
  const texts = names.map((name) => node(readFileSync(join(SAMPLES, `${name}.json`), 'utf8')))
  expect(texts.map(detectFormat)).toEqual(names)
})

/** Answers to the questions of a suggestion. */
const ANSWERS: Readonly<Record<string, unknown>> = {
  sensitive: false,
  required_auth: 'any',
  owner: 'web',
  created_by: 'U1',
  updated_by: 'U1',
  created_at: '2026-01-15T09:00:00.000Z',
  updated_at: '2026-01-15T09:00:00.000Z',
}
const fill = (mapping: object): ImportMapping =>
  JSON.parse(
    JSON.stringify(mapping, (name, value: unknown) =>
      typeof value === 'object' && value !== null && 'gap' in value
        ? { const: ANSWERS[name] }
        : value,
    ),
  ) as ImportMapping

/** The rows of a document by the mapping that is suggested for it, with every gap filled. */
function suggested(text: string) {
  const mapping = suggestMapping(node(text))
  if (mapping === null) throw new Error('no suggestion')
  const { rows, refusals } = mapDocument(node(text), fill(mapping))
  return {
    mapping,
    keys: [...rows].map(({ table, key }) => `${table} ${key.scope_id ?? ''} ${key.flag_key}`),
    refused: refusals.kept.map(({ code, pointer }) => `${pointer} ${code}`),
  }
}

describe('a mapping is suggested for', () => {
  test.each<[string, string, readonly string[], readonly string[]]>([
    [
      'a flat map',
      '{"beta":true,"limit":5}',
      ['flag_registry  ff.beta', 'flag_registry  ff.limit'],
      [],
    ],
    ['names of another case', '{"newCheckout":true}', ['flag_registry  ff.new-checkout'], []],
    ['names with the prefix', '{"ff.beta":true}', ['flag_registry  ff.beta'], []],
    [
      'objects with what they tell',
      '{"flags":{"beta":{"enabled":true,"description":"b","owner":"w","version":2,"created_at":"2026-01-15T09:00:00Z","updated_at":1767225600}}}',
      ['flag_registry  ff.beta'],
      [],
    ],
    [
      'a list',
      '{"features":[{"name":"beta","value":1,"colour":"red"}]}',
      ['flag_registry  ff.beta'],
      ['/features/0/colour member_unmapped'],
    ],
    ['a list of texts, as far as it goes', '{"flags":["beta"]}', [], ['/flags/0 type_wrong']],
    [
      'overrides nested by tenant and user',
      '{"flags":{"beta":true},"per_tenant":{"T1":{"beta":false}},"users":{"U1":{"beta":false}}}',
      ['flag_registry  ff.beta', 'tenant_override T1 ff.beta', 'user_override U1 ff.beta'],
      [],
    ],
    [
      'lists by tenant and by user',
      '{"flags":{"beta":true},"a":[{"tenant_id":42,"flag":"beta","value":false}],"b":[{"user":"U1","flag":"beta","set":false,"by":"U2","at":"2026-01-15"}]}',
      ['flag_registry  ff.beta', 'tenant_override 42 ff.beta', 'user_override U1 ff.beta'],
      [],
    ],
    [
      'a list with a scope',
      '{"flags":{"beta":true},"overrides":[{"scope":"tenant","id":42,"flag":"beta","value":false},{"scope":"user","id":1007,"flag":"beta","value":false}]}',
      ['flag_registry  ff.beta', 'tenant_override 42 ff.beta', 'user_override 1007 ff.beta'],
      [],
    ],
    [
      'a list with a scope of its own',
      '{"flags":{"beta":true},"overrides":[{"scope":"planet","id":"x","flag":"beta","value":false}]}',
      ['flag_registry  ff.beta'],
      ['/overrides member_unmapped'],
    ],
    [
      'a list with a scope that only begins as one',
      '{"flags":{"beta":true},"overrides":[{"scope":"user_segment","id":"x","flag":"beta","value":false},{"scope":"Tenants","id":"T1","flag":"beta","value":false}]}',
      ['flag_registry  ff.beta', 'tenant_override T1 ff.beta'],
      ['/overrides/0 entry_untaken'],
    ],
    [
      'a list with a scope and no id',
      '{"flags":{"beta":true},"overrides":[{"scope":"user","flag":"beta","value":false}]}',
      ['flag_registry  ff.beta'],
      ['/overrides member_unmapped'],
    ],
    [
      'a list of tenants that is no object',
      '{"flags":{"beta":true},"tenants":["T1"]}',
      ['flag_registry  ff.beta'],
      ['/tenants member_unmapped'],
    ],
  ])('%s', (_what, text, keys, refused) => {
    const found = suggested(text)
    expect(found.keys).toEqual(keys)
    expect([...new Set(found.refused)]).toEqual(refused)
  })

  test('a list that does not name the flag, with a gap', () => {
    const text = '{"flags":{"beta":true},"a":[{"tenant_id":"T1","value":false}]}'
    expect(suggestMapping(node(text))?.tenant_overrides[0]?.members['flag_key']).toHaveProperty(
      'gap',
    )
  })

  test('times whose zone is not known, with a gap', () => {
    const text = '{"flags":{"beta":{"on":true,"created":"2025-03-02T09:15:27"}}}'
    expect(suggestMapping(node(text))?.flags[0]?.members['created_at']).toHaveProperty('gap')
  })

  test('times that lose digits, which it says', () => {
    const text = '{"flags":{"beta":{"on":true,"created":"2025-03-02T09:15:27.481516Z"}}}'
    expect(suggestMapping(node(text))?.flags[0]?.members['created_at']).toMatchObject({
      as: 'timestamp',
      truncate: true,
    })
  })

  test('no more than the first thousand entries', () => {
    const names = Array.from({ length: 1_001 }, (_, at) => `"k${at}":{"v":1}`).join(',')
    const text = `{"flags":{${names},"z":{"value":1}}}`
    expect(suggestMapping(node(text))?.flags[0]?.members['default_value']).toMatchObject({
      from: '',
    })
  })
})

test('every guess has a note, and what the file does not tell is a gap', () => {
  const { mapping } = suggested('{"flags":{"beta":true},"per_tenant":{"T1":{"beta":false}}}')
  const rules = [...mapping.flags, ...mapping.tenant_overrides]
  expect(rules).toHaveLength(2)
  for (const { note, members } of rules) {
    expect(note).toMatch(/^guess: /)
    for (const [name, rule] of Object.entries(members))
      expect('gap' in rule || String(rule['note']).startsWith('guess: '), name).toBe(true)
  }
})

test.each(['7', '{}', '{"flags":{}}', '{"tenants":{"T1":{"beta":true}}}'])(
  'nothing is suggested for %s',
  (text) => {
    expect(suggestMapping(node(text))).toBeNull()
    expect(detectFormat(node(text))).toBeNull()
  },
)

test('a gap is no value', () => {
  const { mapping } = suggested('{"flags":{"beta":true}}')
  const { refusals } = mapDocument(
    node('{"flags":{"beta":true}}'),
    mapping as unknown as ImportMapping,
  )
  expect([...new Set(refusals.kept.map(({ code }) => code))]).toEqual(['member_missing'])
})
