import { type AuditChainHead, EMPTY_HEAD } from '../../core/audit/record.ts'
import { findStandingRecord, findWayOut } from '../../core/cutover/way-out.ts'
import type { CutoverReconciliation } from '../../core/report/cutover-documents.ts'
import type { ChainReader, CopiedChange } from '../../ports/cutover.ts'
import { type CutoverSides, readSides } from './read-sides.ts'

/** Records of one side alone that are listed. */
const MOST_LISTED = 100

/**
 * Finds up to which record both sides have one chain, and what either has alone behind it: in a
 * database that was left, what was never acknowledged. Changes nothing.
 *
 * @throws FfError of either side
 */
export async function reconcileChains(sides: CutoverSides): Promise<CutoverReconciliation> {
  const { situation, fileHead, database, fault } = await readSides(sides)
  if (database === null) throw fault as Error
  const least = Math.min(fileHead.seq, database.head.seq)
  const common = await findCommon(sides, least)
  return {
    phase: findStandingRecord(situation).phase,
    common_seq: common.seq,
    file_only: await listBehind(sides.chain, common, fileHead),
    database_only: await listBehind(sides.database, common, database.head),
    rows: null,
    next: findWayOut(situation),
  }
}

/** The last record that both sides have, at most that of number `least`. */
async function findCommon(
  { chain, database }: CutoverSides,
  least: number,
): Promise<AuditChainHead> {
  let [known, unknown] = [0, least + 1]
  let { hash } = EMPTY_HEAD
  while (unknown - known > 1) {
    const seq = Math.floor((known + unknown) / 2)
    const [own, other] = await Promise.all([chain.hashAt(seq), database.hashAt(seq)])
    // Each record names the one before: behind the first that differs all do.
    if (own === null || own !== other) unknown = seq
    else [known, hash] = [seq, own]
  }
  return { seq: known, hash }
}

async function listBehind(
  side: ChainReader,
  common: AuditChainHead,
  head: AuditChainHead,
): Promise<CutoverReconciliation['file_only']> {
  const changes = head.seq === common.seq ? [] : await side.changes(common, MOST_LISTED)
  return { count: head.seq - common.seq, records: changes.slice(0, MOST_LISTED).map(toListed) }
}

const toListed = ({
  record,
}: CopiedChange): CutoverReconciliation['file_only']['records'][number] => ({
  seq: record.seq,
  occurred_at: record.occurred_at,
  actor: record.actor,
  action: record.action,
  target: record.target,
  outcome: record.outcome,
})
