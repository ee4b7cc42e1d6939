import type { AuditChainHead } from '../audit/record.ts'

/** How two chains stand to each other. `forked`: both go on differently, so neither can be filled up from the other. */
export type ChainOrder = 'equal' | 'file_continues' | 'database_continues' | 'forked'

export interface ChainHeads {
  readonly file: AuditChainHead
  readonly database: AuditChainHead
  /** Hash that the longer chain has at the end of the shorter one; null where that record is not kept. */
  readonly common: string | null
}

/** The chain that continues the other one is right, whatever the phase. */
export function compareHeads({ file, database, common }: ChainHeads): ChainOrder {
  const shorter = file.seq < database.seq ? file : database
  if (common !== shorter.hash) return 'forked'
  if (file.seq === database.seq) return 'equal'
  return file.seq > database.seq ? 'file_continues' : 'database_continues'
}
