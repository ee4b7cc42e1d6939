import { createHash, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import { getLineReader, writeLine } from '../../../src/adapters/evidence-log/evidence-line.ts'
import type { EvidenceRecord } from '../../../src/core/gate/types.ts'
import { canonicalizeValue } from '../../../src/core/json/plain.ts'
import { chained, passing, toItem } from '../../core/gate/builders.ts'
import { makePerson } from '../../features/signoff/people.ts'

const makeRunner = (name: string) => {
  const { jwk, kid, key } = makePerson(name, 'platform-lead')
  return { jwk, kid, sign: (text: string) => sign(null, Buffer.from(text), key) }
}
const RECORD = chained([passing(toItem('A1'))])[0]?.record as EvidenceRecord
const readNew = (text: string) => getLineReader(() => true).read(text)

test('a line that holds is verified once for a schema, and a changed one anew', () => {
  const ci = makeRunner('ci')
  const [entry, second] = chained([passing(toItem('A1')), passing(toItem('A2'))])
  if (entry === undefined || second === undefined) throw new Error('no entry')
  const { text } = writeLine(entry.record, ci)
  let checked = 0
  const fits = () => (checked += 1) > 0
  const read = (line: string) => getLineReader(fits).read(line)
  expect(read(text)).toMatchObject({ ok: true, entry: { runner: ci.kid } })
  expect(read(text)).toEqual(read(text))
  expect(checked).toBe(1)
  const next = writeLine(second.record, ci).text
  for (const line of [next, text, next]) expect(read(line).ok).toBe(true)
  expect(checked).toBe(2)
  for (const line of [`${text} `, text.replace('"A1"', '"A2"'), text.slice(1)])
    for (const _ of [1, 2]) expect(read(line)).toEqual({ ok: false, fault: 'edited' })
  expect(getLineReader(() => false).read(text)).toEqual({ ok: false, fault: 'edited' })
})

test('a line whose hash was computed anew and whose signature is of another key is recomputed', () => {
  const [one, other] = [makeRunner('ci'), makeRunner('other')]
  const { text } = writeLine(RECORD, { ...one, sign: other.sign })
  expect(readNew(text)).toEqual({ ok: false, fault: 'recomputed' })
})

test('a line names the hash of its record and the key that signed it', () => {
  const ci = makeRunner('ci')
  const { text, entry } = writeLine(RECORD, ci)
  const hash = createHash('sha256').update(canonicalizeValue(RECORD)).digest('hex')
  expect(entry).toEqual({ record: RECORD, hash, runner: ci.kid })
  expect(readNew(text)).toEqual({ ok: true, entry })
})
