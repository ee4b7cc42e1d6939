import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findContractProblems } from '../../../src/artefacts/rules/parity-rules.ts'
import { ROOT } from '../../support/run-ff.ts'

const FILE = 'contracts/cutover_parity_matrix.json'
type Contract = Parameters<typeof findContractProblems>[0]
type Field = Contract['value']['decision'][number]
const readContract = (): Contract => ({
  file: FILE,
  value: JSON.parse(readFileSync(join(ROOT, FILE), 'utf8')) as Contract['value'],
})
/** Every list of rules, by the pointer of the list. */
const getLists = ({ value }: Contract): readonly (readonly [string, Field[]])[] =>
  Object.entries({ '/decision': value.decision, ...value.rows }).map(
    ([name, fields]) => [name.startsWith('/') ? name : `/rows/${name}`, fields as Field[]] as const,
  )

test('the contract of the package has no problem', () => {
  expect(findContractProblems(readContract())).toEqual([])
})

test('H1: no field but the kind of the store may be exempt, in a decision or in a stored row', () => {
  const places = getLists(readContract()).flatMap(([list, fields]) =>
    fields.flatMap((_field, at) =>
      (['MAY_DIFFER', 'MUST_DIFFER'] as const).map((rule) => ({ list, at, rule })),
    ),
  )
  const accepted = places.flatMap(({ list, at, rule }) => {
    const contract = readContract()
    const fields = new Map(getLists(contract)).get(list) as Field[]
    const { pointer } = fields[at] as Field
    fields[at] = { ...(fields[at] as Field), rule }
    const found = findContractProblems(contract)
    if (found.length === 0) return [`${pointer} ${rule}`]
    expect(found).toEqual([
      {
        file: FILE,
        pointer: `${list}/${at}`,
        code: 'rule_below_floor',
        detail: `${pointer} ${rule}`,
      },
    ])
    return []
  })
  expect(places.length).toBeGreaterThan(100)
  expect(accepted).toEqual(['/meta/backing_state MAY_DIFFER', '/meta/backing_state MUST_DIFFER'])
})
