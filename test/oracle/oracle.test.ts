import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { oracleCells } from './oracle.ts'

describe('the oracle', () => {
  test('has written what vectors/oracle_cells.json says (npm run oracle writes it anew)', async () => {
    await expect(`${JSON.stringify(oracleCells(), null, 1)}\n`).toMatchFileSnapshot(
      '../../vectors/oracle_cells.json',
    )
  })

  test('imports nothing', () => {
    const source = readFileSync(new URL('./oracle.ts', import.meta.url), 'utf8')
    expect(source).not.toMatch(/\bimport\b.*\bfrom\b|\bimport\(|\brequire\(/)
  })
})
