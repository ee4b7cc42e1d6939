import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { RowReader } from '../../src/adapters/postgres/row-reader.ts'
import { buildStatements } from '../../src/adapters/postgres/statements.ts'
import { answerApproval } from '../../src/core/evaluate/approvals.ts'
import { evaluate } from '../../src/core/evaluate/evaluate.ts'
import { readOverrideLayer } from '../../src/core/evaluate/overrides.ts'
import { satisfiesRequiredAuth } from '../../src/core/evaluate/required-auth.ts'
import { RULES } from '../../src/core/evaluate/rules.ts'
import { evaluateApprovalRule } from '../../src/core/evaluate/sensitive-overlay.ts'
import type { Rule } from '../../src/core/evaluate/step.ts'
import { computeTtlState } from '../../src/core/evaluate/ttl-state.ts'
import type { Decision } from '../../src/core/evaluate/types.ts'
import { compareJson } from '../../src/core/parity/compare.ts'
import { instantFromMs, type Instant, instantToMs } from '../../src/core/rows/instant.ts'
import type { AnyOverrideRow, RowsOfFlag, RowOrBroken } from '../../src/core/rows/rows.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { type Fault, replace, withFault } from '../support/faults.ts'
import { copyArtefacts, type Run, runFf as runNow } from '../support/run-ff.ts'
import { runInProcess } from '../support/run-in-process.ts'
import { FULL } from '../support/scale.ts'
import { editJson, ERROR_FORM, toError, getCheck, getParity, inTurns } from './outcome.ts'
import type { RowQuery } from '../../src/ports/store.ts'

const { replaceable } = await vi.hoisted(() => {
  vi.resetModules() // Files share a process: what an earlier one loaded is not replaceable.
  return import('../support/faults.ts')
})
vi.mock(import('../../src/adapters/postgres/row-reader.ts'), replaceable)
vi.mock(import('../../src/adapters/postgres/statements.ts'), replaceable)
vi.mock(import('../../src/core/evaluate/approvals.ts'), replaceable)
vi.mock(import('../../src/core/evaluate/evaluate.ts'), replaceable)
vi.mock(import('../../src/core/evaluate/overrides.ts'), replaceable)
vi.mock(import('../../src/core/evaluate/required-auth.ts'), replaceable)
vi.mock(import('../../src/core/evaluate/sensitive-overlay.ts'), replaceable)
vi.mock(import('../../src/core/evaluate/ttl-state.ts'), replaceable)
vi.mock(import('../../src/core/parity/compare.ts'), replaceable)

const runFf = inTurns(runNow)

const MATRIX = 'vectors/parity_test_matrix.json'
const FIXTURES = 'vectors/jwt/fixtures.json'

interface Row {
  [name: string]: unknown
}
interface RawVector {
  id: string
  covers: Row
  given: { now: string; credential: unknown } & Record<string, unknown> & {
      flags: Row[]
      tenant_overrides: Row[]
      user_overrides: Row[]
      approvals: Row[]
    }
  when: { request: Row }
  then: { [name: string]: unknown; reason_chain: Row[]; warnings: string[]; meta: Row }
}
interface RawMatrix {
  vectors: RawVector[]
}

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('18')
})
afterAll(() => database.drop())

interface Copy {
  readonly root: string
  readonly inCopy: (path: string) => string
  readonly ff: (...args: readonly string[]) => Promise<Run>
  readonly parity: (command: 'run' | 'exhaustive', ...args: readonly string[]) => Promise<Run>
  readonly editMatrix: (change: (matrix: RawMatrix) => void) => Promise<void>
}
async function withCopy(use: (copy: Copy) => Promise<void>): Promise<void> {
  const made = await copyArtefacts()
  const { root } = made
  const inCopy = (path: string): string => join(root, path)
  const ff: Copy['ff'] = (...args) => runFf([...args, '--format', 'json'], { artefacts: root })
  try {
    await use({
      root,
      inCopy,
      ff,
      parity: (command, ...args) => ff('parity', command, '--candidate', database.url, ...args),
      editMatrix: (change) => editJson(inCopy(MATRIX), change),
    })
  } finally {
    await made.remove()
  }
}

