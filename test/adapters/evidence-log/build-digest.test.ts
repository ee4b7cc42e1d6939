import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BUILD_PARTS, digestBuild } from '../../../src/adapters/evidence-log/build-digest.ts'
import { ROOT } from '../../support/run-ff.ts'

const FILES = [
  'package.json',
  'checklists/cutover_readiness_checklist.json',
  'checklists/templates/plan.json',
  'contracts/schemas/trust.schema.json',
  'dist/bin/ff.js',
  'dist/src/main.js',
  'vectors/jwt/keys.json',
]
let root: string
const put = async (path: string, text: string): Promise<void> => {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), text)
}
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ff-build-'))
  for (const path of FILES) await put(path, path)
})
afterAll(() => rm(root, { recursive: true, force: true }))

test.each(FILES)(
  'a changed byte of %s is another build, and the old byte the old one',
  async (path) => {
    const before = digestBuild(root)
    expect(before).toMatch(/^[0-9a-f]{64}$/)
    await put(path, `${path}!`)
    expect(digestBuild(root)).not.toBe(before)
    await put(path, path)
    expect(digestBuild(root)).toBe(before)
  },
)
test('another name, and a file more or less, is another build', async () => {
  const before = digestBuild(root)
  const paths = [join(root, 'dist/bin/ff.js'), join(root, 'dist/bin/gg.js')] as const
  await rename(...paths)
  expect(digestBuild(root)).not.toBe(before)
  await rename(paths[1], paths[0])
  await put('dist/more.js', '')
  expect(digestBuild(root)).not.toBe(before)
  await rm(join(root, 'dist/more.js'))
  expect(digestBuild(root)).toBe(before)
})
test.each([
  'checklists/signoff.json',
  'contracts/schemas/compile.mjs',
  'vectors/jwt/make.mjs',
  'node_modules/pg/index.js',
  'reports/gate.html',
])('%s is no part of the build', async (path) => {
  const before = digestBuild(root)
  await put(path, 'x')
  expect(digestBuild(root)).toBe(before)
})
test('a file that is gone is an error', async () => {
  await rm(join(root, 'package.json'))
  expect(() => digestBuild(root)).toThrow('ENOENT')
  await put('package.json', 'package.json')
})
test('every folder that the package ships is part of the build', async () => {
  const { files } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    readonly files: readonly string[]
  }
  const shipped = files.filter((one) => !one.startsWith('!') && !one.endsWith('.md'))
  expect(shipped.length).toBeGreaterThan(0)
  for (const folder of shipped)
    expect(BUILD_PARTS.filter((part) => `${part}/`.startsWith(`${folder}/`))).not.toEqual([])
  const scripts = files.filter((one) => one.startsWith('!'))
  expect(scripts).toEqual(['!contracts/**/*.mjs', '!vectors/**/*.mjs'])
})
