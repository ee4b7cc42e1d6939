import { describe, expect, test } from 'vitest'
import { resolveNamedContext } from '../../../src/core/auth/authenticate.ts'
import { isAuthRefusal } from '../../../src/core/auth/types.ts'
import { answerApproval } from '../../../src/core/evaluate/approvals.ts'
import { serializeDecision } from '../../../src/core/evaluate/decision-text.ts'
import { AUTH_MODES, type AuthMode, type Principal } from '../../../src/core/evaluate/types.ts'
import type { JsonNode, JsonObject } from '../../../src/core/json/read.ts'
import { compareJson } from '../../../src/core/parity/compare.ts'
import { buildExpectedEnvelope } from '../../../src/core/parity/expected-cell.ts'
import { answerToNode } from '../../../src/core/parity/judge.ts'
import { withBackingKind } from '../../../src/core/parity/judge-vector.ts'
import { buildSituations, type Situation } from '../../../src/core/parity/situations.ts'
import { decodeRow } from '../../../src/core/rows/decode-row.ts'
import {
  FLAG_STATES,
  REQUIRED_AUTH,
  serializeRow,
  TABLE_NAMES,
} from '../../../src/core/rows/rows.ts'
import {
  anonymous,
  DAY,
  decide,
  decodeOnly,
  devHeaders,
  fromNow,
  node,
  NOW,
  objectNode,
  principal,
  readArtefact,
  rowsFor,
  TENANT,
  USER,
} from '../builders.ts'

const SITUATIONS = buildSituations(NOW)
const BY_MODE: Readonly<Record<AuthMode, Principal>> = {
  verified: principal(),
  'decode-only': decodeOnly(),
  'dev-headers': devHeaders(),
  none: anonymous({ tenant_id: null, user_id: null }),
}
const STALE = principal({ key_set_stale: true, warnings: ['jwks_stale'] })

/** Answers a situation as a side does: a decision or a refusal. */
function answered({ given, author, request, keys }: Situation): JsonNode {
  const mode = author.auth_mode
  const caller = keys === 'stale' && mode === 'verified' ? STALE : BY_MODE[mode]
  const who = resolveNamedContext(caller, request)
  if (isAuthRefusal(who))
    return answerToNode({ status: 'refused', code: who.refused, http: who.http })
  const rows = TABLE_NAMES.flatMap((table) => [...given.state[table]])
  const input = {
    request,
    principal: who,
    rows: rowsFor(rows, who, request.flag_key),
    now: given.now,
    backing_state: 'db' as const,
  }
  const { tenant_id, user_id } = who
  const named = [request, ...given.state.user_override, ...given.state.tenant_override]
  const ref = named.map(({ approval_ref }) => approval_ref).find((one) => one != null) ?? ''
  const query = { approval_ref: ref, flag_key: request.flag_key, tenant_id, user_id }
  return node(serializeDecision(decide(input, answerApproval(given.approvals, query))))
}

const oracle = objectNode(readArtefact('vectors/oracle_cells.json'))
const member = (held: JsonObject, name: string): JsonNode | undefined =>
  held.members.find(([one]) => one === name)?.[1]
const outcomes = member(oracle, 'outcomes') as readonly JsonObject[]
const places = new Map((member(oracle, 'situations') as JsonObject).members)

describe('the situations', () => {
  test('are predicted by the oracle, each and no other', () => {
    expect(SITUATIONS.length).toBeGreaterThan(50)
    expect(SITUATIONS.map(({ id }) => id)).toEqual([...places.keys()])
  })

  test('each have a flag of their own and come with every auth mode', () => {
    const keys = SITUATIONS.map(({ request }) => request.flag_key)
    expect(new Set(keys).size).toBe(SITUATIONS.length)
    const requests = SITUATIONS.map(({ request }) => request.request_id)
    expect(new Set(requests).size).toBe(SITUATIONS.length)
    for (const mode of AUTH_MODES)
      expect(SITUATIONS.filter(({ author }) => author.auth_mode === mode)).toHaveLength(
        SITUATIONS.length / AUTH_MODES.length,
      )
  })

  test('name tenant and user in the request of mode none alone, and ask it in production', () => {
    const found = buildSituations(NOW)
      .filter(({ id }) => !id.startsWith('other_'))
      .map(({ author, given, request }) =>
        [author.auth_mode, given.environment, request.tenant_id, request.user_id].join(' '),
      )
    expect(new Set(found)).toEqual(
      new Set([
        'verified prod  ',
        'decode-only dev+H  ',
        'dev-headers dev+H  ',
        `none prod ${TENANT} ${USER}`,
      ]),
    )
  })

  test('hold one approval, which began a day ago and ends in 30 days, of a reachable Admin', () => {
    const situations = buildSituations(NOW)
    expect(situations.length).toBeGreaterThan(0)
    const times = { not_before: fromNow(-DAY), expires_at: fromNow(30 * DAY), revoked: false }
    for (const { given, request } of situations) {
      const { flag_key } = request
      expect(given.approvals).toMatchObject([
        { flag_key, tenant_id: TENANT, user_id: USER, ...times },
      ])
      expect(given.admin).toBe('reachable')
    }
  })

  test('have stale keys where their name says so', () => {
    for (const { id, keys } of buildSituations(NOW))
      expect([id, keys]).toEqual([id, id.startsWith('stale_keys') ? 'stale' : 'fresh'])
  })

  test('have a sensitive flag in each state but active, where the state decides first', () => {
    const flags = buildSituations(NOW).flatMap(({ id, given }) =>
      FLAG_STATES.filter((state) => id.startsWith(`${state}_`)).map((state) => [
        state,
        given.state.flag_registry.map((row) => [row.state, row.sensitive]),
      ]),
    )
    expect(flags.length).toBe(FLAG_STATES.length * REQUIRED_AUTH.length * AUTH_MODES.length)
    for (const [state, rows] of flags) expect(rows).toEqual([[state, state !== 'active']])
  })

  test.each(SITUATIONS.map((one) => [one.id, one] as const))(
    '%s holds rows that a store accepts, and is decided as the oracle says',
    (id, one) => {
      for (const table of TABLE_NAMES)
        for (const row of one.given.state[table])
          expect(decodeRow(table, node(serializeRow(row)), 'stored')).toEqual({ row })
      const place = places.get(id) as { readonly lexeme: string }
      const outcome = outcomes[Number(place.lexeme)] as JsonObject
      const expected = withBackingKind(buildExpectedEnvelope(outcome, one), 'db')
      expect(compareJson(answered(one), expected).differences).toEqual([])
    },
  )
})
