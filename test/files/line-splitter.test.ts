import { expect, test } from 'vitest'
import { LineSplitter } from '../../src/files/line-splitter.ts'

const MAX = 4
/** Each line as `offset:text`, with `!` after one that is too long and `…` after one without line feed. */
function split(text: string, chunkBytes: number, offset = 0): readonly string[] {
  const splitter = new LineSplitter(MAX, offset)
  const bytes = Buffer.from(text)
  const lines = []
  for (let at = 0; at < bytes.length; at += chunkBytes)
    lines.push(...splitter.push(bytes.subarray(at, at + chunkBytes)))
  lines.push(...splitter.end())
  return lines.map(
    (one) => `${one.offset}:${one.bytes.toString()}${one.tooLong ? '!' : one.ended ? '' : '…'}`,
  )
}

const CASES: readonly (readonly [situation: string, text: string, lines: readonly string[]])[] = [
  ['nothing', '', []],
  ['lines that end', 'a\nbc\n', ['0:a', '2:bc']],
  ['empty lines', '\n\n', ['0:', '1:']],
  ['an end without a line feed', 'a\nbc', ['0:a', '2:bc…']],
  ['a line of the limit', 'abcd\n', ['0:abcd']],
  ['a line one byte longer', 'abcde\nf\n', ['0:abcd!', '6:f']],
  ['a line many times longer', `${'x'.repeat(30)}\nf\n`, ['0:xxxx!', '31:f']],
  ['a long line without an end', 'a\nabcdefgh', ['0:a', '2:abcd!']],
  ['characters of several bytes', '\u00fc\u00fc\n', ['0:\u00fc\u00fc']],
]
test.each(CASES)('%s comes out alike, however it is cut into chunks', (_situation, text, lines) => {
  for (let chunkBytes = 1; chunkBytes <= 40; chunkBytes += 1)
    expect(split(text, chunkBytes), `chunks of ${chunkBytes}`).toEqual(lines)
})

test('offsets begin at the given offset', () => {
  expect(split('a\nb\n', 3, 100)).toEqual(['100:a', '102:b'])
})

test('a line that is too long is reported before it ends', () => {
  const splitter = new LineSplitter(MAX)
  expect([...splitter.push(Buffer.from('abcde'))]).toMatchObject([{ ended: false, tooLong: true }])
  expect([...splitter.push(Buffer.from('fgh'))]).toEqual([])
  expect([...splitter.push(Buffer.from('\ni\n'))]).toMatchObject([{ offset: 9, ended: true }])
})
