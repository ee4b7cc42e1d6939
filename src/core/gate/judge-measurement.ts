import type { Instant } from '../rows/instant.ts'
import { formatLimit, judgeLimits } from './limits.ts'
import type { ChecklistItem, EvidenceDraft, Scalar } from './types.ts'

/** The result of a probe before it is compared with limits. */
export interface Measurement {
  readonly measured: Readonly<Record<string, Scalar>>
  /** Properties of the server, the rows and the requests of the run. */
  readonly met: Readonly<Record<string, Scalar>>
  readonly sample_size: number
  /** One concrete case; null where nothing was found. */
  readonly example: string | null
  /** When what was measured took place, where that is not the time of measuring: a recording that is read later. */
  readonly span?: { readonly from: Instant; readonly until: Instant }
}
/** Why a measurement is no pass. */
export type MeasurementCode = 'limit_broken' | 'measure_missing' | 'too_few_samples'
/** The result of a measurement, and the reasons where it is no pass. */
export type MeasurementResult = Pick<EvidenceDraft, 'result' | 'codes'> & {
  readonly detail: string
}

/**
 * Compares a measurement with the limits of its checklist item; the probe itself decides nothing. The result is
 * `fail` (`limit_broken`), else `inconclusive` (`measure_missing`, then `too_few_samples`), else `pass` without codes
 * and with an empty detail.
 */
export function judgeMeasurement(
  { limits, min_sample }: Pick<ChecklistItem, 'limits' | 'min_sample'>,
  { measured, sample_size, example }: Measurement,
): MeasurementResult {
  const judged = judgeLimits(limits, measured)
  const broken = judged.filter(({ held, value }) => !held && value !== null)
  if (broken.length > 0) {
    const required = broken.map(
      ({ limit, value }) => `${String(value)} where ${formatLimit(limit)}`,
    )
    const detail = [...required, ...(example === null ? [] : [example])].join('; ')
    return { result: 'fail', codes: ['limit_broken'], detail }
  }
  const absent = judged.filter(({ value }) => value === null).map(({ limit }) => limit.measure)
  if (absent.length > 0)
    return { result: 'inconclusive', codes: ['measure_missing'], detail: absent.join(', ') }
  if (sample_size < min_sample) {
    const detail = `${sample_size} of at least ${min_sample}`
    return { result: 'inconclusive', codes: ['too_few_samples'], detail }
  }
  return { result: 'pass', codes: [], detail: '' }
}
