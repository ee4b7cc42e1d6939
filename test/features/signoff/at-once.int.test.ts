import { sign } from 'node:crypto'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { signoffKeys } from '../../../src/adapters/key-files/index.ts'
import { tryLock } from '../../../src/adapters/file-lock/file-lock.ts'
import { runGateCheck } from '../../../src/features/gate/gate.ts'
import { loadSignoffContext, type SignoffContext } from '../../../src/features/signoff/context.ts'
import { requestSignoff } from '../../../src/features/signoff/request.ts'
import { signSignoff } from '../../../src/features/signoff/sign.ts'
import { readGateState } from '../../../src/features/signoff/verify-for-gate.ts'
import { signWaiver } from '../../../src/features/signoff/waivers.ts'
import { withdrawSignoff } from '../../../src/features/signoff/withdraw.ts'
import { instantFromMs } from '../../../src/core/rows/instant.ts'
import type { Envelope, Waivers } from '../../../src/core/signoff/types.ts'
import {
  ADAPTERS,
  measureAgain,
  requestIn,
  type SignedFolder,
  signedFolder,
} from '../../support/signed-folder.ts'
import { ROOT, runFf } from '../../support/run-ff.ts'
import { alice, bob, envelopeText, type Person } from './people.ts'

let folder: SignedFolder
beforeEach(async () => {
  folder = await signedFolder({ waived: true })
})
afterEach(() => rm(folder.cwd, { recursive: true, force: true }))

const file = (name: string): string => join(folder.cwd, 'checklists', name)
const read = async <T>(name: string): Promise<T> =>
  JSON.parse(await readFile(file(name), 'utf8')) as T
/** The context of a person who answers yes; `meanwhile` happens while they look for the passphrase. */
async function contextOf(
  who: Person,
  meanwhile: () => Promise<unknown> = async () => undefined,
): Promise<SignoffContext> {
  const { cwd, env } = folder
  const clock = () => instantFromMs(Date.now())
  const byCommand = () => async (bytes: Uint8Array) => {
    await meanwhile()
    return sign(null, bytes, who.key)
  }
  return loadSignoffContext({
    root: ROOT,
    cwd,
    now: clock(),
    clock,
    pin: env.FF_TRUST_SHA256,
    keys: { ...signoffKeys, byCommand },
    tryLock,
    terminal: { show: () => undefined, ask: async () => 'yes', secret: async () => '' },
    readGate: async () => readGateState(await requestIn(cwd, env.FF_TRUST_SHA256), ADAPTERS),
  })
}
const choice = ({ person }: Person) => ({ key: null, signerCommand: 'x', person })
const signers = async (): Promise<readonly string[]> =>
  (await read<Envelope>('signoff.json')).signatures.map(
    ({ protected: shown }) =>
      (JSON.parse(Buffer.from(shown, 'base64url').toString()) as { ff: { person: string } }).ff
        .person,
  )
async function unsign(): Promise<void> {
  const { payload } = await read<Envelope>('signoff.json')
  await writeFile(file('signoff.json'), envelopeText({ payload, signatures: [] }))
}
const signs = async (who: Person, meanwhile?: () => Promise<unknown>) =>
  signSignoff(await contextOf(who, meanwhile), choice(who))

describe('V13: of two who sign at once both signatures are kept', () => {
  test('under a statement', async () => {
    await unsign()
    await signs(alice, () => signs(bob))
    expect([...(await signers())].sort()).toEqual(['alice', 'bob'])
  })
  test('not under one that accepts what failed meanwhile, though it passes again', async () => {
    await unsign()
    await measureAgain(folder, 'A1', { result: 'fail', codes: ['limit_broken'] })
    await measureAgain(folder, 'A1')
    const details = ['failed_since_signing: A1']
    await expect(signs(alice)).rejects.toMatchObject({ code: 'signoff_stale', details })
    expect(await signers()).toEqual([])
  })
  test('under a waiver', async () => {
    const before = await read<Waivers>('waivers.json')
    const bare = before.waivers.map((one) => ({ ...one, approvals: [] }))
    await writeFile(file('waivers.json'), JSON.stringify({ ...before, waivers: bare }))
    const approve = async (who: Person, meanwhile?: () => Promise<unknown>) =>
      signWaiver(await contextOf(who, meanwhile), 'WV-1', choice(who))
    await approve(alice, () => approve(bob))
    const [waiver] = (await read<Waivers>('waivers.json')).waivers
    expect(waiver?.approvals.map(({ person }) => person).sort()).toEqual(['alice', 'bob'])
  })
  test('a lock that cannot be taken is no bug of ff', async () => {
    await unsign()
    await rm(join(folder.cwd, '.ff/signoff.lock'), { force: true })
    await mkdir(join(folder.cwd, '.ff/signoff.lock'))
    await expect(signs(alice)).rejects.toMatchObject({ code: 'signoff_unwritable' })
  })
  test('nothing is written where the statement was replaced meanwhile, or the key has signed', async () => {
    await unsign()
    const replaced = signs(alice, async () => requestSignoff(await contextOf(bob)))
    await expect(replaced).rejects.toMatchObject({ code: 'signoff_stale' })
    expect(await signers()).toEqual([])
    await expect(signs(bob, () => signs(bob))).rejects.toMatchObject({ code: 'signed_already' })
    expect(await signers()).toEqual(['bob'])
  })
})

