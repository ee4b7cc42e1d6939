import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ROOT } from './support/run-ff.ts'

const sources = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') || name.endsWith('.mjs'))
    .map((name) => `${folder}/${name}`)

test('every source file follows the import rules', async () => {
  const args = [
    '--config',
    '.dependency-cruiser.mjs',
    '--output-type',
    'json',
    'bin',
    'src',
    'test',
  ]
  const { stdout } = await promisify(execFile)('node_modules/.bin/depcruise', args, {
    cwd: ROOT,
    maxBuffer: 64e6,
  })
  const { modules, summary } = JSON.parse(stdout) as {
    modules: { source: string }[]
    summary: { violations: object[] }
  }
  const seen = modules
    .map(({ source }) => source)
    .filter((source) => /^(bin|src|test)\//.test(source))
  // A checker that reads no file finds nothing wrong.
  expect(seen.sort()).toEqual(['bin', 'src', 'test'].flatMap(sources).sort())
  expect(summary.violations).toEqual([])
})

test('no port re-exports another port', () => {
  const ports = sources('src').filter((name) => name.startsWith('src/ports'))
  expect(ports).toContain('src/ports/store.ts')
  const handing = ports.filter((name) =>
    /^export\b.*\bfrom '/m.test(readFileSync(join(ROOT, name), 'utf8')),
  )
  expect(handing).toEqual([])
})