function vector(matrix: RawMatrix, id: string): RawVector {
  const found = matrix.vectors.find((one) => one.id === id)
  if (found === undefined) throw new Error(`no vector ${id}`)
  return found
}
function first(rows: readonly Row[]): Row {
  const [row] = rows
  if (row === undefined) throw new Error('no row')
  return row
}

test('a copy with only other white space still passes', () =>
  withCopy(async ({ inCopy, parity, editMatrix }) => {
    await editMatrix(() => undefined)
    await editJson(inCopy(FIXTURES), () => undefined)
    const [vectors, cells] = await Promise.all([parity('run'), parity('exhaustive')])
    expect([vectors.status, cells.status]).toEqual([0, 0])
    expect(getParity(vectors).counts).toMatchObject({ expected: 17, compared: 17 })
    expect(getParity(cells).counts).toMatchObject({ expected: 360, compared: 360 })
  }))

describe.concurrent('one changed stored value', () => {
  test.each<[situation: string, id: string, pointer: string, change: (one: RawVector) => void]>([
    [
      'the default',
      'PV-01',
      '/value',
      (v) => (first(v.given.flags)['default_value'] = 'Grüß Gott'),
    ],
    [
      'the default, in another normal form',
      'PV-01',
      '/value',
      (v) => {
        const flag = first(v.given.flags)
        flag['default_value'] = String(flag['default_value']).normalize('NFD')
      },
    ],
    [
      'the last digit of a double',
      'PV-02',
      '/value',
      (v) => (first(v.given.tenant_overrides)['value'] = 0.3),
    ],
    [
      'the revision of an override',
      'PV-03',
      '/meta/override_revision',
      (v) => {
        const row = first(v.given.user_overrides)
        row['revision'] = Number(row['revision']) + 1
      },
    ],
    [
      'the revision of a flag',
      'PV-01',
      '/meta/flag_revision',
      (v) => (first(v.given.flags)['revision'] = 4),
    ],
    [
      'a flag that is not killed',
      'PV-08',
      '/reason',
      (v) => (first(v.given.flags)['state'] = 'active'),
    ],
    [
      'an override that lives a millisecond more',
      'PV-07',
      '/reason',
      ({ given, covers }) => {
        first(given.user_overrides)['expires_at'] = '2026-01-15T09:00:00.001Z'
        covers['scope'] = 'user' // Otherwise the matrix is refused for its wrong covers.
      },
    ],
  ])('%s: a no-go that names %s and %s', (_situation, id, pointer, change) =>
    withCopy(async ({ parity, editMatrix }) => {
      await editMatrix((matrix) => change(vector(matrix, id)))
      const done = await parity('run')
      expect(done.status).toBe(20)
      const { findings, verdict, exitName, vectors } = getParity(done)
      expect({ verdict, exitName }).toEqual({ verdict: 'fail', exitName: 'no_go' })
      expect([...new Set(findings.map(({ subject }) => subject))]).toEqual([id])
      expect(findings.map((one) => one.pointer)).toContain(pointer)
      expect(vectors.filter(({ state }) => state === 'fail').map((one) => one.id)).toEqual([id])
      expect(vectors.find((one) => one.id === id)?.detail?.reproduce).toMatch(
        new RegExp(`^ff parity run --candidate \\S+ --vector ${id}$`),
      )
    }),
  )
})

