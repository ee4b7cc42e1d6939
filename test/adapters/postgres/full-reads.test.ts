import { expect, test } from 'vitest'
import { findFullReads, type PlanNode } from '../../../src/adapters/postgres/schema-facts.ts'

const LEADING = new Map([
  ['t_pkey', 'seq'],
  ['t_flag_idx', 'flag_key'],
])
const scan = (index: string, more: Partial<PlanNode> = {}): PlanNode => ({
  'Node Type': 'Index Scan',
  'Index Name': index,
  ...more,
})
const over = (type: string, ...plans: readonly PlanNode[]): PlanNode => ({
  'Node Type': type,
  Plans: plans,
})

test.each<readonly [string, PlanNode, readonly string[]]>([
  ['a sequential scan', { 'Node Type': 'Seq Scan', 'Relation Name': 't' }, ['t']],
  ['an index without a condition', scan('t_pkey'), ['t_pkey']],
  ['a condition on another column', scan('t_pkey', { 'Index Cond': '(kind = $1)' }), ['t_pkey']],
  ['a condition on the first column', scan('t_pkey', { 'Index Cond': '(seq = $1)' }), []],
  ['the first entries of an index', over('Limit', scan('t_pkey')), []],
  ['those that fit a filter', over('Limit', scan('t_pkey', { Filter: '(a = 1)' })), ['t_pkey']],
  ['the first after a sort', over('Limit', over('Sort', scan('t_flag_idx'))), ['t_flag_idx']],
  ['an index of a catalogue', scan('pg_database_datname_index'), []],
  ['a subplan', over('Result', over('Limit', scan('t_pkey')), scan('t_flag_idx')), ['t_flag_idx']],
])('%s', (_what, plan, reads) => {
  expect(findFullReads(plan, LEADING)).toEqual(reads)
})
