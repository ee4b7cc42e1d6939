import { describe, expect, test } from 'vitest'
import { answerApproval } from '../../../src/core/evaluate/approvals.ts'
import { serializeDecision } from '../../../src/core/evaluate/decision-text.ts'
import { evaluate } from '../../../src/core/evaluate/evaluate.ts'
import type { AuthMode, EvaluationInput, Principal } from '../../../src/core/evaluate/types.ts'
import { isJsonArray, type JsonNode, type JsonObject } from '../../../src/core/json/read.ts'
import { buildCells, type Cell } from '../../../src/core/parity/cells.ts'
import { compareJson } from '../../../src/core/parity/compare.ts'
import { deriveCoverage } from '../../../src/core/parity/coverage.ts'
import { buildExpectedEnvelope } from '../../../src/core/parity/expected-cell.ts'
import { withBackingKind } from '../../../src/core/parity/judge-vector.ts'
import { decodeRow } from '../../../src/core/rows/decode-row.ts'
import { isApprovalRef, isFlagKey, isScopeId } from '../../../src/core/rows/grammar.ts'
import { instantToMs } from '../../../src/core/rows/instant.ts'
import { type AnyRow, serializeRow, TABLE_NAMES } from '../../../src/core/rows/rows.ts'
import {
  anonymous,
  contractSchemas,
  DAY,
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

const BY_MODE: Readonly<Record<AuthMode, (who: Partial<Principal>) => Principal>> = {
  verified: principal,
  'decode-only': decodeOnly,
  'dev-headers': devHeaders,
  none: anonymous,
}
const toRows = ({ given }: Cell): readonly AnyRow[] =>
  TABLE_NAMES.flatMap((table) => [...given.state[table]])

/** Evaluates a cell, with Admin's answer from the cell. */
function decided({ given, author, request }: Cell, rows: readonly AnyRow[]): string {
  const { auth_mode, tenant_id, user_id } = author
  const who = BY_MODE[auth_mode]({ tenant_id, user_id })
  const facts: EvaluationInput = {
    request,
    principal: who,
    rows: rowsFor(rows, who, request.flag_key),
    now: given.now,
    backing_state: 'db',
  }
  const first = evaluate(facts)
  if (first.ask === undefined) return serializeDecision(first.decision)
  const unreachable = given.admin === 'unreachable'
  const answer = unreachable
    ? { status: 'unreachable' as const }
    : answerApproval(given.approvals, first.ask)
  const { decision } = evaluate(facts, answer)
  if (decision === undefined) throw new Error(`asked twice in ${request.flag_key}`)
  return serializeDecision(decision)
}

describe('the cells', () => {
  test('are 360 by the four dimensions, and more with the boundaries', () => {
    const cells = buildCells(NOW)
    const dimensions = new Set(cells.map(({ covers }) => JSON.stringify(covers)))
    expect(dimensions.size).toBe(360)
    expect(cells.length).toBeGreaterThan(2 * 360)
    expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length)
  })

  test('each have a flag of their own, for every required_auth', () => {
    const cells = buildCells(NOW)
    expect(cells.length).toBeGreaterThan(0)
    expect(new Set(cells.map(({ request }) => request.flag_key)).size).toBe(cells.length)
    expect(new Set(cells.map(({ request }) => request.request_id)).size).toBe(cells.length)
    const kinds = new Map<string, Set<string>>()
    for (const { covers, id } of cells) {
      const cell = JSON.stringify(covers)
      kinds.set(cell, new Set([...(kinds.get(cell) ?? []), id.split('/').at(-1) ?? '']))
    }
    for (const kind of kinds.values()) expect([...kind].sort()).toEqual(['any', 'none', 'verified'])
  })

  test('each cover the dimensions that they state', () => {
    const cells = buildCells(NOW)
    expect(cells.length).toBeGreaterThan(0)
    for (const { id, given, author, request, covers } of cells) {
      expect([id, deriveCoverage(given, author, request)]).toEqual([id, covers])
      expect(id.startsWith(Object.values(covers).join('/'))).toBe(true)
    }
  })

  test('each hold rows that a store accepts', () => {
    const cells = buildCells(NOW)
    expect(cells.length).toBeGreaterThan(0)
    for (const { given } of cells) {
      for (const table of TABLE_NAMES)
        for (const row of given.state[table])
          expect(decodeRow(table, node(serializeRow(row)), 'stored')).toEqual({ row })
    }
  })

  test.each([
    ['not_yet_valid', 'not_before', 1],
    ['valid', 'not_before', 0],
    ['expired', 'expires_at', 0],
    ['expired', 'expires_at', -1],
    ['expiring_soon', 'expires_at', 1],
    ['expiring_soon', 'expires_at', DAY],
    ['valid', 'expires_at', DAY + 1],
  ] as const)('include one that is %s with %s %i ms from now', (ttl_state, member, away) => {
    const cells = buildCells(NOW)
    const distances = cells
      .filter(({ covers }) => covers.ttl_state === ttl_state)
      .flatMap(({ given }) =>
        given.approvals.map((one) => instantToMs(one[member]) - instantToMs(NOW)),
      )
    expect(distances).toContain(away)
  })

  test('include unknown approvals by ref, flag, tenant and user', () => {
    const cells = buildCells(NOW)
    const unlike = cells
      .filter(({ covers }) => covers.ttl_state === 'unknown')
      .flatMap(({ given, author, request }) =>
        given.approvals.flatMap((one) => [
          ...(one.approval_ref === request.approval_ref ? [] : ['ref']),
          ...(one.flag_key === request.flag_key ? [] : ['flag']),
          ...(one.tenant_id === author.tenant_id ? [] : ['tenant']),
          ...(one.user_id === author.user_id ? [] : ['user']),
        ]),
      )
    expect(new Set(unlike)).toEqual(new Set(['ref', 'flag', 'tenant', 'user']))
  })

  test('hold approvals of these times and states, by TTL state and boundary', () => {
    const found = buildCells(NOW).map(({ id, covers, given: { approvals } }) => {
      const times = approvals.map(({ not_before, expires_at, revoked }) => [
        instantToMs(not_before) - instantToMs(NOW),
        instantToMs(expires_at) - instantToMs(NOW),
        revoked,
      ])
      return JSON.stringify([covers.ttl_state, id.split('/')[4], ...times.flat()])
    })
    const expected = [
      ['unknown', 'another_ref', -DAY, 30 * DAY, false],
      ['unknown', 'another_flag', -DAY, 30 * DAY, false],
      ['unknown', 'another_tenant', -DAY, 30 * DAY, false],
      ['unknown', 'another_user', -DAY, 30 * DAY, false],
      ['revoked', 'while_valid', -DAY, 30 * DAY, true],
      ['revoked', 'before_its_start', 1, 2 * DAY, true],
      ['revoked', 'after_its_end', -DAY, -1, true],
      ['not_yet_valid', 'in_one_ms', 1, 30 * DAY, false],
      ['not_yet_valid', 'in_a_day', DAY, 30 * DAY, false],
      ['expired', 'now', -DAY, 0, false],
      ['expired', 'since_one_ms', -DAY, -1, false],
      ['expiring_soon', 'in_one_ms', -DAY, 1, false],
      ['expiring_soon', 'in_a_day', -DAY, DAY, false],
      ['valid', 'one_ms_over_a_day', -DAY, DAY + 1, false],
      ['valid', 'from_now', 0, 30 * DAY, false],
    ]
    const lines = expected.map((line) => JSON.stringify(line))
    expect([...new Set(found)].toSorted()).toEqual(lines.toSorted())
  })

  test('each hold an approval of a valid ref, flag, tenant and user', () => {
    const approvals = buildCells(NOW).flatMap(({ given }) => given.approvals)
    expect(approvals.length).toBeGreaterThan(0)
    for (const { approval_ref, flag_key, tenant_id, user_id } of approvals) {
      expect(isApprovalRef(approval_ref)).toBe(true)
      expect(isFlagKey(flag_key)).toBe(true)
      expect([isScopeId(tenant_id), isScopeId(user_id)]).toEqual([true, true])
    }
  })

  test('name tenant and user in the request of mode none alone, and ask it in production', () => {
    const found = buildCells(NOW).map(({ author, given, request }) =>
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

  test('serve an override that ends in 1 ms, below a more specific one that ends now', () => {
    const cells = buildCells(NOW).filter(({ covers }) => covers.sensitive_path === 'SP-1')
    expect(cells.length).toBeGreaterThan(0)
    const ends = {
      user: [[fromNow(1)], [fromNow(1)]],
      tenant: [[NOW], [fromNow(1)]],
      global: [[], []],
    }
    for (const { covers, given } of cells) {
      const { user_override, tenant_override } = given.state
      const found = [user_override, tenant_override].map((rows) =>
        rows.map(({ expires_at }) => expires_at),
      )
      expect([covers.scope, found]).toEqual([covers.scope, ends[covers.scope]])
    }
  })

  test('hold rows of another revision in each table', () => {
    const [first] = buildCells(NOW)
    const revisions = first && TABLE_NAMES.map((table) => first.given.state[table][0]?.revision)
    expect(new Set(revisions).size).toBe(TABLE_NAMES.length)
  })
})

describe('the decision of every cell', () => {
  const decideAll = (): readonly (readonly [Cell, string])[] =>
    buildCells(NOW).map((cell) => [cell, decided(cell, toRows(cell))] as const)

  test('fits the schema of a decision', () => {
    const validate = contractSchemas()('decision.schema.json')
    const decisions = decideAll()
    expect(decisions.length).toBeGreaterThan(0)
    for (const [{ id }, text] of decisions) {
      expect([id, validate(JSON.parse(text)), validate.errors]).toEqual([id, true, null])
    }
  })

  test('equals the prediction of the oracle', () => {
    const oracle = objectNode(readArtefact('vectors/oracle_cells.json'))
    const outcomes = member(oracle, 'outcomes') ?? null
    const places = member(oracle, 'cells') as JsonObject
    if (!isJsonArray(outcomes)) throw new Error('no outcomes')
    const findPlace = new Map(places.members)
    const decisions = decideAll()
    expect(decisions.length).toBeGreaterThan(0)
    for (const [cell, text] of decisions) {
      const place = findPlace.get(cell.key) as { lexeme: string } | undefined
      const outcome = outcomes[Number(place?.lexeme ?? -1)]
      const expected = withBackingKind(buildExpectedEnvelope(outcome as JsonObject, cell), 'db')
      expect([cell.id, compareJson(node(text), expected).differences]).toEqual([cell.id, []])
    }
  })

  test('stays the same among the rows of all other cells', () => {
    const decisions = decideAll()
    const every = decisions.flatMap(([cell]) => toRows(cell))
    expect(every.length).toBeGreaterThan(decisions.length)
    const sample = decisions.filter((_, at) => at % 37 === 0)
    expect(sample.length).toBeGreaterThan(10)
    for (const [cell, text] of sample) expect(decided(cell, every)).toBe(text)
  })

  test('covers, over all cells, every outcome of rule 4', () => {
    const codes = new Set(
      decideAll().flatMap(([, text]) =>
        (
          JSON.parse(text) as { reason_chain: { prec: number; code?: string; outcome: string }[] }
        ).reason_chain
          .filter(({ prec }) => prec === 4)
          .map(({ code, outcome }) => code ?? outcome),
      ),
    )
    expect([...codes].sort()).toEqual([
      'admin_unreachable',
      'approval_expired',
      'approval_missing',
      'approval_not_yet_valid',
      'approval_revoked',
      'approval_unknown',
      'approved',
      'auth_not_verified',
      'expiring_soon',
      'not_sensitive',
    ])
  })
})

const member = (held: JsonObject, name: string): JsonNode | undefined =>
  held.members.find(([one]) => one === name)?.[1]
