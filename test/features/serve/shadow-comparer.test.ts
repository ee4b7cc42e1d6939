import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { evaluate } from '../../../src/core/evaluate/evaluate.ts'
import type { RowsOfFlag } from '../../../src/core/rows/rows.ts'
import { FfError } from '../../../src/errors.ts'
import { ShadowComparer, type ShadowCase } from '../../../src/features/serve/shadow-comparer.ts'
import type { FlagReader } from '../../../src/ports/store.ts'
import type { ShadowObserver } from '../../../src/ports/telemetry.ts'
import { facts, flagRow, json } from '../../core/builders.ts'
import { until } from '../../support/until.ts'

const SAME = facts().rows
const OTHER_VALUE: RowsOfFlag = facts({ flag: flagRow({ default_value: json('"other"') }) }).rows
const LATER: RowsOfFlag = facts({ flag: flagRow({ revision: 9 }) }).rows

let counts: Record<string, number>
let bugs: unknown[]
/** What each side answers, one read after the other; the last one stays. */
let answers: { authority: (RowsOfFlag | Error)[]; other: (RowsOfFlag | Error)[] }
let active: boolean
let comparer: ShadowComparer

const count = (name: string): void => {
  counts[name] = (counts[name] ?? 0) + 1
}
const observer: ShadowObserver = {
  compared: (reason) => count(`compared ${reason}`),
  diverged: (field) => count(`diverged ${field}`),
  inFlight: () => count('in flight'),
  dropped: () => count('dropped'),
  failed: () => count('failed'),
  answered: (side) => count(`answered ${side}`),
}
const createReader = (side: keyof typeof answers): FlagReader => ({
  kind: side === 'authority' ? 'file' : 'db',
  read: () => {
    const [first, ...rest] = answers[side]
    if (rest.length > 0) answers[side] = rest
    return first instanceof Error ? Promise.reject(first) : Promise.resolve(first ?? SAME)
  },
})
const createComparer = (stalenessMs = 5): ShadowComparer => {
  const sides = { authority: createReader('authority'), other: createReader('other') }
  return new ShadowComparer({
    sides: () => (active ? sides : null),
    share: 1,
    stalenessMs,
    observer,
    report: (error) => bugs.push(error),
  })
}
function makeCase(rows = SAME): ShadowCase {
  const input = { ...facts(), rows }
  const { decision } = evaluate(input, undefined)
  if (decision === undefined) throw new Error('the rules ask Admin')
  return { input, answer: undefined, decision, read_ms: 1 }
}
const counted = (name: string): Promise<void> => until(() => (counts[name] ?? 0) > 0)

beforeEach(() => {
  counts = {}
  bugs = []
  answers = { authority: [SAME], other: [SAME] }
  active = true
  comparer = createComparer()
})
afterEach(() => comparer.close())

describe('ShadowComparer', () => {
  it('counts a decision that both sides make', async () => {
    comparer.offer(makeCase())
    await counted('compared global_default')
    expect(counts).toEqual({
      'answered db': 1,
      'answered file': 1,
      'compared global_default': 1,
    })
  })
  it('names the field where rows of the same revision decide differently', async () => {
    answers.other = [OTHER_VALUE]
    comparer.offer(makeCase())
    await counted('diverged /value')
    expect(counts['compared global_default']).toBeUndefined()
  })
  it('looks again after the bound where a revision differs: in flight where both agree then', async () => {
    answers = { authority: [LATER], other: [LATER] }
    comparer.offer(makeCase())
    await counted('in flight')
  })
  it('is stale where the other side still lacks what the authority had', async () => {
    answers = { authority: [LATER], other: [SAME] }
    comparer.offer(makeCase(LATER))
    await counted('diverged stale')
  })
  it('is stale where the authority still lacks what the other side had', async () => {
    answers = { authority: [SAME], other: [LATER] }
    comparer.offer(makeCase())
    await counted('diverged stale')
  })
  it('is in flight where the row goes on being written', async () => {
    const [first, second, third] = [9, 10, 11].map(
      (revision) => facts({ flag: flagRow({ revision }) }).rows,
    ) as [RowsOfFlag, RowsOfFlag, RowsOfFlag]
    answers = { authority: [third], other: [first, second] }
    comparer.offer(makeCase(second))
    await counted('in flight')
    expect(counts['diverged stale']).toBeUndefined()
  })
  it('is a divergence where the revisions are the same by then, and the decisions are not', async () => {
    const flag = flagRow({ revision: 9, default_value: json('"other"') })
    answers = { authority: [LATER], other: [LATER, facts({ flag }).rows] }
    comparer.offer(makeCase())
    await counted('diverged /value')
  })
  it('counts a side that does not answer, and compares nothing', async () => {
    answers.other = [new FfError('backing_unavailable', 'It is away.', { hint: 'Wait.' })]
    comparer.offer(makeCase())
    await counted('failed')
    expect(counts).toEqual({ failed: 1 })
  })
  it('takes rows from a copy for no answer of a side', async () => {
    answers.other = [{ ...SAME, stale: { age_ms: 1, unread: false } }]
    comparer.offer(makeCase())
    await counted('failed')
    comparer.offer(makeCase({ ...SAME, stale: { age_ms: 1, unread: false } }))
    expect(counts['compared global_default']).toBeUndefined()
  })
  it('reports a bug, counts it as a failure, and goes on', async () => {
    answers.other = [new TypeError('a bug'), SAME]
    comparer.offer(makeCase())
    comparer.offer(makeCase())
    await until(() => bugs.length > 0)
    expect(counts['failed']).toBe(1)
    comparer.offer(makeCase())
    await counted('compared global_default')
  })
  it('compares no decision with the side that made it, after a change of the authority', async () => {
    const input = { ...facts(), rows: SAME, backing_state: 'db' } as const
    const { decision } = evaluate(input, undefined)
    if (decision === undefined) throw new Error('the rules ask Admin')
    comparer.offer({ input, answer: undefined, decision, read_ms: 1 })
    await counted('dropped')
    expect(counts).toEqual({ dropped: 1 })
  })
  it('compares nothing in a phase that does not compare decisions', async () => {
    active = false
    comparer.offer(makeCase())
    expect(counts).toEqual({})
  })
  it('drops what is over its bound, and says so', async () => {
    for (let at = 0; at < 2_100; at++) comparer.offer(makeCase())
    expect(counts['dropped']).toBe(100)
    await until(() => counts['compared global_default'] === 2_000)
  })
  it('drops what waits when it closes, and everything after', async () => {
    comparer = createComparer(60_000)
    answers.other = [LATER]
    comparer.offer(makeCase())
    await counted('answered file')
    await comparer.close()
    expect(counts['dropped']).toBe(1)
    comparer.offer(makeCase())
    expect(counts['dropped']).toBe(2)
  })
})
