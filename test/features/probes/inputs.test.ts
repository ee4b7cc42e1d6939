import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { INPUTS } from '../../core/gate/builders.ts'
import { ROOT } from '../../support/run-ff.ts'
import { ITEMS } from './context.ts'

/** What the source of a probe reads of the team's folder: members of the plan, the whole plan, the runbook. */
function listReads(text: string): readonly string[] {
  const members = [...text.matchAll(/(?<![\w/])(?:requirePlan\(context\)|plan)\.([a-z_]+)/g)].map(
    ([, member]) => `checklists/plan.json#/${member}`,
  )
  const files = [
    /requirePlan\(context\)(?!\.)/.test(text) && 'checklists/plan.json',
    /\bRUNBOOK\b/.test(text) && 'checklists/runbook.md',
    /requireTriggers\(context\)/.test(text) && 'checklists/rollback_triggers.json',
    /join\(cwd\b(?!, RUNBOOK)/.test(text) && 'another file of the folder',
  ]
  return [...members, ...files.filter((one) => one !== false)]
}

test('the inputs of the gate contract are what the probes read of the folder', () => {
  const folder = join(ROOT, 'src/features/probes')
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'))
  const read = Object.fromEntries(
    names.flatMap((name) => {
      const reads = listReads(readFileSync(join(folder, name), 'utf8'))
      return reads.length === 0 ? [] : [[name.slice(0, -'.ts'.length), reads]]
    }),
  )
  const written = Object.entries(INPUTS.floor).map(([id, paths]) => [
    ITEMS.find((one) => one.id === id)?.probe.name,
    paths,
  ])
  expect(read).toEqual(Object.fromEntries(written))
})
