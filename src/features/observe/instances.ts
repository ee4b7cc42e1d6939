import { createHash } from 'node:crypto'
import { parseShaped } from '../../artefacts/load.ts'
import { withDeadline } from '../../concurrency/deadline.ts'
import { parseExposition } from '../../core/alerts/exposition.ts'
import { canonicalizeValue } from '../../core/json/plain.ts'
import { hasStart, type InstanceReading } from '../../core/observe/fold.ts'
import { FfError } from '../../errors.ts'
import type { HttpClient } from '../../ports/http.ts'
import { METRICS_ROUTE } from '../serve/health.ts'
import { IDENTITY_ROUTE, type InstanceIdentity } from '../serve/identity.ts'

const ANSWER_MS = 5_000
const DIGEST_LENGTH = 16

/**
 * Asks an instance at its admin port what it is and what it has counted.
 *
 * @param at_ms the time by a monotonic clock
 * @returns null where it does not answer both within five seconds, or says something else
 */
export async function readInstance(
  client: HttpClient,
  at_ms: number,
): Promise<InstanceReading | null> {
  const [identity, metrics] = await Promise.all([
    ask(client, IDENTITY_ROUTE),
    ask(client, METRICS_ROUTE),
  ])
  if (identity === null || metrics === null) return null
  const said = parseShaped('instance-identity', { text: identity, shown: client.origin })
  const parsed = parseExposition(metrics)
  if (!said.ok || !parsed.ok) return null
  const scrape = { at_ms, samples: parsed.samples }
  if (!hasStart(scrape)) return null
  return { scrape, identity: digestIdentity(said.loaded.value as InstanceIdentity) }
}

/** What an instance says it is, as 16 hexadecimal digits; not where it is in a cutover, which may go forth and back. */
export function digestIdentity(said: InstanceIdentity): string {
  const { environment, code, schema_head, config_digest, build, database } = said
  const identity = { environment, code, schema_head, config_digest, build, database }
  const digest = createHash('sha256').update(canonicalizeValue(identity)).digest('hex')
  return digest.slice(0, DIGEST_LENGTH)
}

async function ask(
  client: HttpClient,
  { method, path }: { readonly method: 'GET'; readonly path: string },
): Promise<string | null> {
  try {
    const answer = await withDeadline(client.send({ method, path }), ANSWER_MS, () => null)
    return answer?.status === 200 ? answer.text : null
  } catch (error) {
    if (!(error instanceof FfError)) throw error
    return null
  }
}
