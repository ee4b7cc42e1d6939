import { type CutoverPhase, CUTOVER_PHASES } from '../../../core/cutover/phases.ts'
import { FfError } from '../../../errors.ts'
import { askIdentity } from '../framework/staging.ts'
import type { ProbeContext } from '../framework/probe.ts'

/**
 * Asks each instance of staging for its phase. Null for instances outside of a cutover, which serve the database alone.
 *
 * @param fits the phases in which the probe can measure; null for outside of a cutover
 * @throws FfError `target_missing` where one is in another phase, or they differ; as `askIdentity`
 */
export async function requirePhase(
  context: ProbeContext,
  fits: (phase: CutoverPhase | null) => boolean,
): Promise<CutoverPhase | null> {
  const { instances = [] } = context.targets.staging ?? {}
  const said = await Promise.all(instances.map(({ admin }) => askIdentity(admin, context)))
  // An instance that has read no record yet decides by the file.
  const phases = said.map(({ cutover }) =>
    cutover === undefined ? null : (cutover.phase ?? 'file'),
  )
  const [first = null] = phases
  const other = phases.findIndex((one) => one !== first || !fits(one))
  if (other === -1) return first
  const wanted = CUTOVER_PHASES.filter(fits)
  throw new FfError(
    'target_missing',
    `The probe needs instances in ${wanted.join(' or ')}, and ${instances[other]?.admin ?? ''} is in ${phases[other] ?? 'no cutover'}.`,
    {
      hint: 'Bring staging there with `ff cutover advance` or `ff cutover rollback`, and measure again.',
    },
  )
}