describe.concurrent('one changed expected field', () => {
  test.each<[pointer: string, id: string, change: (then: RawVector['then']) => void]>([
    ['/decision', 'PV-01', (then) => (then['decision'] = 'deny')],
    ['/value', 'PV-02', (then) => (then['value'] = '0.30000000000000004')],
    ['/reason', 'PV-02', (then) => (then['reason'] = 'global_default')],
    ['/matched_scope', 'PV-08', (then) => (then['matched_scope'] = 'user')],
    ['/warnings/0', 'PV-06', (then) => (then.warnings = [])],
    ['/meta/approval_ref', 'PT-04', (then) => (then.meta['approval_ref'] = null)],
    ['/meta/ttl_state', 'PT-08', (then) => (then.meta['ttl_state'] = 'valid')],
    [
      '/meta/evaluated_at',
      'PV-03',
      (then) => (then.meta['evaluated_at'] = '2026-01-15T09:00:00.001Z'),
    ],
    ['/meta/request_id', 'PV-05', (then) => (then.meta['request_id'] = 'req-pv-05')],
    ['/reason_chain/6', 'PV-01', (then) => void then.reason_chain.pop()],
  ])('%s of %s', (pointer, id, change) =>
    withCopy(async ({ parity, editMatrix }) => {
      await editMatrix((matrix) => change(vector(matrix, id).then))
      const done = await parity('run')
      expect(done.status, done.stdout.slice(0, 2000)).toBe(20)
      const { findings } = getParity(done)
      expect([...new Set(findings.map(({ subject }) => subject))]).toEqual([id])
      expect(findings.some((one) => one.pointer?.startsWith(pointer))).toBe(true)
      expect(findings.map(({ sides }) => sides)).not.toContain('baseline-candidate')
    }),
  )

  test('for another expected chain the first differing step is shown', () =>
    withCopy(async ({ root, parity, editMatrix }) => {
      await editMatrix((matrix) => {
        const { reason_chain } = vector(matrix, 'PV-07').then
        const step = reason_chain[4]
        if (step === undefined) throw new Error('no fifth step')
        reason_chain[4] = { prec: 5, rule: 'user_override', outcome: 'absent' }
      })
      const [json, text] = await Promise.all([
        parity('run'),
        runFf(['parity', 'run', '--candidate', database.url], { artefacts: root }),
      ])
      expect([json.status, text.status]).toEqual([20, 20])
      const detail = getParity(json).vectors.find(({ id }) => id === 'PV-07')?.detail
      const [chain] = detail?.chains ?? []
      expect(chain).toMatchObject({ step: 4 })
      expect([chain?.left, chain?.right].join(' ')).toContain('"absent"')
      expect([chain?.left, chain?.right].join(' ')).toContain('"expired"')
      expect(text.stdout).toContain('step 5')
    }))
})

