import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './support/run-ff.ts'

const DECLARATION =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|const|let|class|interface|type|enum) (\w+)/gm

const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('.generated.ts'),
)

test('an exported declaration has a name that no other source file declares', () => {
  const places = new Map<string, Set<string>>()
  for (const file of files) {
    for (const [, name = ''] of readFileSync(join(ROOT, 'src', file), 'utf8').matchAll(DECLARATION))
      places.set(name, new Set([...(places.get(name) ?? []), file]))
  }
  // A pattern that matches nothing would find no name twice.
  expect(places.size).toBeGreaterThan(1_000)
  const repeated = [...places].filter(([, where]) => where.size > 1)
  expect(repeated.map(([name, where]) => `${name}: ${[...where].join(', ')}`)).toEqual([])
})
