import type { Scene, SceneQuestion, SceneWrite } from '../../core/parity/scene.ts'
import type { WriteOutcome } from '../../core/parity/scene-write.ts'
import type { AnyRow, RowOrBroken } from '../../core/rows/rows.ts'
import type { WriteRequest } from '../../core/rows/write-request.ts'
import { FfError } from '../../errors.ts'
import type { OpenScratchStore } from '../../ports/store.ts'

/** A write and the questions until the next write. Rounds run one after the other; the first has no write. */
export interface Round {
  readonly write: SceneWrite | null
  readonly asks: SceneQuestion[]
}
/**
 * The rounds of a scene, in order: each is one write and the questions until the next write. The first has no write,
 * and may have no question.
 */
export function toRounds({ steps }: Scene): readonly Round[] {
  const rounds: Round[] = [{ write: null, asks: [] }]
  for (const { ask, write } of steps) {
    if (write === undefined) rounds.at(-1)?.asks.push(ask)
    else rounds.push({ write, asks: [] })
  }
  return rounds
}

/**
 * Writes to the store and returns the outcome: the store's result, or `failed: 'row_refused'` for a row that the
 * store's own constraints refuse.
 *
 * @throws the other errors of the store
 */
export async function toOutcome(
  { store }: OpenScratchStore,
  request: WriteRequest,
): Promise<WriteOutcome> {
  try {
    return await store.write(request)
  } catch (error) {
    if (error instanceof FfError && error.code === 'row_refused') return { failed: error.code }
    throw error
  }
}

/**
 * Reads the row under the key of a write from the store: the row, or its problems where it is broken; null if there
 * is none.
 *
 * @throws errors of the store
 */
export async function readWrittenRow(
  { store }: OpenScratchStore,
  { table, key: { flag_key, scope_id } }: WriteRequest,
): Promise<RowOrBroken<AnyRow> | null> {
  const rows = await store.read({
    flag_key,
    tenant_id: table === 'tenant_override' ? scope_id : null,
    user_id: table === 'user_override' ? scope_id : null,
  })
  return { flag_registry: rows.flag, tenant_override: rows.tenant, user_override: rows.user }[table]
}
