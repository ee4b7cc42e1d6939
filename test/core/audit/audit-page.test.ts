import { expect, test } from 'vitest'
import { judgeRecord } from '../../../src/core/audit/audit-page.ts'
import { fromNow, NOW } from '../builders.ts'

const HOUR = 3_600_000

test.each([
  ['without a bound', {}, 0, 'listed'],
  ['since its time', { since: NOW }, 0, 'listed'],
  ['since later', { since: NOW }, -1, 'unlisted'],
  ['until its time', { until: NOW }, 0, 'unlisted'],
  ['until later', { until: NOW }, -1, 'listed'],
  ['between two times', { since: NOW, until: fromNow(1) }, 0, 'listed'],
  ['of its target', { target: 'flag/ff.a' }, 0, 'listed'],
  ['of another target', { target: 'flag/ff.b' }, 0, 'other'],
  ['since an hour later', { since: NOW }, -HOUR, 'unlisted'],
  ['since more than an hour later', { since: NOW }, -HOUR - 1, 'past'],
  [
    'of another target, since more than an hour later',
    { since: NOW, target: 'x' },
    -HOUR - 1,
    'past',
  ],
  ['long before a time without a bound', { until: NOW }, -9 * HOUR, 'listed'],
] as const)('a record, asked for %s', (_what, bounds, at, kind) => {
  const query = { after: null, target: null, since: null, until: null, limit: 1, ...bounds }
  expect(judgeRecord(query, { target: 'flag/ff.a', occurred_at: fromNow(at) })).toBe(kind)
})
