import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { EMPTY_HEAD } from '../../../src/core/audit/record.ts'
import { WriterLoop, type WriterLoopParts } from '../../../src/features/cutover/writer-loop.ts'
import { makeRecord } from '../../core/cutover/records.ts'
import { until } from '../../commands/outcome.ts'

const BEFORE = makeRecord({ phase: 'file', epoch: 2, database: null })
const AFTER = makeRecord({ phase: 'dual_write', epoch: 3, database: '1/2/ff/a' })

/** A loop whose look at the file comes before a command publishes a step, and its look at the database after. */
async function lookAcross(known: readonly (typeof BEFORE)[]): Promise<readonly string[]> {
  const did: string[] = []
  const reads = [...known]
  const noteAs = (name: string) => () => {
    did.push(name)
    return sleep(1, true)
  }
  const file = {
    read: () => {
      did.push('read')
      return sleep(1, { record: reads.shift() ?? known.at(-1), intent: null })
    },
    writeRecord: noteAs('write'),
  }
  const writer = {
    epoch: 2,
    term: 1,
    startEpoch: noteAs('segment'),
    head: () => Promise.resolve(EMPTY_HEAD),
    hashAt: () => Promise.resolve(EMPTY_HEAD.hash),
  }
  const look = {
    server: 's',
    identity: '1/2/ff/a',
    record: AFTER,
    publication: null,
    instances: [],
  }
  const database = {
    look: () => Promise.resolve({ ...look, head: EMPTY_HEAD, hash: EMPTY_HEAD.hash, now: 0 }),
    close: noteAs('close'),
    writeRecord: noteAs('write'),
    publish: noteAs('publish'),
  }
  const quiet = (): void => undefined
  const parts = { file, writer, database, now: () => performance.now() }
  const loop = new WriterLoop({
    ...parts,
    failed: quiet,
    halted: quiet,
    drillOver: quiet,
  } as unknown as WriterLoopParts)
  loop.start()
  await until('it has looked often', () =>
    Promise.resolve(did.filter((one) => one === 'read').length > known.length + 4),
  )
  await loop.close()
  return did
}

test('a step that is published between the looks at both sides does not leave the database', async () => {
  expect(await lookAcross([BEFORE, BEFORE, AFTER])).not.toContain('close')
})
test('a database with a record that the file does not know is left', async () => {
  expect(await lookAcross([BEFORE])).toContain('close')
})
