import {
  type LoadPace,
  type LoadSummary,
  planPace,
  summarizeLoad,
} from '../../../core/load-stats/load.ts'
import { type ProbeContext, readNumberParam } from '../framework/probe.ts'
import { runLoad, type SendRequest } from './load-generator.ts'

/** Sensitive requests for each ordinary one: one decision in three. */
const SENSITIVE_SHARE = 0.5

/** Ordinary evaluations, and sensitive ones at the same time, each of which asks Admin. */
export interface MixedLoad extends Pick<ProbeContext, 'signal'> {
  readonly ordinary: SendRequest
  readonly sensitive: SendRequest
}

/** The pace of the ordinary evaluations by `requests` and `seconds` of the item. */
export const readMixedPace = (context: ProbeContext): LoadPace =>
  planPace({
    least_per_s: 0,
    requests: readNumberParam(context, 'requests'),
    seconds: readNumberParam(context, 'seconds'),
  })

/** Runs both loads at once, the sensitive one at half of the pace. @returns the statistics of the ordinary one */
export async function runMixedLoad(
  { ordinary, sensitive, signal }: MixedLoad,
  pace: LoadPace,
): Promise<LoadSummary> {
  const sensitivePace = {
    per_s: pace.per_s * SENSITIVE_SHARE,
    requests: Math.ceil(pace.requests * SENSITIVE_SHARE),
  }
  const [measured] = await Promise.all([
    runLoad(ordinary, pace, signal),
    runLoad(sensitive, sensitivePace, signal),
  ])
  return summarizeLoad([measured], pace)
}
