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
/** The rounds of a scene, in order. */
export function toRounds({ steps }: Scene): readonly Round[] {
  const rounds: Round[] = [{ write: null, asks: [] }]
  for (const { ask, write } of steps) {
    if (write === undefined) rounds.at(-1)?.asks.push(ask)
    else rounds.push({ write, asks: [] })
  }
  return rounds
}

/** The outcome of a write. A row that the store's own constraints refuse is an outcome; other errors are thrown. */
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

/** The row under the key of a write, as the store reads it; null if there is none. */
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
