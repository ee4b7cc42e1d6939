import { appendPointer } from '../../core/json/pointer.ts'
import type { Migration } from '../../core/migrations/plan.ts'
import { ROW_MEMBERS } from '../../core/rows/decode-row.ts'
import { TABLE_NAMES } from '../../core/rows/rows.ts'
import type { LoadedArtefact } from '../load.ts'
import type { ArtefactProblem } from '../problem.ts'

type Schema = LoadedArtefact<'persistence_schema'>

/**
 * Finds migrations that the contract does not name or has in another order (`migration_not_in_contract`,
 * `migration_missing`), members of a stored row that no column of its own names as its source (`field_unnamed`), and
 * grants to an undeclared role (`role_unknown`). Connects to no database. Empty where there are none.
 */
export function findPersistenceProblems(
  schema: Schema,
  migrations: readonly Migration[],
): readonly ArtefactProblem[] {
  const { file, value } = schema
  const names = migrations.map(({ name }) => name)
  const order = value.migrations
  return [
    ...names
      .filter((name) => !order.includes(name))
      .map((name): ArtefactProblem => ({
        file,
        pointer: '/migrations',
        code: 'migration_not_in_contract',
        detail: name,
      })),
    ...order.flatMap((name, at): ArtefactProblem[] =>
      names[at] === name
        ? []
        : [
            {
              file,
              pointer: appendPointer('/migrations', at),
              code: 'migration_missing',
              detail: name,
            },
          ],
    ),
    ...findUnnamedColumns(schema),
    ...findUnknownRoles(schema),
  ]
}

function findUnnamedColumns({ file, value }: Schema): readonly ArtefactProblem[] {
  return TABLE_NAMES.flatMap((table) => {
    const columns = value.tables[table]?.columns ?? {}
    return Object.keys(ROW_MEMBERS[table])
      .filter((name) => columns[name]?.file_pointer !== `snapshot#/row/${name}`)
      .map((name): ArtefactProblem => ({
        file,
        pointer: `/tables/${table}/columns`,
        code: 'field_unnamed',
        detail: name,
      }))
  })
}

function findUnknownRoles({ file, value }: Schema): readonly ArtefactProblem[] {
  return Object.entries(value.tables).flatMap(([table, { grants }]) =>
    Object.keys(grants)
      .filter((role) => !Object.hasOwn(value.roles, role))
      .map((role): ArtefactProblem => ({
        file,
        pointer: `/tables/${table}/grants`,
        code: 'role_unknown',
        detail: role,
      })),
  )
}
