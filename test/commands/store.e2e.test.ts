import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runFf } from '../support/run-ff.ts'
import { ask, startService } from '../support/service.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-store-init-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('S15: ff store init makes an empty store that ff serve serves, and never overwrites one', async () => {
  const store = join(folder, 'new', 'store')
  const missing = await runFf(['serve'], { env: { FF_STORE_DIR: store, FF_ENV: 'dev' } })
  expect([missing.status, missing.stderr]).toEqual([22, expect.stringContaining('ff store init')])
  const made = await runFf(['store', 'init', store])
  expect([made.status, made.stdout]).toEqual([0, expect.stringContaining(`FF_STORE_DIR=${store}`)])
  const service = await startService({ FF_BACKING: 'file', FF_STORE_DIR: store, FF_ENV: 'dev' })
  const { text } = await ask(service.origin, '/v1/flags/evaluate', { body: '{"all":true}' })
  expect(JSON.parse(text)).toEqual({ decisions: [] })
  expect((await service.stop()).status).toBe(0)
  const refused = await runFf(['store', 'init', store])
  expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('[option_invalid,')])
})

test('ff store init refuses a folder with other files, and names them', async () => {
  const other = join(folder, 'other')
  await mkdir(other)
  for (const name of ['a.txt', 'b.txt', 'c.txt', 'd.txt']) await writeFile(join(other, name), '')
  const { status, stderr } = await runFf(['store', 'init', other])
  expect([status, stderr]).toEqual([
    2,
    expect.stringMatching(/"a.txt", "b.txt", "c.txt" and 1 more/),
  ])
  expect(await readdir(other)).toHaveLength(4)
  const mount = join(folder, 'mount')
  await mkdir(join(mount, 'lost+found'), { recursive: true })
  expect((await runFf(['store', 'init', mount])).status).toBe(0)
})
