import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type MergedLine,
  mergeRows,
  type SideName,
} from '../../../src/features/import-export/merge-rows.ts'
import { formatRowLine } from '../../../src/core/row-format/row-line.ts'
import { type TableName, TABLE_NAMES } from '../../../src/core/rows/rows.ts'
import type { RowBatch, RowSource } from '../../../src/ports/rows.ts'
import { examples } from '../../support/scale.ts'

interface Row {
  readonly table: TableName
  readonly scope: string
  readonly value: number
}
const toLine = ({ table, scope, value }: Row): string =>
  formatRowLine(
    table,
    table === 'flag_registry'
      ? `{"flag_key":"ff.${scope}","owner":"${value}"}`
      : `{"flag_key":"ff.a","${table === 'tenant_override' ? 'tenant_id' : 'user_id'}":"${scope}","value":${value}}`,
  )
const getKey = ({ table, scope }: Row): string => `${TABLE_NAMES.indexOf(table)} ${scope}`

/** A side whose batches have the given sizes, in a cycle. */
const side = (
  rows: readonly Row[],
  sizes: readonly number[],
  looked: boolean,
): Pick<RowSource, 'lines'> => ({
  async *lines(): AsyncGenerator<RowBatch> {
    await Promise.resolve()
    for (const table of TABLE_NAMES) {
      const own = rows.filter((row) => row.table === table)
      for (let at = 0, turn = 0; at < own.length; turn += 1) {
        const piece = own.slice(at, at + (sizes[turn % sizes.length] ?? 1))
        at += piece.length
        const bytes = Buffer.from(piece.map((row) => `${toLine(row)}\n`).join(''))
        // The first line of each batch is the one that the source did not validate.
        yield { table, bytes, unsure: looked ? [0] : null }
      }
    }
  },
})

async function walk(left: Pick<RowSource, 'lines'>, right: Pick<RowSource, 'lines'>) {
  const seen = { same: 0, uncertain: 0, pairs: [] as string[], only: [] as string[] }
  await mergeRows(left, right, {
    same: (_, count, uncertain) => {
      seen.same += count
      seen.uncertain += uncertain.length
      return true
    },
    pair: (a: MergedLine, b: MergedLine) => seen.pairs.push(`${a.line} ${b.line}`) > 0,
    only: (name: SideName, { line }: MergedLine) => seen.only.push(`${name} ${line}`) > 0,
  })
  return seen
}

const row: fc.Arbitrary<Row> = fc.record({
  table: fc.constantFrom(...TABLE_NAMES),
  scope: fc.string({ unit: fc.constantFrom('a', 'b', 'z', '0'), minLength: 1, maxLength: 3 }),
  value: fc.constantFrom(1, 2),
})
const rows = fc
  .uniqueArray(row, { selector: getKey, maxLength: 30 })
  .map((made) => made.toSorted((a, b) => (getKey(a) < getKey(b) ? -1 : 1)))
const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 })

describe('a merge of two sides', () => {
  test('finds the same as a comparison of all rows at once, for any sizes of batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        rows,
        rows,
        fc.tuple(sizes, sizes, fc.boolean()),
        async (a, b, [x, y, looked]) => {
          const seen = await walk(side(a, x, looked), side(b, y, false))
          const [left, right] = [a, b].map(
            (all) => new Map(all.map((one) => [getKey(one), toLine(one)])),
          )
          const keys = [...new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])]
          const held = keys.map((key) => [left?.get(key), right?.get(key)] as const)
          expect(seen.same).toBe(held.filter(([one, other]) => one === other).length)
          expect(seen.pairs.toSorted()).toStrictEqual(
            held
              .filter(([one, other]) => one !== undefined && other !== undefined && one !== other)
              .map(([one, other]) => `${one} ${other}`)
              .toSorted(),
          )
          expect(seen.only.toSorted()).toStrictEqual(
            held
              .flatMap(([one, other]) =>
                one === undefined
                  ? [`candidate ${other}`]
                  : other === undefined
                    ? [`baseline ${one}`]
                    : [],
              )
              .toSorted(),
          )
          // Without validation on either side each equal row is reported; with it only the rows in doubt.
          if (!looked) expect(seen.uncertain).toBe(seen.same)
          else expect(seen.uncertain).toBeLessThanOrEqual(seen.same)
        },
      ),
      examples(300),
    )
  })

  const [a, b] = ['a', 'b'].map((scope): Row => ({
    table: 'tenant_override',
    scope,
    value: 1,
  })) as [Row, Row]
  test.each([
    ['is not sorted', [b, a], [{ ...a, scope: 'c' }]],
    ['has a row without a key', [{ ...a, table: 'user_override' as TableName }], [b]],
  ] as const)('refuses a side that %s', async (what, left, right) => {
    const broken =
      what === 'is not sorted'
        ? side(left, [1], true)
        : {
            async *lines(): AsyncGenerator<RowBatch> {
              await Promise.resolve()
              yield { table: 'tenant_override', bytes: Buffer.from('{"row":{}}\n'), unsure: [] }
            },
          }
    await expect(walk(broken, side(right, [1], true))).rejects.toMatchObject({
      code: 'store_corrupt',
    })
  })

  test('ends when the visitor returns false, and waits for the work of the visitor', async () => {
    const [many, none] = [side([a, b], [1], true), side([], [1], true)]
    const seen: string[] = []
    await mergeRows(many, none, {
      same: () => true,
      pair: () => true,
      only: () => seen.push('x') < 1,
    })
    expect(seen).toHaveLength(1)
    const order: string[] = []
    await mergeRows(many, none, {
      same: () => true,
      pair: () => true,
      only: (_, { key }) => order.push(`row ${key.scope_id}`) > 0,
      pending: async () => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        order.push('waited')
      },
    })
    expect(order).toStrictEqual(['row a', 'waited', 'row b', 'waited'])
  })
})
