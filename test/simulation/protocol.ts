import { startHandedWrite, stepHandedWrite } from '../../src/core/cutover/handed-write.ts'
import { DRILL_RETURN, isDrillOver, watchDrill } from '../../src/core/cutover/drill.ts'
import { assessInstance, stepInstance } from '../../src/core/cutover/instance.ts'
import { listOldHolders } from '../../src/core/cutover/leases.ts'
import { startLoss, stepLoss } from '../../src/core/cutover/loss.ts'
import { startSwitch, stepSwitch } from '../../src/core/cutover/switch.ts'
import { findHeldEpoch, stepWrite } from '../../src/core/cutover/write.ts'
import { mayWriteFile, stepWriter } from '../../src/core/cutover/writer.ts'
import type { Actor, FileSide, World } from './world.ts'

/**
 * What a world runs: the step functions of the core, and what adapters must do beside them. A planted fault replaces
 * members.
 */
export interface Protocol {
  readonly assessInstance: typeof assessInstance
  readonly stepInstance: typeof stepInstance
  readonly listOldHolders: typeof listOldHolders
  readonly startLoss: typeof startLoss
  readonly stepLoss: typeof stepLoss
  readonly startSwitch: typeof startSwitch
  readonly stepSwitch: typeof stepSwitch
  readonly findHeldEpoch: typeof findHeldEpoch
  readonly stepWrite: typeof stepWrite
  readonly startHandedWrite: typeof startHandedWrite
  readonly stepHandedWrite: typeof stepHandedWrite
  readonly mayWriteFile: typeof mayWriteFile
  readonly stepWriter: typeof stepWriter
  readonly drillReturn: typeof DRILL_RETURN
  readonly watchDrill: typeof watchDrill
  readonly isDrillOver: typeof isDrillOver
  /** The clock by which an instance counts its own lease. */
  readonly readClock: (world: World, actor: Actor) => number
  /** Whether what an older segment holds past the head of a newer one is ignored. */
  readonly fencesSegments: (file: FileSide) => boolean
  /** Whether a commit needs its session's lock, and the server of its lease. */
  readonly checksSession: boolean
  /** Whether a publication or a copy needs the epoch of the database's record. */
  readonly checksEpoch: boolean
  /** Whether a copy begins at the head of the side that it goes to; otherwise at a position kept elsewhere. */
  readonly copiesAtHead: boolean
  /** Whether a database that was left is refused. */
  readonly refusesLeft: boolean
  /** Whether a copy of the record is replaced over an epoch that was not seen. */
  readonly writesOver: boolean
}

export const SOUND: Protocol = {
  assessInstance,
  stepInstance,
  listOldHolders,
  startLoss,
  stepLoss,
  startSwitch,
  stepSwitch,
  findHeldEpoch,
  stepWrite,
  startHandedWrite,
  stepHandedWrite,
  mayWriteFile,
  stepWriter,
  drillReturn: DRILL_RETURN,
  watchDrill,
  isDrillOver,
  readClock: (world) => world.now,
  fencesSegments: () => true,
  checksSession: true,
  checksEpoch: true,
  copiesAtHead: true,
  refusesLeft: true,
  writesOver: false,
}
