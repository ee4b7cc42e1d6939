/** Where rows are kept during a cutover. */
export type CutoverSide = 'file' | 'database'

export const CUTOVER_PHASES = [
  'file',
  'dual_write',
  'shadow_read',
  'db_authoritative',
  'complete',
] as const
export type CutoverPhase = (typeof CUTOVER_PHASES)[number]

interface PhaseRules {
  /** Decisions are served from this side, and a write takes effect when it is durable there. */
  readonly authority: CutoverSide
  /** A write is acknowledged when this side has it too; null where the authority is enough. */
  readonly second: CutoverSide | null
  readonly compares: readonly ('writes' | 'decisions')[]
  /** The neighbours; null at an end. */
  readonly back: CutoverPhase | null
  readonly forth: CutoverPhase | null
}
export const PHASE_RULES: Readonly<Record<CutoverPhase, PhaseRules>> = {
  file: { authority: 'file', second: null, compares: [], back: null, forth: 'dual_write' },
  dual_write: {
    authority: 'file',
    second: 'database',
    compares: ['writes'],
    back: 'file',
    forth: 'shadow_read',
  },
  shadow_read: {
    authority: 'file',
    second: 'database',
    compares: ['writes', 'decisions'],
    back: 'dual_write',
    forth: 'db_authoritative',
  },
  db_authoritative: {
    authority: 'database',
    second: 'file',
    compares: ['writes', 'decisions'],
    back: 'shadow_read',
    forth: 'complete',
  },
  complete: {
    authority: 'database',
    second: null,
    compares: [],
    back: 'db_authoritative',
    forth: null,
  },
}

/** The phase after `from` on the way to `to`; `from` itself where it is `to`. */
export function stepTowards(from: CutoverPhase, to: CutoverPhase): CutoverPhase {
  const way = Math.sign(CUTOVER_PHASES.indexOf(to) - CUTOVER_PHASES.indexOf(from))
  if (way === 0) return from
  return PHASE_RULES[from][way > 0 ? 'forth' : 'back'] as CutoverPhase
}

/** Whether a change that is durable in `side` is acknowledged in a phase without the other one. */
export const isEnough = (phase: CutoverPhase, side: CutoverSide): boolean =>
  PHASE_RULES[phase].authority === side && PHASE_RULES[phase].second === null

/** Whether a step gives the authority to the other side: such a step must not overlap. */
export const changesAuthority = (from: CutoverPhase, to: CutoverPhase): boolean =>
  PHASE_RULES[from].authority !== PHASE_RULES[to].authority
