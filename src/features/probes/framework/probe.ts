import type { Measurement } from '../../../core/gate/judge-measurement.ts'
import type { ProbeCall } from '../../../core/gate/types.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import { FfError } from '../../../errors.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { GateFiles } from '../../team-folder/load-gate-files.ts'

/** What probes are pointed at. */
export interface ProbeTargets {
  /** Where scratch state is made, and gone afterwards: on this machine. */
  readonly scratch: TargetSpec
  /** The database that is to be cut over, and the store that it takes over from; null where nobody named one. */
  readonly database: TargetSpec | null
  readonly store: TargetSpec | null
}
/** All that a probe may touch. */
export interface ProbeContext {
  /** The package folder, whose contracts and fixtures it goes by. */
  readonly root: string
  /** The folder of whoever cuts over. */
  readonly cwd: string
  readonly adapters: Adapters
  readonly targets: ProbeTargets
  readonly plan: GateFiles['plan']
  /** Of its item: data, like the limits. */
  readonly params: ProbeCall['params']
  readonly now: () => Date
  readonly signal: AbortSignal
  /** Told how far it has come. */
  readonly progress: (done: number, of: number) => void
}

/** Lends a thing, and takes it back whatever happens. */
export type WithResource<S> = <T>(
  context: ProbeContext,
  use: (subject: S) => Promise<T>,
) => Promise<T>
/** How a probe is written down: without a control it does not compile. */
export interface ProbeSpec<S> {
  /** Goes up when it measures something else; older evidence is stale then. */
  readonly version: number
  /** Scratch it makes itself; the database is one that somebody named; a team's command goes where its item says. */
  readonly site: 'scratch' | 'database' | 'declared'
  /** Whether what others do beside it may change what it measures. */
  readonly isolation: 'parallel' | 'exclusive'
  /** The real thing. */
  readonly sound: WithResource<S>
  /** The same with a deliberate fault in it, which has to come out as a failure (page 3, controls). */
  readonly faulty: WithResource<S>
  /** @throws FfError saying what is missing, where nothing can be measured; its hint says what to set */
  readonly measure: (subject: S, context: ProbeContext) => Promise<Measurement>
}
/** A probe whose control is made by the same code as its measurement. */
export interface Probe extends Pick<ProbeSpec<unknown>, 'version' | 'site' | 'isolation'> {
  readonly measure: (context: ProbeContext) => Promise<Measurement>
  readonly control: (context: ProbeContext) => Promise<Measurement>
}
export const defineProbe = <S>({
  version,
  site,
  isolation,
  sound,
  faulty,
  measure,
}: ProbeSpec<S>): Probe => ({
  version,
  site,
  isolation,
  measure: (context) => sound(context, (subject) => measure(subject, context)),
  control: (context) => faulty(context, (subject) => measure(subject, context)),
})

/** Lends what needs no closing. */
export const fromValue =
  <S>(make: (context: ProbeContext) => S): WithResource<S> =>
  (context, use) =>
    use(make(context))

/** A number of the item's parameters. @throws FfError `option_invalid` where it is none */
export function readNumberParam({ params }: Pick<ProbeContext, 'params'>, name: string): number {
  const value = params[name]
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new FfError('option_invalid', `The parameter ${name} of the probe is no number.`, {
    hint: 'Correct the item in the checklist; ff checklist validate says where.',
  })
}

/** The database that is cut over. @throws FfError `target_missing` */
export function requireDatabase({ targets }: Pick<ProbeContext, 'targets'>): TargetSpec {
  if (targets.database !== null) return targets.database
  throw new FfError('target_missing', 'It needs the database that is to be cut over.', {
    hint: 'Set FF_DATABASE_URL, or name one with --database.',
  })
}
