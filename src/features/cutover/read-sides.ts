import type { AuditChainHead } from '../../core/audit/record.ts'
import { compareHeads } from '../../core/cutover/heads.ts'
import { PHASE_RULES } from '../../core/cutover/phases.ts'
import type { CutoverSituation } from '../../core/cutover/way-out.ts'
import { FfError } from '../../errors.ts'
import type {
  ChainReader,
  CutoverDatabase,
  CutoverFile,
  DatabaseLook,
  FileRenewal,
  RegisteredInstance,
} from '../../ports/cutover.ts'

/** Both sides of a cutover, as a command has them open. */
export interface CutoverSides {
  readonly file: CutoverFile
  /** The file's chain as it is on the disk; needs no lock. */
  readonly chain: ChainReader
  readonly database: CutoverDatabase
}

/** What both sides say at one moment. */
export interface SidesReading {
  readonly situation: CutoverSituation
  readonly fileHead: AuditChainHead
  /** Null where it does not answer; `fault` says why. */
  readonly database: DatabaseLook | null
  readonly fault: FfError | null
  /** Registrations of both places. */
  readonly registered: readonly RegisteredInstance[]
}

/**
 * Reads records, heads and registrations of both sides, the head of the second side first. A database that does not
 * answer is part of the reading.
 *
 * @throws FfError of the file's side, such as `store_corrupt`; of the database for its rights, version or place
 */
export async function readSides(sides: CutoverSides): Promise<SidesReading> {
  const renewal = await sides.file.read()
  const instances = await sides.file.instances()
  try {
    return await readBoth(sides, renewal, instances)
  } catch (error) {
    if (!isUnreachable(error)) throw error
    const fileHead = await sides.chain.head()
    return {
      situation: { file: renewal.record, intent: renewal.intent, database: null },
      fileHead,
      database: null,
      fault: error,
      registered: instances,
    }
  }
}

/** Whether the database is away; an error of rights or versions is the caller's. */
export const isUnreachable = (error: unknown): error is FfError =>
  error instanceof FfError &&
  (error.code === 'target_unreachable' || error.code === 'backing_unavailable')

async function readBoth(
  sides: CutoverSides,
  { record, intent }: FileRenewal,
  instances: readonly RegisteredInstance[],
): Promise<SidesReading> {
  const { fileHead, look, common } = await readHeads(sides, PHASE_RULES[record.phase].authority)
  const { identity, head } = look
  const order = compareHeads({ file: fileHead, database: head, common })
  return {
    situation: { file: record, intent, database: { identity, record: look.record, order } },
    fileHead,
    database: look,
    fault: null,
    registered: [...instances, ...look.instances],
  }
}

interface BothHeads {
  readonly fileHead: AuditChainHead
  readonly look: DatabaseLook
  /** Hash that the longer chain has at the end of the shorter one; null where that record is not kept. */
  readonly common: string | null
}
/**
 * The heads of both sides, that of the second first, so that a change under way is not taken for a fork.
 *
 * @throws FfError of either side
 */
export async function readHeads(
  { chain, database }: Pick<CutoverSides, 'chain' | 'database'>,
  authority: 'file' | 'database',
): Promise<BothHeads> {
  if (authority === 'database') {
    const fileHead = await chain.head()
    const look = await database.look(fileHead.seq)
    const common = look.head.seq >= fileHead.seq ? look.hash : await chain.hashAt(look.head.seq)
    return { fileHead, look, common }
  }
  const look = await database.look(0)
  const fileHead = await chain.head()
  if (fileHead.seq >= look.head.seq)
    return { fileHead, look, common: await chain.hashAt(look.head.seq) }
  const again = await database.look(fileHead.seq)
  return { fileHead, look: again, common: again.hash }
}
