import { formatLimit, judgeLimits } from './limits.ts'
import type { ChecklistItem, EvidenceDraft, Scalar } from './types.ts'

/** What a probe found out, before anybody holds it to a limit. */
export interface Measurement {
  readonly measured: Readonly<Record<string, Scalar>>
  /** The server, the rows, the requests that it met. */
  readonly met: Readonly<Record<string, Scalar>>
  readonly sample_size: number
  /** One concrete case, where something was found. */
  readonly example: string | null
}
/** What a measurement comes to, and why it is no pass. */
export type MeasurementResult = Pick<EvidenceDraft, 'result' | 'codes'> & {
  readonly detail: string
}

/** Holds a measurement to the limits of its item, which are data: the probe itself decides nothing. */
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