/** Faults of the core, so both sides have them alike. */
const SEEN_BY_A_VECTOR: readonly (readonly [situation: string, fault: Fault])[] = [
  [
    'the tenant precedes the user',
    withRules(([registered, killed, authenticated, approved, user, tenant, ...rest]) => [
      registered,
      killed,
      authenticated,
      approved,
      tenant,
      user,
      ...rest,
    ]),
  ],
  [
    'an override expires too late',
    replace(
      readOverrideLayer,
      (real) => (facts, scope) => real({ ...facts, now: justBefore(facts.now) }, scope),
    ),
  ],
  [
    'an approval expires too late',
    replace(
      computeTtlState,
      (real) => (answer, now) =>
        real(answer, 'expires_at' in answer && answer.expires_at === now ? justBefore(now) : now),
    ),
  ],
  [
    'a day is short of a millisecond',
    replace(computeTtlState, (real) => (answer, now) => {
      const state = real(answer, now)
      const isDayAhead =
        'expires_at' in answer && instantToMs(answer.expires_at) - instantToMs(now) === DAY_MS
      return state === 'expiring_soon' && isDayAhead ? 'valid' : state
    }),
  ],
  [
    'a revocation is ignored',
    replace(
      computeTtlState,
      (real) => (answer, now) =>
        real(answer.status === 'known' ? { ...answer, revoked: false } : answer, now),
    ),
  ],
  [
    'rule 4 admits an unverified caller',
    replace(evaluateApprovalRule, (real) => (facts, answer) => {
      const { principal } = facts
      if (principal.mode === 'none') return real(facts, answer)
      return real({ ...facts, principal: { ...principal, mode: 'verified' } }, answer)
    }),
  ],
  [
    'a chain entry is dropped',
    inDecision(({ reason_chain, ...rest }) => ({
      ...rest,
      reason_chain: reason_chain.filter(({ prec }) => prec !== 3),
    })),
  ],
  [
    'a kill switch has no effect',
    withRules(([registered, killed, ...rest]) => {
      const blind: Rule = ({ rows, ...facts }, answer) =>
        (killed as Rule)({ ...facts, rows: { ...rows, flag: active(rows.flag) } }, answer)
      return [registered, blind, ...rest]
    }),
  ],
  [
    'a warning is dropped',
    inDecision(({ warnings, ...rest }) => ({
      ...rest,
      warnings: warnings.filter((one) => one !== 'approval_expiring_soon'),
    })),
  ],
  [
    'an approval of another tenant counts',
    replace(answerApproval, (real) => (approvals, question) => {
      const { tenant_id } = question
      const moved = approvals.map((one) => (tenant_id === null ? one : { ...one, tenant_id }))
      return real(moved, question)
    }),
  ],
]
const DAY_MS = 86_400_000
function justBefore(time: Instant): Instant {
  return instantFromMs(instantToMs(time) - 1)
}
function active(stored: RowsOfFlag['flag']): RowsOfFlag['flag'] {
  return stored?.row === undefined ? stored : { row: { ...stored.row, state: 'active' } }
}
function withRules(change: (rules: readonly Rule[]) => readonly (Rule | undefined)[]): Fault {
  const changed = change(RULES) as readonly Rule[]
  return replace(evaluate, (real) => (facts, answer) => real(facts, answer, changed))
}
function inDecision(change: (decision: Decision) => Decision): Fault {
  return replace(evaluate, (real) => (facts, answer, rules) => {
    const walk = real(facts, answer, rules)
    return walk.decision === undefined ? walk : { decision: change(walk.decision) }
  })
}

/** The oracle also detects these, in the named cell. */
const SEEN_BY_A_CELL: Readonly<Record<string, string>> = {
  'the tenant precedes the user': 'verified/user/SP-1/unknown',
  'an approval expires too late': 'verified/user/SP-2/expired',
  'rule 4 admits an unverified caller': 'decode-only/user/SP-2/unknown',
  'a chain entry is dropped': 'verified/user/SP-1/unknown',
}

/** The 17 vectors miss these; only the oracle detects them, in the named cell. */
const SEEN_BY_THE_ORACLE: readonly (readonly [situation: string, cell: string, fault: Fault])[] = [
  [
    'the approval of an expired override is checked',
    'verified/tenant/SP-3/unknown',
    replace(evaluateApprovalRule, (real) => ({ rows, ...facts }, answer) => {
      const { user, tenant } = rows
      return real(
        { ...facts, rows: { ...rows, user: lasting(user), tenant: lasting(tenant) } },
        answer,
      )
    }),
  ],
  [
    'a flag that requires verified accepts any token',
    'decode-only/user/SP-1/unknown',
    replace(
      satisfiesRequiredAuth,
      (real) => (mode, required) => real(mode, required === 'verified' ? 'any' : required),
    ),
  ],
]
function lasting<T extends AnyOverrideRow>(stored: RowOrBroken<T> | null): RowOrBroken<T> | null {
  if (stored?.row === undefined) return stored
  const { expires_at: _, ...row } = stored.row
  return { row: row as T }
}

/** Runs a command in this process, where a fault can be planted. */
const parityHere = (command: 'run' | 'exhaustive', candidate = database.url): Promise<Run> =>
  runInProcess([
    'parity',
    command,
    '--allow-same-kind',
    '--candidate',
    candidate,
    '--format',
    'json',
  ])

