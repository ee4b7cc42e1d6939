import type { Scalar } from '../../../core/gate/types.ts'
import type { CheckReport, ParityReport } from '../../../core/report/types.ts'
import { FfError } from '../../../errors.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { ProofRequest } from '../../parity/parity.ts'
import { withoutUserOverrides } from '../faults/unguarded-route.ts'
import { type Probe, defineProbe, type ProbeSpec, type ProbeContext } from '../framework/probe.ts'

/** Defines a probe of a parity proof; its control drops user overrides. */
export const defineParityProbe = (measure: ProbeSpec<Adapters>['measure']): Probe =>
  defineProbe<Adapters>({
    version: 1,
    site: 'scratch',
    isolation: 'parallel',
    sound: ({ adapters }, use) => use(adapters),
    faulty: ({ adapters }, use) => use(withoutUserOverrides(adapters)),
    measure,
  })

/**
 * The request of a parity proof between a temporary file store and scratch state in a database; evidence wants just
 * these two kinds.
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

/** Returns a report whose verdict is pass or fail. @throws FfError `proof_inconclusive` on any other verdict */
export function requireMeasured<R extends ParityReport | CheckReport>(report: R): R {
  if (report.verdict === 'pass' || report.verdict === 'fail') return report
  const [first] = report.findings
  const what = first === undefined ? report.exitName : `${first.code} at ${first.subject}`
  throw new FfError('proof_inconclusive', `The parity proof was inconclusive: ${what}.`, {
    hint: `Run ff ${report.kind.replace('_', ' ')}, and correct the failures that it shows.`,
  })
}

/** The sides of a parity report, without credentials. */
export const describeSides = ({ sides }: ParityReport): Readonly<Record<string, Scalar>> => ({
  baseline: sides.baseline.target,
  candidate: sides.candidate.target,
  server: `PostgreSQL ${sides.candidate.server ?? 'none'}`,
})
/** The first finding of a report; null where there is none. */
export const formatExample = ({ findings }: ParityReport | CheckReport): string | null => {
  const [first] = findings
  if (first === undefined) return null
  const { code, subject, pointer } = first
  return `${code} at ${subject} ${pointer ?? ''}`.trim()
}
