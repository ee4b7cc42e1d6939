import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseArtefact } from '../../src/artefacts/load.ts'
import { ROOT } from '../support/run-ff.ts'

const KIND = 'cutover_readiness_checklist'
const text = readFileSync(join(ROOT, 'checklists/cutover_readiness_checklist.json'), 'utf8')

test('a text that holds is parsed once for a kind, under each name', () => {
  const [first, again] = ['a.json', 'b.json'].map((shown) => parseArtefact(KIND, { text, shown }))
  if (first?.ok !== true || again?.ok !== true) throw new Error('the checklist does not hold')
  expect([first.loaded.file, again.loaded.file]).toEqual(['a.json', 'b.json'])
  expect(again.loaded.node).toBe(first.loaded.node)
  const as = parseArtefact('cutover_plan', { text, shown: 'a.json' })
  expect(as.ok).toBe(false)
})
test('a text that does not hold is refused each time, with the name that it is given', () => {
  for (const shown of ['a.json', 'b.json']) {
    const read = parseArtefact(KIND, { text: '{', shown })
    expect(read).toMatchObject({ ok: false, problems: [{ file: shown, code: 'json_malformed' }] })
  }
})