/** Runs the one cell, or all cells in a full run. Both sides share the core, so two files suffice. */
const cellHere = (cell: string): Promise<Run> => {
  const part = FULL ? [] : ['--cell', cell]
  const two = ['--candidate', 'file', '--allow-same-kind']
  return runInProcess(['parity', 'exhaustive', ...two, '--format', 'json', ...part])
}
const expectSeenIn = (cell: string, cells: Run): void => {
  expect(cells.status, cells.stderr).toBe(20)
  const failing = getParity(cells).cells.filter(({ state }) => state === 'fail')
  expect(failing.map(({ detail }) => detail?.reproduce)).toContain(
    `ff parity exhaustive --candidate file --allow-same-kind --cell ${cell}`,
  )
  expect(getParity(cells).findings.length).toBeGreaterThan(0)
}

// A fault affects the whole process: one test at a time.
describe('one changed rule of the core', () => {
  test.each(SEEN_BY_A_VECTOR)('%s: a no-go', (situation, fault) =>
    withFault(fault, async () => {
      const done = await parityHere('run')
      expect(done.status, done.stderr).toBe(20)
      const { findings, vectors } = getParity(done)
      expect(findings.length).toBeGreaterThan(0)
      expect(findings.every(({ pointer, subject }) => pointer !== null && subject !== '')).toBe(
        true,
      )
      const failing = vectors.filter(({ state }) => state === 'fail')
      expect(failing.length).toBeGreaterThan(0)
      for (const { id, detail } of failing) {
        expect(findings.map(({ subject }) => subject)).toContain(id)
        expect(detail).not.toBeNull()
      }
      const cell = SEEN_BY_A_CELL[situation]
      if (cell !== undefined) expectSeenIn(cell, await cellHere(cell))
    }),
  )

  test('the named cells are those of changed rules', () =>
    expect(SEEN_BY_A_VECTOR.map(([situation]) => situation)).toEqual(
      expect.arrayContaining(Object.keys(SEEN_BY_A_CELL)),
    ))

  test.each(SEEN_BY_THE_ORACLE)('%s: only the oracle sees it', (_situation, cell, fault) =>
    withFault(fault, async () => {
      const [vectors, cells] = await Promise.all([parityHere('run'), cellHere(cell)])
      expect(vectors.status).toBe(0)
      expectSeenIn(cell, cells)
    }),
  )

  test('the chains differ at the wrong rule, which is shown', () => {
    const [[, fault] = []] = SEEN_BY_A_VECTOR
    if (fault === undefined) throw new Error('no fault')
    return withFault(fault, async () => {
      const [json, text] = await Promise.all([
        parityHere('run'),
        runInProcess(['parity', 'run', '--candidate', database.url]),
      ])
      expect([json.status, text.status]).toEqual([20, 20])
      const detail = getParity(json).vectors.find(({ id }) => id === 'PV-03')?.detail
      expect(detail?.chains.map(({ step }) => step)).toContain(4)
      const steps = JSON.stringify(detail?.chains)
      expect(steps).toContain('user_override')
      expect(steps).toContain('tenant_override')
      for (const words of [
        'PV-03',
        '/reason',
        'step 5',
        'again: ff parity run --candidate ',
        ' --vector PV-03',
      ]) {
        expect(text.stdout).toContain(words)
      }
    })
  })
})

describe.concurrent('one flipped byte of a signature', () => {
  test.each([['JWT-EX-01'], ['JWT-EX-13'], ['JWT-EX-14']])('of %s', (fixture) =>
    withCopy(async ({ inCopy, parity }) => {
      let signed = false
      await editJson<{ fixtures: { id: string; token: string | null }[] }>(
        inCopy(FIXTURES),
        ({ fixtures }) => {
          const one = fixtures.find(({ id }) => id === fixture)
          if (one?.token == null) return
          const [head, claims, signature = ''] = one.token.split('.')
          const bytes = Buffer.from(signature, 'base64url')
          bytes[100] = (bytes[100] ?? 0) ^ 1
          one.token = [head, claims, bytes.toString('base64url')].join('.')
          signed = true
        },
      )
      const done = await parity('run')
      // A fixture without a token has no byte to flip and must still pass.
      expect(done.status).toBe(signed ? 20 : 0)
      if (fixture === 'JWT-EX-01') expect(signed).toBe(true)
      const failed = getParity(done).vectors.filter(({ state }) => state === 'fail')
      expect(failed.length > 0).toBe(signed)
    }),
  )
})