const SILENT = {
  show: () => undefined,
  ask: () => Promise.reject(new Error('a question')),
  secret: () => Promise.reject(new Error('a passphrase')),
}

describe('V23: one person stops a GO', () => {
  const judge = async () =>
    runGateCheck(await requestIn(folder.cwd, folder.env.FF_TRUST_SHA256), ADAPTERS)
  test.each([alice, bob])('$person', async (who) => {
    expect((await judge()).verdict).toBe('go')
    await withdrawSignoff(await contextOf(who), choice(who))
    const report = await judge()
    expect(report.exitCode).toBe(21)
    expect(report.findings.map(({ code }) => code)).toContain('signature_withdrawn')
    // For good: the same person cannot sign this statement again, nor anyone sign beside it.
    await unsign()
    await expect(signs(who)).rejects.toMatchObject({ code: 'signoff_stale' })
    // A new statement can be signed.
    await requestSignoff(await contextOf(who))
    await signs(alice)
    await signs(bob)
    expect((await judge()).verdict).toBe('go')
  })
  test('both withdrawals are kept, and a changed one is UNTRUSTED', async () => {
    expect(await withdrawSignoff(await contextOf(alice), choice(alice))).toMatchObject({
      isDone: false,
    })
    await withdrawSignoff(await contextOf(bob), choice(bob))
    // A second time nothing is asked, and nothing is written.
    const again = { ...(await contextOf(alice)), terminal: SILENT }
    expect(await withdrawSignoff(again, choice(alice))).toMatchObject({ isDone: true })
    const text = await readFile(file('withdrawals.json'), 'utf8')
    expect((JSON.parse(text) as { withdrawals: unknown[] }).withdrawals).toHaveLength(2)
    for (const [from, to] of [
      ['"signature":"', '"signature":"A'],
      ['"payload":"ey', '"payload":"eY'],
      ['"withdrawals"', '"withdrawal"'],
    ] as const) {
      await writeFile(file('withdrawals.json'), text.replace(from, to))
      expect((await judge()).exitCode).toBe(23)
    }
  })
  test('cannot be undone once a runner has sealed its log', async () => {
    await withdrawSignoff(await contextOf(alice), choice(alice))
    const { cwd, env } = folder
    expect(await runFf(['evidence', 'seal'], { cwd, env })).toMatchObject({ status: 0 })
    await rm(file('withdrawals.json'))
    const report = await judge()
    expect(report.exitCode).toBe(23)
    expect(report.findings.map(({ code }) => code)).toContain('withdrawal_missing')
    expect(await runFf(['evidence', 'seal'], { cwd, env })).toMatchObject({ status: 23 })
  })
  test('also under a trust file that has expired', async () => {
    const later = instantFromMs(Date.now() + 31 * 86_400_000)
    const { cwd, env } = folder
    const context = await contextOf(alice)
    const expired = await loadSignoffContext({
      ...context,
      cwd,
      pin: env.FF_TRUST_SHA256,
      now: later,
      clock: () => later,
    })
    expect(expired.trust).toMatchObject({ fault: { code: 'trust_expired' } })
    await withdrawSignoff(expired, choice(alice))
    expect(await readFile(file('withdrawals.json'), 'utf8')).toContain('"withdrawals"')
  })
})
