import type { Scalar } from '../../../core/gate/types.ts'
import type { CheckReport, ParityReport } from '../../../core/report/types.ts'
import { FfError } from '../../../errors.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { ParityRequest } from '../../parity/parity.ts'
import { withoutUserOverrides } from '../faults/unguarded-route.ts'
import { type Probe, defineProbe, type ProbeSpec, type ProbeContext } from '../framework/probe.ts'

/** A probe of a proof of parity; its control forgets the overrides of users. */
export const defineParityProbe = (measure: ProbeSpec<Adapters>['measure']): Probe =>
  defineProbe<Adapters>({
    version: 1,
    site: 'scratch',
    isolation: 'parallel',
    sound: ({ adapters }, use) => use(adapters),
    faulty: ({ adapters }, use) => use(withoutUserOverrides(adapters)),
    measure,
  })

/** A proof of parity between a file of its own and scratch state in a database. */
export const proofRequest = (
  { root, targets, signal, now }: ProbeContext,
  adapters: Adapters,
): ParityRequest => ({
  root,
  baseline: { kind: 'file', folder: null },
  candidate: targets.scratch,
  signal,
  now,
  adapters,
})

/** A report that measured something. @throws FfError `proof_inconclusive` where it could not */
export function requireMeasured<R extends ParityReport | CheckReport>(report: R): R {
  if (report.verdict === 'pass' || report.verdict === 'fail') return report
  const [first] = report.findings
  const what = first === undefined ? report.exitName : `${first.code} at ${first.subject}`
  throw new FfError('proof_inconclusive', `The proof came to no answer: ${what}.`, {
    hint: `Run ff ${report.kind.replace('_', ' ')} and mend what it shows.`,
  })
}

/** The sides of a parity report, as they may be shown. */
export const describeSides = ({ sides }: ParityReport): Readonly<Record<string, Scalar>> => ({
  baseline: sides.baseline.target,
  candidate: sides.candidate.target,
  server: `PostgreSQL ${sides.candidate.server ?? 'none'}`,
})
export const formatExample = ({ findings }: ParityReport | CheckReport): string | null => {
  const [first] = findings
  if (first === undefined) return null
  const { code, subject, pointer } = first
  return `${code} at ${subject} ${pointer ?? ''}`.trim()
}