describe('a fault of one side only', () => {
  test.each([
    ['the tenant is looked up by the user', 't.tenant_id = q.tenant_id', 't.tenant_id = q.user_id'],
    ['another tenant is looked up', 't.tenant_id = q.tenant_id', 't.tenant_id <> q.tenant_id'],
    ['the user layer is lost', 'u.user_id = q.user_id', 'false'],
    ['the flag is not found', 'f.flag_key = q.flag_key', "f.flag_key = q.flag_key || '.'"],
  ])('%s', (_situation, from, to) =>
    withFault(inReads(from, to), async () => {
      const done = await parityHere('run')
      expect(done.status, done.stdout.slice(0, 2000)).toBe(20)
      const { findings } = getParity(done)
      expect(findings.map(({ sides }) => sides)).toContain('baseline-candidate')
      expect(findings.map(({ sides }) => sides)).not.toContain('baseline-expected')
    }),
  )

  /** The SQL statements that read rows, with a part of the text replaced. */
  function inReads(from: string, to: string): Fault {
    const exchange = (sql: string): string => {
      const parts = sql.split(from)
      if (parts.length !== 2) throw new Error(`${parts.length - 1} places of "${from}" in ${sql}`)
      return parts.join(to)
    }
    return replace(buildStatements, (real) => (schema) => {
      const { read, readMany, standing, ...rest } = real(schema)
      const [one, many, seen] = [exchange(read), exchange(readMany), exchange(standing)]
      return { ...rest, read: one, readMany: many, standing: seen }
    })
  }

  test('a side whose answers vary is inconclusive', () =>
    withFault(EVERY_OTHER_TIME, async () => {
      const done = await parityHere('run')
      expect(done.status).toBe(22)
      const { controls, verdict } = getParity(done)
      expect(verdict).toBe('inconclusive')
      expect(controls.find(({ id }) => id === 'a_a_candidate')?.held).toBe(false)
      expect(controls.find(({ id }) => id === 'a_a_baseline')?.held).toBe(true)
    }))
  const EVERY_OTHER_TIME = replace(
    RowReader,
    (real) =>
      class extends real {
        asked = 0
        override async read(query: RowQuery): Promise<RowsOfFlag> {
          const rows = await super.read(query)
          this.asked += 1
          return this.asked % 2 === 0 ? { flag: null, tenant: null, user: null } : rows
        }
      },
  )

  test('a comparer that finds everything equal is detected', () =>
    withFault(ALL_EQUAL, async () => {
      const [vectors, cells] = await Promise.all([
        parityHere('run'),
        parityHere('exhaustive', 'file'),
      ])
      expect([vectors.status, cells.status]).toEqual([22, 22])
      expect(getParity(vectors).controls.find(({ id }) => id === 'comparer')?.held).toBe(false)
    }))
  const ALL_EQUAL = replace(compareJson, (real) => (left, right) => ({
    ...real(left, right),
    differences: [],
  }))
})

