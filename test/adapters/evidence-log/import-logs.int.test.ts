import { appendFile, cp, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openEvidence } from '../../../src/adapters/evidence-log/evidence-log.ts'
import { importLogs } from '../../../src/adapters/evidence-log/import-logs.ts'
import { makeRunnerKey, type SigningRunner } from '../../../src/adapters/evidence-log/runner-key.ts'
import { EVIDENCE_SHAPES as shapes } from '../../../src/artefacts/schemas.ts'
import type { ChainHead } from '../../../src/core/gate/types.ts'
import type { EvidenceNeeds, ImportedLog } from '../../../src/ports/evidence.ts'
import { passing, toItem } from '../../core/gate/builders.ts'
import { toNeeds } from '../../support/gate-folder.ts'

const FILES = ['evidence.ndjson', 'head.json'] as const
let parent = ''
let runner: SigningRunner
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'ff-import-'))
  runner = await makeRunnerKey(join(parent, 'runner.pem'))
})
afterAll(() => rm(parent, { recursive: true, force: true }))

const makeFolder = (): Promise<string> => mkdtemp(join(parent, 'log-'))
/** Appends a record for each item to the log of the runner, and returns the last one. */
async function append(
  folder: string,
  items: readonly string[],
  change: Partial<EvidenceNeeds> = {},
  by = runner,
): Promise<ChainHead> {
  const log = await openEvidence(folder, by, toNeeds(shapes, change))
  for (const item of items) await log.append(passing(toItem(item)))
  await log.close()
  const { seq, hash } = log.head
  return { seq, hash }
}
const copy = async (from: string): Promise<string> => {
  const folder = await makeFolder()
  await cp(from, folder, { recursive: true })
  return folder
}
const read = (folder: string): Promise<readonly string[]> =>
  Promise.all(FILES.map((name) => readFile(join(folder, runner.kid, name), 'utf8')))
const importInto = (from: string, into: string): Promise<readonly ImportedLog[]> =>
  importLogs(from, into, shapes)

describe('an import', () => {
  test('takes over the log of a key that is not here, readable by its owner alone', async () => {
    const [from, into] = [await makeFolder(), join(await makeFolder(), 'evidence')]
    const last = await append(from, ['A1', 'B1'])
    expect(await importInto(from, into)).toEqual([{ kid: runner.kid, extended: true, ...last }])
    expect(await read(into)).toEqual(await read(from))
    for (const name of FILES)
      expect((await stat(join(into, runner.kid, name))).mode & 0o777).toBe(0o600)
    expect((await stat(join(into, runner.kid))).mode & 0o777).toBe(0o700)
  })

  test('takes over the folder of one log, and one without a record', async () => {
    const [from, into] = [await makeFolder(), await makeFolder()]
    const last = await append(from, [])
    // A run that was killed before it created the file of lines.
    await rm(join(from, runner.kid, 'evidence.ndjson'))
    const done = await importInto(join(from, runner.kid), into)
    expect(done).toEqual([{ kid: runner.kid, extended: true, ...last }])
    const [lines, head] = await read(into)
    expect(lines).toBe('')
    expect(head).toBe(await readFile(join(from, runner.kid, 'head.json'), 'utf8'))
  })

  test('continues the log that is here, and can be continued', async () => {
    const into = await makeFolder()
    await append(into, ['A1'])
    const from = await copy(into)
    const last = await append(from, ['B1', 'C1'])
    expect(await importInto(from, into)).toEqual([{ kid: runner.kid, extended: true, ...last }])
    expect(await read(into)).toEqual(await read(from))
    expect((await append(into, ['D1'])).seq).toBe(4)
  })

  test('changes nothing where the log is the same or shorter, also under the lock of a run', async () => {
    const into = await makeFolder()
    const first = await append(into, ['A1'])
    const from = await copy(into)
    const log = await openEvidence(into, runner, toNeeds(shapes))
    await log.append(passing(toItem('B1')))
    const before = await read(into)
    expect(await importInto(from, into)).toEqual([{ kid: runner.kid, extended: false, ...first }])
    await log.close()
    expect(await read(into)).toEqual(before)
    expect(await importInto(into, into)).toMatchObject([{ extended: false }])
  })

  test('of a longer log waits for no run', async () => {
    const into = await makeFolder()
    await append(into, ['A1'])
    const from = await copy(into)
    const log = await openEvidence(into, runner, toNeeds(shapes))
    await append(from, ['B1'])
    await expect(importInto(from, into)).rejects.toMatchObject({ code: 'evidence_locked' })
    await log.close()
    expect(await importInto(from, into)).toMatchObject([{ extended: true }])
  })

  test('finds nothing in an empty or missing folder', async () => {
    const into = await makeFolder()
    expect(await importInto(await makeFolder(), into)).toEqual([])
    expect(await importInto(join(into, 'nowhere'), into)).toEqual([])
  })

  test('takes over the logs of two runners in the order of their names', async () => {
    const [from, into] = [await makeFolder(), await makeFolder()]
    const other = await makeRunnerKey(join(await makeFolder(), 'other.pem'))
    await append(from, ['A1'])
    await append(from, ['A1', 'B1'], {}, other)
    const done = await importInto(from, into)
    expect(done.map(({ kid }) => kid)).toEqual([runner.kid, other.kid].sort())
    expect(new Set(done.map(({ seq }) => seq))).toEqual(new Set([1, 2]))
  })
})

