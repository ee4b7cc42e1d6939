import { sign } from 'node:crypto'
import { expect, test } from 'vitest'
import { getLineReader, writeLine } from '../../../src/adapters/evidence-log/evidence-line.ts'
import { chained, passing, toItem } from '../../core/gate/builders.ts'
import { makePerson } from '../../features/signoff/people.ts'

test('a line that holds is verified once for a schema, and a changed one anew', () => {
  const { jwk, kid, key } = makePerson('ci', 'platform-lead')
  const [entry] = chained([passing(toItem('A1'))])
  if (entry === undefined) throw new Error('no entry')
  const signed = (text: string) => sign(null, Buffer.from(text), key)
  const { text } = writeLine(entry.record, { jwk, kid, sign: signed })
  let checked = 0
  const fits = () => (checked += 1) > 0
  const read = (line: string) => getLineReader(fits).read(line)
  expect(read(text)).toMatchObject({ ok: true, entry: { runner: kid } })
  expect(read(text)).toEqual(read(text))
  expect(checked).toBe(1)
  for (const line of [`${text} `, text.replace('"A1"', '"A2"'), text.slice(1)])
    for (const _ of [1, 2]) expect(read(line)).toEqual({ ok: false, fault: 'edited' })
  expect(getLineReader(() => false).read(text)).toEqual({ ok: false, fault: 'edited' })
})
