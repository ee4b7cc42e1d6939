import { expect, test } from 'vitest'
import { judgeMeasurement } from '../../../src/core/gate/judge-measurement.ts'
import type { Limit } from '../../../src/core/gate/types.ts'

const AT_MOST: Limit = { measure: 'lost', op: 'at_most', value: 0, unit: 'rows' }
const item = { limits: [AT_MOST], min_sample: 3 }
const found = { measured: { lost: 0 }, met: {}, sample_size: 3, example: null }

test.each([
  ['every limit holds', found, 'pass', [], ''],
  [
    'a broken limit with an example',
    { ...found, measured: { lost: 2 }, example: 'row 7' },
    'fail',
    ['limit_broken'],
    '2 where lost at most 0 rows; row 7',
  ],
  [
    'a broken limit with too few samples',
    { ...found, measured: { lost: 2 }, sample_size: 1 },
    'fail',
    ['limit_broken'],
    '2 where lost at most 0 rows',
  ],
  ['nothing measured', { ...found, measured: {} }, 'inconclusive', ['measure_missing'], 'lost'],
  [
    'too few samples',
    { ...found, sample_size: 2 },
    'inconclusive',
    ['too_few_samples'],
    '2 of at least 3',
  ],
])('%s', (_what, measurement, result, codes, detail) => {
  expect(judgeMeasurement(item, measurement)).toEqual({ result, codes, detail })
})

test('each missing value is named', () => {
  const limits = [AT_MOST, { ...AT_MOST, measure: 'late' }]
  expect(judgeMeasurement({ limits, min_sample: 3 }, { ...found, measured: {} }).detail).toBe(
    'lost, late',
  )
})