describe('nothing is imported', () => {
  type Change = (from: string, into: string) => Promise<unknown>
  const trusting = (version: number): Partial<EvidenceNeeds> => ({
    sight: { trust: { version, sha256: String(version).repeat(64) }, withdrawn: [] },
  })
  test.each<[string, Change, string]>([
    [
      'where the log is damaged',
      (from) => appendFile(join(from, runner.kid, 'evidence.ndjson'), '{}\n'),
      'evidence_untrusted',
    ],
    [
      'where the log here is damaged',
      (_from, into) => appendFile(join(into, runner.kid, 'head.json'), ' '),
      'evidence_untrusted',
    ],
    ['where both went on', (_from, into) => append(into, ['C1']), 'evidence_forked'],
    [
      'where the head here names a trust file, and that of the log none',
      async (from, into) => {
        await rm(join(from, runner.kid), { recursive: true })
        await rm(join(into, runner.kid), { recursive: true })
        await append(into, [])
        await cp(into, from, { recursive: true })
        await append(into, [], trusting(2))
        await append(from, ['A1'])
      },
      'evidence_untrusted',
    ],
    [
      'where the folder has the old form',
      (from) => cp(join(from, runner.kid, 'evidence.ndjson'), join(from, 'evidence.ndjson')),
      'evidence_old_form',
    ],
  ])('%s', async (_what, change, code) => {
    const into = await makeFolder()
    await append(into, ['A1'])
    const from = await copy(into)
    await append(from, ['B1'])
    await change(from, into)
    const before = await read(into)
    await expect(importInto(from, into)).rejects.toMatchObject({ code })
    expect(await read(into)).toEqual(before)
  })

  test('where one of two logs is damaged, in whatever order', async () => {
    const [from, into] = [await makeFolder(), await makeFolder()]
    const other = await makeRunnerKey(join(await makeFolder(), 'other.pem'))
    await append(from, ['A1'])
    await append(from, ['A1'], {}, other)
    const last = [runner.kid, other.kid].sort()[1] ?? ''
    await appendFile(join(from, last, 'head.json'), ' ')
    await expect(importInto(from, into)).rejects.toMatchObject({ code: 'evidence_untrusted' })
    expect(await importInto(into, into)).toEqual([])
  })

  test('where a file of the log cannot be read', async () => {
    const from = await makeFolder()
    await mkdir(join(from, 'head.json'))
    await expect(importInto(from, from)).rejects.toMatchObject({ code: 'evidence_unreadable' })
  })
})
