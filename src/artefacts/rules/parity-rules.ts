import { appendPointer } from '../../core/json/pointer.ts'
import { EXEMPTIBLE_FIELD } from '../../core/parity/field-rules.ts'
import { countCoverage } from '../../core/parity/coverage.ts'
import { TTL_STATES } from '../../core/evaluate/types.ts'
import { ROW_MEMBERS } from '../../core/rows/decode-row.ts'
import { TABLE_NAMES } from '../../core/rows/rows.ts'
import type { LoadedArtefact } from '../load.ts'
import type { ArtefactProblem } from '../problem.ts'

type Matrix = LoadedArtefact<'parity_test_matrix'>
type Contract = LoadedArtefact<'cutover_parity_matrix'>

/**
 * Finds where the packaged matrix lacks a vector of the contract or has another (`vector_missing`,
 * `vector_unexpected`), and each value of a dimension or TTL state of a verified answer that no vector covers
 * (`coverage_missing`). Empty where there are none.
 */
export function findGateMatrixProblems(
  { file, value }: Matrix,
  contract: Contract,
): readonly ArtefactProblem[] {
  const at = (
    code: ArtefactProblem['code'],
    detail: string,
    where = '/vectors',
  ): ArtefactProblem => ({
    file,
    pointer: where,
    code,
    detail,
  })
  const wanted = contract.value.vectors.ids
  const ids = value.vectors.map(({ id }) => id)
  const returned = new Set(
    value.vectors
      .filter(({ covers }) => covers.auth_mode === 'verified')
      .map(({ then }) => then.meta.ttl_state),
  )
  return [
    ...wanted.filter((id) => !ids.includes(id)).map((id) => at('vector_missing', id)),
    ...ids.flatMap((id, i) =>
      wanted.includes(id) ? [] : [at('vector_unexpected', id, appendPointer('/vectors', i))],
    ),
    ...countCoverage(value.vectors.map(({ covers }) => covers))
      .filter(({ vectors }) => vectors === 0)
      .map(({ dimension, value: lost }) =>
        at('coverage_missing', `no vector covers ${dimension} ${lost}`),
      ),
    ...TTL_STATES.filter((state) => !returned.has(state)).map((state) =>
      at('coverage_missing', `no verified vector expects ttl_state ${state}`),
    ),
  ]
}

/**
 * Finds pointers that the contract lists twice (`pointer_repeated`), rules that exempt a field from MUST_MATCH, other
 * than `EXEMPTIBLE_FIELD` of the decision (`rule_below_floor`), and members of the stored rows that the contract does
 * not list (`field_unnamed`). Empty where there are none.
 */
export function findContractProblems({
  file,
  value,
}: Pick<Contract, 'file' | 'value'>): readonly ArtefactProblem[] {
  const lists = { decision: value.decision, ...value.rows }
  const repeated = Object.entries(lists).flatMap(([name, fields]) => {
    const where = name === 'decision' ? '/decision' : `/rows/${name}`
    const pointers = fields.map((field) => field.pointer)
    return pointers.flatMap((one, i) =>
      pointers.indexOf(one) === i
        ? []
        : [
            {
              file,
              pointer: appendPointer(where, i),
              code: 'pointer_repeated' as const,
              detail: one,
            },
          ],
    )
  })
  const unnamed = TABLE_NAMES.flatMap((table) => {
    const named = new Set(value.rows[table].map((field) => field.pointer))
    return Object.keys(ROW_MEMBERS[table])
      .filter((name) => !named.has(`/${name}`))
      .map((name) => ({
        file,
        pointer: `/rows/${table}`,
        code: 'field_unnamed' as const,
        detail: name,
      }))
  })
  const exempted = Object.entries(lists).flatMap(([name, fields]) => {
    const where = name === 'decision' ? '/decision' : `/rows/${name}`
    const exemptible = name === 'decision' ? EXEMPTIBLE_FIELD : null
    return fields.flatMap(({ pointer: field, rule }, at) =>
      rule === 'MUST_MATCH' || field === exemptible
        ? []
        : [
            {
              file,
              pointer: appendPointer(where, at),
              code: 'rule_below_floor' as const,
              detail: `${field} ${rule}`,
            },
          ],
    )
  })
  return [...repeated, ...exempted, ...unnamed]
}
