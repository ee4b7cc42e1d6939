import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { finished, startFf } from '../../support/run-ff.ts'

test('the process of ff serve holds no module of the selftest or of the probes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ff-modules-'))
  const env = { FF_LISTEN: '127.0.0.1:0', FF_DRAIN_DELAY: '0', NODE_V8_COVERAGE: folder }
  const child = startFf(['serve'], { env })
  const ended = finished(child)
  if (child.stdout === null) throw new Error('no stdout')
  await once(child.stdout, 'data') // It listens.
  child.kill('SIGTERM')
  await ended
  const reports = await Promise.all(
    (await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')),
  )
  await rm(folder, { recursive: true })
  const loaded = reports
    .flatMap((text) => (JSON.parse(text) as { result: { url: string }[] }).result)
    .flatMap(({ url }) => url.split('/dist/src/').slice(1))
  expect(loaded).toContain('features/serve/serve.js')
  expect(loaded.filter((name) => /^features\/(selftest|probes)\//.test(name))).toEqual([])
})
