import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EvidenceDraft } from '../../src/core/gate/types.ts'
import { TestCutover } from '../support/cutover.ts'
import { openSide } from '../support/cutover-database.ts'
import { gateFolder } from '../support/gate-folder.ts'
import { openIssuer, startService } from '../support/service.ts'
import { type SignedFolder, signedFolder } from '../support/signed-folder.ts'

/** Of no database that there is. */
const STAGING = '1/1/ff/0123456789abcdef'

let cutover: TestCutover
let plan = ''
let team: SignedFolder
beforeAll(async () => {
  cutover = await TestCutover.open()
  for (const phase of ['dual_write', 'shadow_read'])
    expect(await cutover.step('advance')).toMatchObject({ phase })
  plan = await planFor(await identify())
  team = await teamWith((draft) => draft)
}, 60_000)
afterAll(async () => {
  await cutover.close()
  await rm(team.cwd, { recursive: true, force: true })
})

/** A signed folder about this database, whose records say what `change` makes of a pass. */
const teamWith = (change: (draft: EvidenceDraft) => EvidenceDraft): Promise<SignedFolder> =>
  signedFolder({
    files: { 'checklists/plan.json': plan },
    change: (draft) => change(draft.where === 'staging' ? onStaging(draft) : draft),
  })
const onStaging = (draft: EvidenceDraft): EvidenceDraft => ({
  ...draft,
  identity: { ...draft.identity, database: STAGING },
})
async function identify(): Promise<string> {
  const side = await openSide(cutover.database)
  try {
    return (await side.look(0)).identity
  } finally {
    await side.end()
  }
}
async function planFor(database: string): Promise<string> {
  const folder = await gateFolder()
  const plan = JSON.parse(await readFile(join(folder, 'checklists/plan.json'), 'utf8')) as object
  await rm(folder, { recursive: true })
  return JSON.stringify({ ...plan, database, staging_database: STAGING })
}
const inFolder = ({ cwd, env }: SignedFolder): TestCutover => cutover.with({ cwd, env })
const advance = ['advance', '--one-writer'] as const

test('a GO about another place is none: the plan is about another database', async () => {
  const other = await signedFolder()
  const { code, message } = await inFolder(other).refused(20, ...advance)
  expect(code).toBe('phase_refused')
  expect(message).toContain(STAGING)
  await rm(other.cwd, { recursive: true })
})

const diverging = (draft: EvidenceDraft): EvidenceDraft =>
  draft.item === 'E1'
    ? {
        ...draft,
        result: 'fail',
        measured: { ...draft.measured, vectors_passed: 16, divergences: 1 },
        example: 'PT-05 /reason_chain/2: "DENY" and "ALLOW"',
      }
    : draft

test('UC-B4-07: a divergence on reason_chain blocks the cutover, and the rollback steps are shown', async () => {
  const divergent = await teamWith(diverging)
  const { code, message, details } = await inFolder(divergent).refused(20, ...advance)
  expect(code).toBe('phase_refused')
  expect(message).toContain('NO-GO')
  expect(details.find((line) => line.startsWith('E1 '))).toMatch(
    /divergences 1, required .*0.*reason_chain/,
  )
  const back = ['dual_write', 'file'].map((phase) => `ff cutover rollback --to ${phase}`)
  for (const command of back) expect(details.join('\n')).toContain(command)
  expect(await cutover.status()).toMatchObject({ phase: 'shadow_read', armed: false })
  const { steps } = await cutover.read('cutover-steps', 'rollback', '--plan')
  expect(steps.map((one) => one.command)).toEqual(back)
  // In words, for a person at a terminal.
  const { stderr } = await inFolder(divergent).run(...advance)
  for (const command of back) expect(stderr).toContain(command)
  await rm(divergent.cwd, { recursive: true })
})

test('a GO is none for an instance that runs with other settings than it is about', async () => {
  const issuer = await openIssuer()
  const { FF_CODE_VERSION } = team.env
  const service = await startService({ ...cutover.serviceEnv, ...issuer.env, FF_CODE_VERSION })
  const { code, message } = await inFolder(team).refused(20, ...advance)
  expect(code).toBe('phase_refused')
  expect(message).toContain('runs with configuration')
  await service.stop()
  await issuer.close()
})

test('with a GO of the gate the database becomes the authority, and a rollback ends that GO', async () => {
  const { status } = await inFolder(team).run('status')
  expect(status).toBe(0)
  expect(await inFolder(team).step(...advance)).toMatchObject({
    phase: 'db_authoritative',
    one_writer: true,
  })
  expect(await inFolder(team).step('rollback', '--to', 'shadow_read')).toMatchObject({ attempt: 2 })
  const { message } = await inFolder(team).refused(20, ...advance)
  expect(message).toContain('attempt 2')
})
