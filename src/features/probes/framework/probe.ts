import type { Measurement } from '../../../core/gate/judge-measurement.ts'
import type { ProbeCall } from '../../../core/gate/types.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import { FfError } from '../../../errors.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { GateFiles } from '../../team-folder/load-gate-files.ts'
import type { StagingNeeds, StagingTarget } from './staging-target.ts'

/** The stores that probes measure. */
export interface ProbeTargets {
  /** Holds scratch state, which the probe creates and removes. */
  readonly scratch: TargetSpec
  /** The database that is to be cut over; null where no option or setting names one. */
  readonly database: TargetSpec | null
  /** The store that the database takes over from; null where no option or setting names one. */
  readonly store: TargetSpec | null
  /** The instances of staging; absent where no option or setting names one. */
  readonly staging?: StagingTarget
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
  /** The rollback triggers of the team's folder; null or absent without them. */
  readonly triggers?: GateFiles['triggers']
  /** FF_ENV, which the database that is cut over has to be made for. */
  readonly environment: string
  /** Ids of the items that may disrupt staging; absent for none. */
  readonly mayDisrupt?: ReadonlySet<string>
  /** Thumbprint of the key that signs the records; absent where none is written. */
  readonly runner?: string
  /** The parameters of the item in the checklist. */
  readonly params: ProbeCall['params']
  readonly now: () => Date
  readonly signal: AbortSignal
  /** Reports progress, as counts in the probe's own unit. */
  readonly progress: (done: number, of: number) => void
}

/**
 * Opens a resource, passes it to `use`, and closes it, also when `use` fails. `changed` replaces the context that the
 * resource is measured in.
 */
export type WithResource<S> = <T>(
  context: ProbeContext,
  use: (subject: S, changed?: ProbeContext) => Promise<T>,
) => Promise<T>
/** The declaration of a probe, whose measures are `M`: one without a fault for each does not compile. */
export interface ProbeSpec<S, M extends string> {
  /** Rises when the probe measures something else; older evidence is then stale. */
  readonly version: number
  /**
   * `scratch`: state that the probe creates; `database`: the named database; `declared`: the place that the item
   * names.
   */
  readonly site: 'scratch' | 'database' | 'declared'
  /** What it needs to measure the instances of staging, where some are named; absent where it cannot. */
  readonly staging?: StagingNeeds
  /** `exclusive` where other probes at the same time would change the measurement. */
  readonly isolation: 'parallel' | 'exclusive'
  /** Opens the real subject. */
  readonly sound: WithResource<S>
  /**
   * For each measure, opens the subject with a planted fault that breaks the limit of this measure. A fault that stands
   * for several measures runs once for all of them.
   */
  readonly faulty: Readonly<Record<M, WithResource<S>>>
  /** @throws FfError that names the missing part where nothing can be measured; its hint names the setting */
  readonly measure: (subject: S, context: ProbeContext) => Promise<Measurement>
}
/** Measures in a context. */
export type Measure = (context: ProbeContext) => Promise<Measurement>
/** A probe whose controls run the same measuring code on the planted faults. */
export interface Probe extends Pick<
  ProbeSpec<unknown, string>,
  'version' | 'site' | 'staging' | 'isolation'
> {
  readonly measure: Measure
  /** By measure, in the order of the declaration; measures of one fault have the same function. */
  readonly controls: ReadonlyMap<string, Measure>
}
/**
 * Builds the probe of a declaration: `measure` runs the measuring code on the sound subject, the controls run the same
 * code on the faulty ones. Each rejects with the errors of opening, measuring or closing.
 */
export function defineProbe<S, M extends string>({
  version,
  site,
  staging,
  isolation,
  sound,
  faulty,
  measure,
}: ProbeSpec<S, M>): Probe {
  const measureWith =
    (open: WithResource<S>): Measure =>
    (context) =>
      open(context, (subject, changed = context) => measure(subject, changed))
  const pairs = Object.entries<WithResource<S>>(faulty)
  const controls = new Map(pairs.map(([, open]) => [open, measureWith(open)]))
  return {
    version,
    site,
    ...(staging === undefined ? {} : { staging }),
    isolation,
    measure: measureWith(sound),
    controls: new Map(pairs.map(([name, open]) => [name, controls.get(open) as Measure])),
  }
}

/** Turns a function of the context into a `WithResource`: makes the value, passes it to `use`, and closes nothing. */
export const fromValue =
  <S>(make: (context: ProbeContext) => S): WithResource<S> =>
  (context, use) =>
    use(make(context))

/** Opens a subject as `open` does and has it measured in a changed context: other adapters, another plan. */
export const inContext =
  <S>(
    open: WithResource<S>,
    change: (context: ProbeContext) => Partial<ProbeContext>,
  ): WithResource<S> =>
  (context, use) => {
    const changed = { ...context, ...change(context) }
    return open(changed, (subject, further = changed) => use(subject, further))
  }

/** Opens a subject as `open` does and has it measured with other parameters: the same measurement, cut short. */
export const withParams = <S>(
  open: WithResource<S>,
  change: ProbeContext['params'],
): WithResource<S> => inContext(open, ({ params }) => ({ params: { ...params, ...change } }))

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
