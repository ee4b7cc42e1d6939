import { expect, test } from 'vitest'
import { refuseAlteredWaivers } from '../../../src/features/team-folder/altered-waiver.ts'

const inFile = (entry: string): string => `{"kind":"waivers","waivers":[${entry}]}`
const DEEP = `${'['.repeat(20_000)}${']'.repeat(20_000)}`

test.each([
  ['is no JSON', '{'],
  ['holds no object', 'null'],
  ['has entries that are none', inFile('null,1,[]')],
  ['is nested deeper than the stack', inFile(`{"id":${DEEP}}`)],
  ['has no approval', inFile('{"id":"WV-1","approvals":[]}')],
])('a text that %s is left to the schema', (_what, text) => {
  expect(() => refuseAlteredWaivers(text)).not.toThrow()
})

test.each(['null', '1', '{}', '{"jws":"a.b.c"}', '{"jws":{"toString":1,"valueOf":1}}'])(
  'an approval %s carries no waiver',
  (approval) => {
    expect(() => refuseAlteredWaivers(inFile(`{"id":"WV-1","approvals":[${approval}]}`))).toThrow(
      expect.objectContaining({ code: 'waiver_altered' }),
    )
  },
)