describe.concurrent('a matrix that is not the 17', () => {
  test.each<[situation: string, codes: readonly string[], change: (matrix: RawMatrix) => void]>([
    ['one vector was removed', ['vector_missing'], ({ vectors }) => void vectors.splice(3, 1)],
    ['the last was removed', ['vector_missing'], ({ vectors }) => void vectors.pop()],
    ['none is left', ['schema_min_items'], ({ vectors }) => void vectors.splice(0)],
    [
      'two have one id',
      ['id_repeated', 'vector_missing'],
      (matrix) => (vector(matrix, 'PV-02').id = 'PV-01'),
    ],
    [
      'one of 17 is unknown',
      ['vector_missing', 'vector_unexpected'],
      (matrix) => (vector(matrix, 'PV-02').id = 'PV-18'),
    ],
    [
      'there is an eighteenth',
      ['vector_unexpected'],
      ({ vectors }) => void vectors.push({ ...vector({ vectors }, 'PV-01'), id: 'PV-18' }),
    ],
    [
      'covers names another mode',
      ['covers_differs'],
      (matrix) => (vector(matrix, 'PV-01').covers['auth_mode'] = 'none'),
    ],
    [
      'covers names another scope',
      ['covers_differs'],
      (matrix) => (vector(matrix, 'PV-07').covers['scope'] = 'user'),
    ],
    [
      'covers names another path',
      ['covers_differs'],
      (matrix) => (vector(matrix, 'PT-08').covers['sensitive_path'] = 'SP-2'),
    ],
    [
      'covers names another TTL state',
      ['covers_differs'],
      (matrix) => (vector(matrix, 'PT-04').covers['ttl_state'] = 'expiring_soon'),
    ],
    [
      'no vector covers mode none',
      ['coverage_missing'],
      ({ vectors }) => {
        const at = vectors.findIndex(({ id }) => id === 'PV-06')
        vectors[at] = { ...vector({ vectors }, 'PV-01'), id: 'PV-06' }
      },
    ],
    [
      'no vector covers SP-5',
      ['coverage_missing'],
      ({ vectors }) => {
        const at = vectors.findIndex(({ id }) => id === 'PT-08')
        vectors[at] = { ...vector({ vectors }, 'PT-04'), id: 'PT-08' }
      },
    ],
    [
      "the clock is not the fixture's",
      ['fixture_clock_differs'],
      (matrix) => (vector(matrix, 'PV-01').given.now = '2026-01-15T09:00:00.001Z'),
    ],
    [
      "the environment is not the fixture's",
      ['fixture_environment_differs'],
      (matrix) => (vector(matrix, 'PV-01').given['environment'] = 'dev+H'),
    ],
    [
      'the fixture is missing',
      ['fixture_unknown'],
      (matrix) => (vector(matrix, 'PV-01').given.credential = { fixture: 'JWT-EX-999' }),
    ],
    [
      'an override is of an unknown flag',
      ['flag_unknown'],
      (matrix) => (first(vector(matrix, 'PV-02').given.tenant_overrides)['flag_key'] = 'ff.none'),
    ],
    [
      'one row stands twice',
      ['row_repeated'],
      (matrix) => {
        const { flags } = vector(matrix, 'PV-01').given
        flags.push(first(flags))
      },
    ],
    [
      'one vector expects a member too few',
      ['schema_required'],
      (matrix) => delete vector(matrix, 'PV-01').then.meta['ttl_state'],
    ],
  ])('%s: nothing is measured', (_situation, codes, change) =>
    withCopy(async ({ ff, parity, editMatrix }) => {
      await editMatrix(change)
      const [vectors, artefacts] = await Promise.all([parity('run'), ff('artefacts', 'validate')])
      expect([vectors.status, artefacts.status]).toEqual([2, 2])
      const error = toError(vectors)
      expect(error).toMatchObject({ code: 'artefact_invalid', exitName: 'usage' })
      for (const code of codes) expect(error.details?.join('\n')).toContain(`: ${code}`)
      expect(error.details?.every((line) => line.startsWith('vectors/'))).toBe(true)
      expect(vectors.stderr).toMatch(ERROR_FORM('artefact_invalid', 'usage'))
      const item = getCheck(artefacts).items.find(({ id }) => id === MATRIX)
      expect(item?.state).toBe('fail')
      for (const code of codes) expect(item?.codes).toContain(code)
    }),
  )

  test('stops the measurement of the cells too', () =>
    withCopy(async ({ parity, editMatrix }) => {
      await editMatrix(({ vectors }) => void vectors.pop())
      const done = await parity('exhaustive')
      expect(done.status).toBe(2)
      expect(toError(done).code).toBe('artefact_invalid')
    }))
})
