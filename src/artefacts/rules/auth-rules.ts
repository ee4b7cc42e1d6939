import { findModeFaults, type ModeRow } from '../../core/auth/modes.ts'
import { ENVIRONMENTS, AUTH_REFUSALS } from '../../core/auth/types.ts'
import { appendPointer } from '../../core/json/pointer.ts'
import type { LoadedArtefact } from '../load.ts'
import type { ArtefactCode, ArtefactProblem } from '../problem.ts'

type Contract = LoadedArtefact<'jwks_integration_notes'>
type Fixtures = LoadedArtefact<'jwt_fixtures'>
type Fixture = Fixtures['value']['fixtures'][number]
type Expected = Fixture['expected']['prod']

/**
 * Finds violations of the rules beyond the schemas: a mode matrix that is not complete or admits an unverified caller
 * outside dev (the codes of `findModeFaults`), ids that repeat (`id_repeated`), limits out of order (`limit_differs`),
 * other refusal codes and statuses than the program's (`error_differs`), and fixtures that are missing or expect
 * another outcome than their mode rows (`fixture_missing`, `fixture_row_differs`). Empty where there are none.
 */
export const findAuthProblems = (
  contract: Contract,
  fixtures: Fixtures,
): readonly ArtefactProblem[] => [
  ...findMatrixProblems(contract),
  ...findLimitProblems(contract),
  ...findErrorProblems(contract),
  ...findExampleProblems(contract, fixtures),
  ...findFixtureProblems(contract, fixtures),
]

function findMatrixProblems({ file, value }: Contract): readonly ArtefactProblem[] {
  const { modes } = value
  const repeated = modes.flatMap(({ id }, at): ArtefactProblem[] =>
    modes.findIndex((one) => one.id === id) === at
      ? []
      : [{ file, pointer: appendPointer('/modes', at), code: 'id_repeated', detail: id }],
  )
  const faults = findModeFaults(modes).map(({ code, row, detail }): ArtefactProblem => {
    return { file, pointer: row === null ? '/modes' : appendPointer('/modes', row), code, detail }
  })
  return [...repeated, ...faults]
}

/** Compares limits in pairs; the first must not exceed the second. */
function findLimitProblems({ file, value }: Contract): readonly ArtefactProblem[] {
  const { claims, keys, client, algorithms } = value
  const pairs: readonly (readonly [string, number, number])[] = [
    ['/claims/leeway_s', claims.leeway_s, claims.max_leeway_s],
    ['/keys/rsa_min_bits', keys.rsa_min_bits, keys.rsa_max_bits],
    ['/client/cache_min_s', client.cache_min_s, client.cache_default_s],
    ['/client/cache_default_s', client.cache_default_s, client.cache_max_s],
    ['/client/cache_max_s', client.cache_max_s, client.last_known_good_s],
    ['/client/cooldown_s', client.cooldown_s, client.cache_min_s],
    ['/client/timeout_ms', client.timeout_ms, client.cooldown_s * 1000],
  ]
  const tooMuch = pairs.filter(([, less, more]) => less > more)
  const unknown = algorithms.default.filter((one) => !algorithms.allowable.includes(one))
  return [
    ...tooMuch.map(([where, less, more]): ArtefactProblem => {
      return { file, pointer: where, code: 'limit_differs', detail: `${less} is more than ${more}` }
    }),
    ...unknown.map((detail): ArtefactProblem => {
      return { file, pointer: '/algorithms/default', code: 'limit_differs', detail }
    }),
  ]
}

/** The contract must list each refusal code of the program with the same HTTP status. */
function findErrorProblems({ file, value }: Contract): readonly ArtefactProblem[] {
  const statuses = new Map(value.errors.map(({ code, http }) => [code, http]))
  return Object.entries(AUTH_REFUSALS)
    .filter(([code, http]) => statuses.get(code as keyof typeof AUTH_REFUSALS) !== http)
    .map(([detail]) => ({ file, pointer: '/errors', code: 'error_differs' as const, detail }))
}

/** The fixtures that a mode row names must exist and name that row. */
function findExampleProblems(
  { file, value }: Contract,
  fixtures: Fixtures,
): readonly ArtefactProblem[] {
  const rows = new Map(fixtures.value.fixtures.map(({ id, row }) => [id, row]))
  return value.modes.flatMap(({ id, fixtures: named }, at) =>
    named.flatMap((one): ArtefactProblem[] => {
      const where = appendPointer('/modes', at)
      if (!rows.has(one)) return [{ file, pointer: where, code: 'fixture_missing', detail: one }]
      return rows.get(one) === id
        ? []
        : [{ file, pointer: where, code: 'fixture_row_differs', detail: one }]
    }),
  )
}

/** The expected outcomes of a fixture must be those of the mode rows that it names. */
function findFixtureProblems(
  contract: Contract,
  { file, value }: Fixtures,
): readonly ArtefactProblem[] {
  const rows = new Map(contract.value.modes.map((row) => [row.id, row]))
  return value.fixtures.flatMap((fixture, at) => {
    const where = appendPointer('/fixtures', at)
    const problem = (below: string, code: ArtefactCode, detail: string): ArtefactProblem => ({
      file,
      pointer: where + below,
      code,
      detail,
    })
    const isRepeated = value.fixtures.findIndex(({ id }) => id === fixture.id) !== at
    const own = fixture.expected[fixture.environment].row === fixture.row
    return [
      ...(isRepeated ? [problem('', 'id_repeated', fixture.id)] : []),
      ...(own ? [] : [problem('/row', 'fixture_row_differs', fixture.row)]),
      ...ENVIRONMENTS.filter(
        (one) => !agrees(fixture.expected[one], rows.get(fixture.expected[one].row)),
      ).map((one) => problem(`/expected/${one}`, 'fixture_row_differs', fixture.expected[one].row)),
    ]
  })
}

/** True when the outcomes match; a fixture may expect more warnings, since a second row adds its own. */
function agrees(expected: Expected, row: ModeRow | undefined): boolean {
  if (row === undefined) return false
  const { outcome } = row
  if ('refused' in expected || 'refused' in outcome)
    return (
      'refused' in expected &&
      'refused' in outcome &&
      expected.refused === outcome.refused &&
      expected.http === outcome.http
    )
  return (
    expected.mode === outcome.mode &&
    expected.source === outcome.source &&
    outcome.warnings.every((one) => expected.warnings.includes(one))
  )
}
