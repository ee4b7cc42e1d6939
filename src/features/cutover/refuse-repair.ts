import { type CutoverPhase, PHASE_RULES } from '../../core/cutover/phases.ts'
import type { CutoverStanding, WayOut } from '../../core/cutover/way-out.ts'
import { type ErrorCode, FfError } from '../../errors.ts'

/** Where a cutover stands, as a reconciliation has read it. */
interface ReadStanding {
  readonly phase: CutoverPhase
  readonly next: WayOut
}

/** Whether the two sides have one chain, both keep the rows, and no step is under way. */
export const hasTwoSides = ({ phase, next }: ReadStanding): boolean =>
  PHASE_RULES[phase].second !== null && next.standing === 'ready'

/** Why no row of one side is set from the other, where `hasTwoSides` says no. */
export function refuseRepair({ phase, next: { standing, command } }: ReadStanding): FfError {
  const { code, message, before } = REFUSED[standing] ?? {
    code: 'phase_refused',
    message: `The phase is ${phase}, in which one side alone has the rows.`,
  }
  const run = `Run \`${command}\`.`
  return new FfError(code, message, { hint: before === undefined ? run : `${before} ${run}` })
}

interface Refusal {
  readonly code: ErrorCode
  readonly message: string
  /** What to do before the command that leads out. */
  readonly before?: string
}

const UNFINISHED: Refusal = {
  code: 'phase_refused',
  message: 'A command ended in the middle of a step: finish it first.',
}
/** In any other standing it is the phase that has one side alone. */
const REFUSED: Readonly<Partial<Record<CutoverStanding, Refusal>>> = {
  chains_forked: {
    code: 'chains_forked',
    message:
      'Both sides go on differently, so that no row of one can be set from the other: name the side that goes on.',
    before:
      'What the other side has alone is never joined, and an empty database or folder is filled anew: keep it by `ff cutover reconcile --dry-run --format json`.',
  },
  database_left: {
    code: 'database_left',
    message:
      'This database was left by --db-lost, and is never joined again: nothing in it is repaired.',
  },
  other_database: {
    code: 'phase_refused',
    message: 'FF_DATABASE_URL leads to another database than the one of this cutover.',
  },
  drill: {
    code: 'phase_refused',
    message: 'A drill is under way: rows are repaired once it is over.',
  },
  copies_differ: UNFINISHED,
  armed: UNFINISHED,
  intent_open: UNFINISHED,
}
