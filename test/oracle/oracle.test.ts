import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { oracleCells } from './oracle.ts'

describe('the oracle', () => {
  test('predicts the cells of vectors/oracle_cells.json (npm run oracle writes them anew)', async () => {
    await expect(`${JSON.stringify(oracleCells(), null, 1)}\n`).toMatchFileSnapshot(
      '../../vectors/oracle_cells.json',
    )
  })

  test('does not import the code that it checks', () => {
    const source = readFileSync(new URL('./oracle.ts', import.meta.url), 'utf8')
    expect(source).not.toMatch(/\bimport\b.*\bfrom\b|\bimport\(|\brequire\(/)
  })
})
