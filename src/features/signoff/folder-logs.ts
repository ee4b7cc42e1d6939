import { EVIDENCE_SHAPES } from '../../artefacts/schemas.ts'
import { getLastRecord } from '../../core/gate/chain.ts'
import type { WholeLog } from '../../core/gate/types.ts'
import type { LogEnd, LogEnds } from '../../core/signoff/rotation.ts'
import type { Adapters } from '../../ports/adapters.ts'

/** The evidence logs of a folder, judged one by one: a damaged one does not hide the others. */
export interface FolderLogs {
  readonly ends: LogEnds
  readonly whole: readonly WholeLog[]
}

/**
 * Reads each evidence log of a folder, and judges it by itself. Returns the logs that are whole, and by key id where
 * each log ends: its last record with the time of its head, or `damaged`. Checks no trust.
 *
 * @throws FfError `evidence_unreadable`, `evidence_old_form`
 */
export async function readFolderLogs(
  evidence: string,
  { readEvidence, judgeEvidence }: Pick<Adapters, 'readEvidence' | 'judgeEvidence'>,
): Promise<FolderLogs> {
  const ends = new Map<string, LogEnd | 'damaged'>()
  const whole: WholeLog[] = []
  for (const texts of await readEvidence(evidence)) {
    const judged = await judgeEvidence([texts], EVIDENCE_SHAPES)
    const logs = judged.status === 'whole' ? judged.logs : []
    whole.push(...logs)
    ends.set(texts.kid, 'damaged')
    for (const { kid, entries, head } of logs)
      ends.set(kid, { ...getLastRecord(entries), sealed_at: head.time })
  }
  return { ends, whole }
}
