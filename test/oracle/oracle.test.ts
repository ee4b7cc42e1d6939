import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { oracleCells } from './artefact.ts'

describe('the oracle', () => {
  test('predicts the cells of vectors/oracle_cells.json (npm run oracle writes them anew)', async () => {
    await expect(`${JSON.stringify(oracleCells(), null, 1)}\n`).toMatchFileSnapshot(
      '../../vectors/oracle_cells.json',
    )
  })

  test.each(['oracle.ts', 'situations.ts', 'artefact.ts'])(
    'does not import the code that it checks: %s',
    (file) => {
      const source = readFileSync(new URL(file, import.meta.url), 'utf8')
      const imported = [...source.matchAll(/\b(?:from|import|require)\b[ (]*['"]([^'"]*)/g)]
      const own = ['./oracle.ts', './situations.ts']
      expect(imported.map(([, path]) => path).filter((path) => !own.includes(path ?? ''))).toEqual(
        [],
      )
    },
  )
})
