import type { Measurement } from '../../../core/gate/judge-measurement.ts'
import type { ProbeCall } from '../../../core/gate/types.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import { FfError } from '../../../errors.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { GateFiles } from '../../team-folder/load-gate-files.ts'

/** The stores that probes measure. */
export interface ProbeTargets {
  /** Holds scratch state, which the probe creates and removes. */
  readonly scratch: TargetSpec
  /** The database that is to be cut over; null where no option or setting names one. */
  readonly database: TargetSpec | null
  /** The store that the database takes over from; null where no option or setting names one. */
  readonly store: TargetSpec | null
}
/** Everything that a probe may use. */
export interface ProbeContext {
  /** The package folder, with its contracts and fixtures. */
  readonly root: string
  /** The team's folder. */
  readonly cwd: string
  readonly adapters: Adapters
  readonly targets: ProbeTargets
  readonly plan: GateFiles['plan']
  /** The parameters of the item in the checklist. */
  readonly params: ProbeCall['params']
  readonly now: () => Date
  readonly signal: AbortSignal
  /** Reports progress, as counts in the probe's own unit. */
  readonly progress: (done: number, of: number) => void
}

/** Opens a resource, passes it to `use`, and closes it, also when `use` fails. */
export type WithResource<S> = <T>(
  context: ProbeContext,
  use: (subject: S) => Promise<T>,
) => Promise<T>
/** The declaration of a probe: one without a control does not compile. */
export interface ProbeSpec<S> {
  /** Rises when the probe measures something else; older evidence is then stale. */
  readonly version: number
  /**
   * `scratch`: state that the probe creates; `database`: the named database; `declared`: the place that the item
   * names.
   */
  readonly site: 'scratch' | 'database' | 'declared'
  /** `exclusive` where other probes at the same time would change the measurement. */
  readonly isolation: 'parallel' | 'exclusive'
  /** Opens the real subject. */
  readonly sound: WithResource<S>
  /**
   * Opens the subject with a planted fault; its measurement has to fail, or the probe's own result is inconclusive.
   */
  readonly faulty: WithResource<S>
  /** @throws FfError that names the missing part where nothing can be measured; its hint names the setting */
  readonly measure: (subject: S, context: ProbeContext) => Promise<Measurement>
}
/** A probe whose control runs the same measuring code on the planted fault. */
export interface Probe extends Pick<ProbeSpec<unknown>, 'version' | 'site' | 'isolation'> {
  readonly measure: (context: ProbeContext) => Promise<Measurement>
  readonly control: (context: ProbeContext) => Promise<Measurement>
}
/**
 * Builds the probe of a declaration: `measure` runs the measuring code on the sound subject, `control` runs the same
 * code on the faulty one. Each rejects with the errors of opening, measuring or closing.
 */
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

/** Turns a function of the context into a `WithResource`: makes the value, passes it to `use`, and closes nothing. */
export const fromValue =
  <S>(make: (context: ProbeContext) => S): WithResource<S> =>
  (context, use) =>
    use(make(context))

/**
 * Reads a parameter of the item, of any sign, whole or not.
 *
 * @throws FfError `option_invalid` where it is absent or no finite number
 */
export function readNumberParam({ params }: Pick<ProbeContext, 'params'>, name: string): number {
  const value = params[name]
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new FfError('option_invalid', `The parameter ${name} of the item is not a number.`, {
    hint: 'Run ff checklist validate, and correct the item in the checklist.',
  })
}

/**
 * The database that is to be cut over; opens nothing.
 *
 * @throws FfError `target_missing` where no option or setting names one
 */
export function requireDatabase({ targets }: Pick<ProbeContext, 'targets'>): TargetSpec {
  if (targets.database !== null) return targets.database
  throw new FfError(
    'target_missing',
    'The probe needs the database that is to be cut over, and none is named.',
    {
      hint: 'Set FF_DATABASE_URL, or use --database URL.',
    },
  )
}
