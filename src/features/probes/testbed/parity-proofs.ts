import type { Scalar } from '../../../core/gate/types.ts'
import type { CheckReport, ParityReport } from '../../../core/report/types.ts'
import { FfError } from '../../../errors.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { ProofRequest } from '../../parity/parity.ts'
import { type Probe, defineProbe, type ProbeSpec, type ProbeContext } from '../framework/probe.ts'

/**
 * Defines a probe of a parity proof on site `scratch`, next to others. The subject are the adapters that the proof
 * opens its stores with.
 */
export const defineParityProbe = <M extends string>(
  spec: Pick<ProbeSpec<Adapters, M>, 'faulty' | 'measure'>,
): Probe =>
  defineProbe<Adapters, M>({
    ...spec,
    version: 1,
    site: 'scratch',
    isolation: 'parallel',
    sound: ({ adapters }, use) => use(adapters),
  })

/**
 * The request of a parity proof: the baseline is a temporary file store, the candidate scratch state in the database of
 * `targets.scratch`, since evidence wants just these two kinds. Opens nothing.
 */
export const buildProofRequest = (
  { root, targets, signal, now }: ProbeContext,
  adapters: Adapters,
): ProofRequest => ({
  root,
  baseline: { kind: 'file', folder: null },
  candidate: targets.scratch,
  allowSameKind: false,
  signal,
  now,
  adapters,
})

/**
 * Returns the same report where its verdict is pass or fail.
 *
 * @throws FfError `proof_inconclusive`, which names the first finding, on any other verdict
 */
export function requireMeasured<R extends ParityReport | CheckReport>(report: R): R {
  if (report.verdict === 'pass' || report.verdict === 'fail') return report
  const [first] = report.findings
  const what = first === undefined ? report.exitName : `${first.code} at ${first.subject}`
  throw new FfError('proof_inconclusive', `The parity proof was inconclusive: ${what}.`, {
    hint: `Run ff ${report.kind.replace('_', ' ')}, and correct the failures that it shows.`,
  })
}

/**
 * The targets of a parity report without credentials, and `PostgreSQL` with the candidate's version, or `PostgreSQL
 * none` for a file.
 */
export const describeSides = ({ sides }: ParityReport): Readonly<Record<string, Scalar>> => ({
  baseline: sides.baseline.target,
  candidate: sides.candidate.target,
  server: `PostgreSQL ${sides.candidate.server ?? 'none'}`,
})
/** The first finding of a report as `CODE at SUBJECT POINTER`; null where it has none. */
export const formatExample = ({ findings }: ParityReport | CheckReport): string | null => {
  const [first] = findings
  if (first === undefined) return null
  const { code, subject, pointer } = first
  return `${code} at ${subject} ${pointer ?? ''}`.trim()
}
