import type pg from 'pg'
import type { RowSet } from '../../core/state/rows.ts'
import { isFlagKey, isScopeId } from '../../core/state/grammar.ts'
import type { RowQuery } from '../../ports.ts'
import { rowFrom } from './columns.ts'
import { withPgErrors } from './pg-error.ts'
import { statementsFor } from './statements.ts'

/** A row of texts, as `rowMode: array` gives it: column names of a join would hide one another (hazard 20). */
export type Texts = readonly (string | null)[]
export type Send = (query: pg.QueryArrayConfig) => Promise<pg.QueryArrayResult<string[]>>

/** Reads the rows of one evaluation from one schema: one statement is one snapshot, and one round trip. */
export class RowReader {
  readonly kind = 'db'
  private readonly send: Send
  private readonly name: string
  private readonly text: string

  constructor(send: Send, schema: string, name: string) {
    this.send = send
    this.name = name
    this.text = statementsFor(schema).read
  }

  read({ flag_key, tenant_id, user_id }: RowQuery): Promise<RowSet> {
    return withPgErrors(this.name, async () => {
      const query = { name: 'ff_read', text: this.text, rowMode: 'array' as const }
      // A key that no row can have is not even sent: some of its characters the server would not take.
      const values = [isFlagKey(flag_key) ? flag_key : null, idOrNull(tenant_id), idOrNull(user_id)]
      const { rows } = await this.send({ ...query, values })
      return rowSet(rows[0] as Texts)
    })
  }
}

const idOrNull = (id: string | null): string | null => (id !== null && isScopeId(id) ? id : null)

export function rowSet([flag = null, tenant = null, user = null]: Texts): RowSet {
  return {
    flag: rowFrom('flag_registry', flag),
    tenant: rowFrom('tenant_override', tenant),
    user: rowFrom('user_override', user),
  }
}
