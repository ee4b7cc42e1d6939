import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ROOT } from '../support/run-ff.ts'

interface Component {
  readonly name: string
  readonly purl: string
}

test('npm run sbom lists each package that ff runs with, and no other, as CycloneDX', async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'sbom'], {
    cwd: ROOT,
    maxBuffer: 16_777_216,
  })
  const bom = JSON.parse(stdout) as { bomFormat: string; components: readonly Component[] }
  const text = await readFile(join(ROOT, 'package.json'), 'utf8')
  const { dependencies, devDependencies } = JSON.parse(text) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >
  const listed = bom.components.map(({ purl }) =>
    decodeURIComponent(purl).replace(/^pkg:npm\/|@[^@]+$/g, ''),
  )
  expect(bom.bomFormat).toBe('CycloneDX')
  expect(listed).toEqual(expect.arrayContaining(Object.keys(dependencies)))
  expect(listed.length).toBeGreaterThan(Object.keys(dependencies).length)
  expect(listed.filter((name) => name in devDependencies)).toEqual([])
})
