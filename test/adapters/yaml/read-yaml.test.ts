import { describe, expect, test } from 'vitest'
import { readYaml } from '../../../src/adapters/yaml/read-yaml.ts'
import { serializeNode } from '../../../src/core/parity/node-text.ts'

const read = (text: string): string => {
  const result = readYaml(text)
  return result.ok ? serializeNode(result.node) : result.problems.join(' | ')
}

describe('a YAML document is read as', () => {
  test.each<[string, string, string]>([
    ['a map', 'flags:\n  beta: true\n  limit: 5\n', '{"flags":{"beta":true,"limit":5}}'],
    [
      'numbers as they are written',
      'a: 1.50\nb: -0\nc: 9007199254740993\n',
      '{"a":1.50,"b":-0,"c":9007199254740993}',
    ],
    ['repeated keys', 'a: 1\na: 2\n', '{"a":1,"a":2}'],
    ['quoted words', "a: 'yes'\nb: \"012\"\n'on': 1\n", '{"a":"yes","b":"012","on":1}'],
    ['null', 'a:\nb: ~\nc: null\n', '{"a":null,"b":null,"c":null}'],
    ['block texts', 'a: |\n  x\n  y\n', '{"a":"x\\ny\\n"}'],
    ['lists and flow forms', '- [1, {x: z}]\n- z\n', '[[1,{"x":"z"}],"z"]'],
    ['a whole number as a key', '42: x\n', '{"42":"x"}'],
    ['a time as a text', 'a: 2025-03-02T09:15:27Z\n', '{"a":"2025-03-02T09:15:27Z"}'],
    ['an alias', 'a: &x {v: 1}\nb: *x\n', '{"a":{"v":1},"b":{"v":1}}'],
    ['an alias of a key', '&x a: 1\nb: *x\n', '{"a":1,"b":"a"}'],
    [
      'aliases of an anchor that is given twice',
      'a: &x 1\nb: *x\nc: &x 2\nd: [*x, *x]\n',
      '{"a":1,"b":1,"c":2,"d":[2,2]}',
    ],
    ['short texts', 'a: e5\nb: +\nc: .\nd: x1_0\n', '{"a":"e5","b":"+","c":".","d":"x1_0"}'],
    ['the version 1.2', '%YAML 1.2\n---\na: 1\n', '{"a":1}'],
    ['a JSON document', '{"a":[1,"x",null]}', '{"a":[1,"x",null]}'],
  ])('%s', (_what, text, expected) => {
    expect(read(text)).toBe(expected)
  })
})

describe('a YAML document is refused with its place for', () => {
  test.each<[string, string, RegExp]>([
    [
      'a plain yes',
      'a: yes\n',
      /^line 1, column 4: yes, which YAML 1\.1 and 1\.2 read differently/,
    ],
    [
      'a plain off as a key',
      'a:\n  off: 1\n',
      /^line 2, column 3: off, .*\| line 2, column 3: a key/,
    ],
    ['an octal number', 'a: 012\n', /^line 1, column 4: 012/],
    ['a hexadecimal number', 'a: 0x1F\n', /0x1F/],
    ['a number with an underscore', 'a: 1_000\n', /1_000/],
    ['a hexadecimal number with an underscore', 'a: 0x1_F\n', /0x1_F/],
    ['an underscore and an exponent', 'a: 1_0.5e+3\n', /1_0\.5e\+3/],
    ['a fraction with an underscore', 'a: .5_0\n', /\.5_0/],
    ['the version 1.1', '%YAML 1.1\n---\na: yes\nb: 2025-03-02\n', /YAML 1\.1/],
    ['minutes and seconds', 'a: 12:30\n', /12:30/],
    ['infinity', 'a: .inf\n', /\.inf/],
    ['an exponent', 'a: 1e3\n', /1e3/],
    ['a merge key', 'a: &x {v: 1}\nb:\n  <<: *x\n', /<</],
    ['a tag', 'a: !!binary aGk=\n', /a tag/],
    ['a key that is a list', '? [1]\n: 2\n', /a key that is no text/],
    ['two documents', 'a: 1\n---\nb: 2\n', /2 documents/],
    ['none', '', /0 documents/],
    ['a broken one', 'a: [1\n', /^line 2/],
    ['an alias of nothing', 'a: *x\n', /alias/],
    ['too many levels', `${'['.repeat(70)}${']'.repeat(70)}`, /levels/],
    ['an alias of itself', 'a: &x [*x]\n', /levels|alias/],
  ])('%s', (_what, text, expected) => {
    expect(read(text)).toMatch(expected)
  })

  test('aliases of aliases that grow without end', () => {
    const lines = Array.from(
      { length: 8 },
      (_, at) => `a${at + 1}: &a${at + 1} [${Array(10).fill(`*a${at}`).join(', ')}]`,
    )
    expect(read(['a0: &a0 [x]', ...lines].join('\n'))).toMatch(/levels/)
  })
})

test('forty thousand aliases are resolved without a walk through the document for each', () => {
  const text = `a: &x 1\nb:\n${'  - *x\n'.repeat(40_000)}`
  expect(readYaml(text).ok).toBe(true)
})
