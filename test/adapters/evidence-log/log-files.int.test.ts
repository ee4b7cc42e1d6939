import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  readEvidence,
  readLogBytes,
  toLogTexts,
} from '../../../src/adapters/evidence-log/log-files.ts'

let parent = ''
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'ff-log-files-'))
})
afterAll(() => rm(parent, { recursive: true, force: true }))
const makeFolder = (): Promise<string> => mkdtemp(join(parent, 'evidence-'))

describe('the logs of a folder', () => {
  test('are read in the order of their names', async () => {
    const folder = await makeFolder()
    const names = ['m', 'c', 'z', 'a', 'q', 'b', 'y', 'k']
    for (const name of names) {
      await mkdir(join(folder, name))
      await writeFile(join(folder, name, 'head.json'), name)
    }
    const logs = await readEvidence(folder)
    expect(logs).toEqual(names.toSorted().map((kid) => ({ kid, log: null, head: kid })))
  })

  test('hold whole lines, and bytes that are no text match none', async () => {
    const folder = await makeFolder()
    await writeFile(join(folder, 'evidence.ndjson'), 'one\ntwo\nthr')
    await writeFile(join(folder, 'head.json'), Buffer.from([0x22, 0xff, 0x22, 0x0a]))
    const texts = toLogTexts(folder, await readLogBytes(folder))
    expect(texts.log).toBe('one\ntwo\n')
    expect(texts.head).toBe('\ufffd\n')
  })

  test.each([
    [
      'a head of more than 65,536 bytes',
      (path: string) => writeFile(path, 'x'.repeat(65_537)),
      true,
    ],
    ['a folder in the place of the head', (path: string) => mkdir(path), false],
  ])('are not read with %s', async (_what, make, isTooLarge) => {
    const folder = await makeFolder()
    await make(join(folder, 'head.json'))
    const error = await readLogBytes(folder).then(
      () => null,
      (reason: { readonly code: string; readonly message: string }) => reason,
    )
    expect(error?.code).toBe('evidence_unreadable')
    expect(error?.message.includes('65536')).toBe(isTooLarge)
  })

  test('a head of 65,536 bytes is read', async () => {
    const folder = await makeFolder()
    await writeFile(join(folder, 'head.json'), 'x'.repeat(65_536))
    expect((await readLogBytes(folder)).head).toHaveLength(65_536)
  })

  test('of the old form are kept aside by a command', async () => {
    const folder = await makeFolder()
    await writeFile(join(folder, 'evidence.ndjson'), '')
    await expect(readEvidence(folder)).rejects.toMatchObject({
      code: 'evidence_old_form',
      hint: expect.stringContaining(`mv ${folder} ${folder}.old`) as string,
    })
  })

  test('a file in the place of the folder is not read', async () => {
    const path = join(await makeFolder(), 'file')
    await writeFile(path, '')
    await expect(readEvidence(path)).rejects.toMatchObject({
      code: 'evidence_unreadable',
      message: expect.stringContaining('ENOTDIR') as string,
    })
  })
})
