import { parseAuditTarget } from '../../core/audit/record.ts'
import { CHANGE_KIND } from '../../core/feed/change-kind.ts'
import { SCOPE_MEMBER } from '../../core/rows/rows.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { parseServiceOrThrow } from '../parity/resolve-target.ts'
import { readProblemCode } from '../parity/service-client.ts'

/** What `ff cache invalidate` asks for. */
export interface InvalidationRequest {
  /** `global`, `jwks`, or a row as audit records name it: `flag/ff.x`, `tenant/T1/ff.x`, `user/U1/ff.x`. */
  readonly what: string
  /** The URL of a service. */
  readonly service: string
  readonly token: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Has a service invalidate, by its route; all instances follow.
 *
 * @returns the number of the audit record
 * @throws FfError `option_invalid` for the target, `target_invalid` for the URL, `service_refused`, and the errors of
 * the client
 */
export async function invalidateCache(
  { what, service, token, env }: InvalidationRequest,
  { openClient }: Pick<Adapters, 'openClient'>,
): Promise<number> {
  const body = JSON.stringify(toBody(what))
  const client = await openClient(parseServiceOrThrow(service, env))
  try {
    const headers = { authorization: `Bearer ${token}` }
    const path = '/v1/flags/cache/invalidate'
    const {
      status,
      text,
      headers: said,
    } = await client.send({ method: 'POST', path, headers, body })
    if (status === 200) return (JSON.parse(text) as { seq: number }).seq
    throw makeRefusal(
      `${readProblemCode(text) ?? 'no code'}, status ${status}`,
      said['retry-after'],
    )
  } finally {
    client.close()
  }
}

function toBody(what: string): Readonly<Record<string, string>> {
  if (what === 'global' || what === 'jwks') return { kind: what }
  const row = parseAuditTarget(what)
  if (row === null)
    throw new FfError('option_invalid', `${quoteValue(what)} names nothing to invalidate.`, {
      hint: 'Use global, jwks, flag/FLAG, tenant/TENANT/FLAG or user/USER/FLAG.',
    })
  const { table, key } = row
  const member = SCOPE_MEMBER[table]
  const scope = member === null || key.scope_id === null ? {} : { [member]: key.scope_id }
  return { kind: CHANGE_KIND[table], ...scope, flag_key: key.flag_key }
}

const makeRefusal = (why: string, wait: string | readonly string[] | undefined): FfError =>
  new FfError('service_refused', `The service refused the invalidation (${why}).`, {
    hint:
      wait === undefined
        ? 'Check that the token is valid and has the scope ff:operator: `ff token verify < token.txt`.'
        : `Try again in ${String(wait)} s.`,
  })
