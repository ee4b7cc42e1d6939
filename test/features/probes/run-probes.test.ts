import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { probeExplain } from '../../../src/features/probes/framework/run-probes.ts'
import { formatProbeExplanation } from '../../../src/reports/checklist-text.ts'
import { ROOT } from '../../support/run-ff.ts'

test.each<readonly [string, string | null]>([
  ['C3', 'run with the words begin database'],
  ['D1', 'staging_database of checklists/plan.json'],
  ['D4', 'FF_REDIS_URL: their Redis'],
  ['F1', 'FF_STAGING_APPROVAL: a valid approval there'],
  ['E5', 'instances that decide by the database'],
  ['F5', 'run with the words begin admin'],
  ['F5', '--allow-disrupt F5'],
  ['H2', 'run with the words begin admin'],
  ['H1', 'a token, on the first line'],
  ['G3', '--database or FF_DATABASE_URL'],
  ['H3', 'ff observe start'],
  ['I4', 'changes nothing'],
  ['A1', null],
])('%s needs of staging: %s', async (id, part) => {
  const { staging } = await probeExplain({ root: ROOT, cwd: tmpdir(), checklist: null }, id)
  expect(staging).toEqual(
    part === null ? null : expect.arrayContaining([expect.stringContaining(part)]),
  )
})

test.each([
  ['C3', 'ff probe run C3 --allow-disrupt C3'],
  ['I4', 'ff probe run I4'],
  ['A1', 'ff probe run A1'],
])('the command that measures %s is %s', async (id, command) => {
  const found = await probeExplain({ root: ROOT, cwd: tmpdir(), checklist: null }, id)
  expect(formatProbeExplanation(found)).toMatch(new RegExp(`Measure it: ${command}\n$`))
})
