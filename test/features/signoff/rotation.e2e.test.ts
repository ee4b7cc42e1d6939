import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeRunnerKey, type SigningRunner } from '../../../src/adapters/evidence-log/runner-key.ts'
import type { GateReport } from '../../../src/core/report/types.ts'
import type { TrustFile } from '../../../src/core/signoff/types.ts'
import { onScript, type PtyRun } from '../../support/pty.ts'
import { type Run, runFf } from '../../support/run-ff.ts'
import {
  changeTrust,
  measureAgain,
  type SignedFolder,
  signedFolder,
} from '../../support/signed-folder.ts'
import { alice, bob, type Person, trustText } from './people.ts'
import { CHECKLIST, CONTROLS } from '../../core/gate/builders.ts'

/** Of the log of a GO: each item, and each control. */
const RECORDS = CHECKLIST.items.length + CONTROLS.length

let go: SignedFolder
let log = ''
let pin = ''
/** A second runner, whose public half is new.pub.json. */
let next: SigningRunner
beforeEach(async () => {
  go = await signedFolder()
  pin = go.env.FF_TRUST_SHA256
  log = join(go.cwd, '.ff/evidence', go.runner.kid)
  next = await makeRunnerKey(join(go.cwd, '.ff/next/runner.pem'))
  const { kid, jwk } = next
  const shown = { kind: 'public_key', schemaVersion: 1, person: 'ci', name: 'new', kid, jwk }
  await writeFile(join(go.cwd, '.ff/new.pub.json'), JSON.stringify(shown))
  for (const { person, key } of [alice, bob])
    await writeFile(
      join(go.cwd, '.ff', `${person}.pem`),
      key.export({ type: 'pkcs8', format: 'pem' }),
    )
  await writeFile(
    join(go.cwd, '.ff/sign.mjs'),
    `import { createPrivateKey, sign } from 'node:crypto'
     import { readFileSync } from 'node:fs'
     process.stdout.write(sign(null, readFileSync(0), createPrivateKey(readFileSync(process.argv[2]))))`,
  )
})
afterEach(() => rm(go.cwd, { recursive: true, force: true }))

const env = (more = {}) => ({ ...go.env, FF_TRUST_SHA256: pin, ...more })
const ff = (args: readonly string[], more = {}): Promise<Run> =>
  runFf(args, { cwd: go.cwd, env: env(more) })
async function gate(): Promise<readonly [number | null, string[], string | null]> {
  const { status, stdout } = await ff(['gate', '--format', 'json'])
  const { findings, next: command } = JSON.parse(stdout) as GateReport
  const codes = findings.filter(({ subject }) => subject === 'gate').map(({ code }) => code)
  return [status, codes, command]
}
const rotate = ({ person }: Person, args: readonly string[] = []): Promise<PtyRun> => {
  const command = ['--signer-cmd', `node .ff/sign.mjs .ff/${person}.pem`, '--person', person]
  return onScript(['trust', 'rotate', ...args, ...command], [['(yes/no)', 'yes\n']], {
    cwd: go.cwd,
    env: env(),
  })
}
/** A rotation that is refused before it asks. */
const refused = (args: readonly string[]): Promise<PtyRun> =>
  onScript(['trust', 'rotate', ...args, '--signer-cmd', 'false', '--person', 'alice'], [], {
    cwd: go.cwd,
    env: env(),
  })
/** Both leads sign the next version. @returns its pin, which is not set yet */
async function rotateByBoth(args: readonly string[]): Promise<string> {
  const first = await rotate(alice, args)
  expect([first.status, first.screen]).toEqual([0, expect.stringContaining('security-lead')])
  const { status, screen } = await rotate(bob)
  expect(status).toBe(0)
  return /FF_TRUST_SHA256=([0-9a-f]{64})/.exec(screen)?.[1] ?? ''
}
const readTrustFile = async (): Promise<TrustFile> =>
  JSON.parse(await readFile(join(go.cwd, 'checklists/trust.json'), 'utf8')) as TrustFile
const sealNext = (...more: readonly string[]): Promise<Run> =>
  ff(['evidence', 'seal', ...more], { FF_RUNNER_KEY_FILE: '.ff/next/runner.pem' })
const ADD = ['--runner', '.ff/new.pub.json:scratch,staging,target']

describe('a rotation of the trust file', () => {
  test('ends a runner and names another: its evidence counts on, and each open step is said', async () => {
    const made = await rotateByBoth(['--end', 'ci', ...ADD])
    expect((await gate()).slice(0, 2)).toEqual([23, ['trust_pin_outdated']])
    pin = made
    const [old, young] = (await readTrustFile()).runners
    const lines = (await readFile(join(log, 'evidence.ndjson'), 'utf8')).trim().split('\n')
    const { hash } = JSON.parse(lines.at(-1) ?? '') as { hash: string }
    expect(old?.closed).toEqual({ seq: RECORDS, hash })
    expect(young).toMatchObject({ kid: next.kid, places: ['target', 'staging', 'scratch'] })
    expect((await gate()).slice(0, 2)).toEqual([21, ['log_missing']])
    expect((await sealNext('--first')).status).toBe(0)
    expect((await gate()).slice(0, 2)).toEqual([0, []])
    // What the old key signs from now on does not count.
    await measureAgain(go, 'A1', { result: 'fail', codes: ['token_accepted'] })
    expect((await gate()).slice(0, 2)).toEqual([0, []])
    await rm(join(go.cwd, 'checklists/signoff.json'))
    await rm(log, { recursive: true })
    // Nothing is measured then.
    expect((await gate()).slice(0, 2)).toEqual([21, ['log_missing']])
  })
  test('is stale until each runner has sealed under it', async () => {
    expect((await ff(['evidence', 'seal'])).status).toBe(0)
    pin = await rotateByBoth([])
    expect((await gate()).slice(0, 2)).toEqual([21, ['head_stale']])
    expect((await ff(['evidence', 'seal'])).status).toBe(0)
    expect((await gate()).slice(0, 2)).toEqual([0, []])
  })
  test('closes the log of a runner whose time is over, which the gate waits for', async () => {
    const [one] = (await readTrustFile()).runners
    const until = new Date(Date.now()).toISOString()
    const runners = one === undefined ? [] : [{ ...one, until }]
    pin = await changeTrust(go.cwd, { version: 2, runners })
    expect((await gate()).slice(0, 2)).toEqual([21, ['head_stale']])
    pin = await rotateByBoth([])
    expect((await readTrustFile()).runners[0]).toMatchObject({ until, closed: { seq: RECORDS } })
    expect((await gate()).slice(0, 2)).toEqual([0, []])
  })
  test('begins the version after it where the last one is signed by both', async () => {
    pin = await rotateByBoth([])
    pin = await rotateByBoth([])
    expect((await readTrustFile()).version).toBe(3)
  })
  test('is the way out of two trust files of one version', async () => {
    expect((await ff(['evidence', 'seal'])).status).toBe(0)
    pin = await changeTrust(go.cwd, { waiver_policy: { max_active: 2, max_days: 14 } })
    expect((await gate()).slice(0, 2)).toEqual([23, ['trust_forked', 'trust_forked']])
    pin = await rotateByBoth([])
    expect((await gate()).slice(0, 2)).toEqual([21, ['head_stale']])
    expect((await ff(['evidence', 'seal'])).status).toBe(0)
    expect((await gate()).slice(0, 2)).toEqual([0, []])
  })
  test('revokes a key: its failure stands, its passes end', async () => {
    await measureAgain(go, 'A1', { result: 'fail', codes: ['token_accepted'] })
    pin = await rotateByBoth(['--revoke', 'ci', '--reason', 'stolen', ...ADD])
    await sealNext('--first')
    const { stdout } = await ff(['gate', '--format', 'json'])
    const { items } = JSON.parse(stdout) as GateReport
    const state = (id: string) => items.find((one) => one.id === id)?.state
    expect([state('A1'), state('A2')]).toEqual(['fail', 'inconclusive'])
  })
  test.each([[[]], [['--until', new Date(Date.now() + 864e5).toISOString()]]])(
    'V7 leaves no revocation out that waits to be signed: %j',
    async (args) => {
      expect((await ff(['signoff', 'revoke', '--reason', 'withdrawn'])).status).toBe(0)
      const { status, screen } = await refused(args)
      expect([status, screen]).toEqual([2, expect.stringContaining('[option_invalid,')])
      pin = await rotateByBoth(['checklists/trust-next.json'])
      expect((await gate()).slice(0, 2)).toEqual([23, ['statement_revoked', 'head_stale']])
      // The file is left over now, and holds up no later version.
      pin = await rotateByBoth([])
    },
  )
  test('goes on with the same file, although it does not say where logs end', async () => {
    const trust = await readTrustFile()
    const until = new Date(Date.now() - 1).toISOString()
    const runners = trust.runners.map((one) => ({ ...one, until }))
    const file = 'checklists/trust-next.json'
    await writeFile(join(go.cwd, file), trustText({ ...trust, version: 2, runners }))
    expect((await rotate(alice, [file])).screen).toContain('security-lead')
    await measureAgain(go, 'A1')
    const second = await rotate(bob, [file])
    expect(second.screen).toContain('The next version is signed')
    expect((await readTrustFile()).runners[0]?.closed?.seq).toBe(RECORDS)
  })
  test.each<readonly [string, (trust: TrustFile) => readonly string[], string]>([
    ['a runner that is not named', () => ['--end', 'nightly'], 'option_invalid'],
    ['a revocation without a reason', () => ['--revoke', 'ci'], 'option_invalid'],
    ['a file and options', () => ['checklists/trust.json', '--end', 'ci'], 'option_invalid'],
  ])('is refused for %s', async (_what, args, code) => {
    const run = await refused(args(await readTrustFile()))
    expect([run.status, run.screen]).toEqual([2, expect.stringContaining(`[${code},`)])
  })
  test('is refused for a file that leaves a runner out', async () => {
    const trust = { ...(await readTrustFile()), version: 2, runners: [] }
    await writeFile(join(go.cwd, 'checklists/trust-next.json'), trustText(trust))
    const run = await refused(['checklists/trust-next.json'])
    expect([run.status, run.screen]).toEqual([2, expect.stringContaining('runner_left_out')])
  })
})

describe('a trust file that begins anew', () => {
  const people = async (): Promise<readonly string[]> => {
    const files = [alice, bob].map(async ({ person, name, kid, jwk }) => {
      const shown = { kind: 'public_key', schemaVersion: 1, person, name, kid, jwk }
      await writeFile(join(go.cwd, '.ff', `${person}.pub.json`), JSON.stringify(shown))
    })
    await Promise.all(files)
    const lead = ['--platform-lead', '.ff/alice.pub.json', '--security-lead', '.ff/bob.pub.json']
    return ['trust', 'init', ...lead, '--runner', '.ff/new.pub.json']
  }
  test('is above each version before it, and ends what was signed', async () => {
    pin = await rotateByBoth([])
    await ff(['evidence', 'seal'])
    const refusal = await ff(await people())
    expect([refusal.status, refusal.stderr]).toEqual([2, expect.stringContaining('--anew')])
    const made = await ff([...(await people()), '--anew'])
    expect([made.status, made.stdout]).toEqual([0, expect.stringContaining('Version 3')])
    expect((await gate()).slice(0, 2)).toEqual([23, ['trust_pin_mismatch']])
    pin = /FF_TRUST_SHA256=([0-9a-f]{64})/.exec(made.stdout)?.[1] ?? ''
    expect((await readTrustFile()).version).toBe(3)
    const files = await readdir(join(go.cwd, 'checklists'))
    expect(files).toContain('signoffs')
    expect(files.filter((name) => /^(signoff|trust-.*)\.json$/.test(name))).toEqual([])
    expect((await sealNext('--first')).status).toBe(0)
    const { stdout } = await ff(['gate', '--format', 'json'])
    const { items, exitCode } = JSON.parse(stdout) as GateReport
    expect(exitCode).toBe(22)
    expect(items.find(({ id }) => id === 'J2')?.codes).toContain('signature_missing')
  })
  test('is above a version that a head alone names, and drops the approvals of waivers', async () => {
    await rm(go.cwd, { recursive: true, force: true })
    go = await signedFolder({ waived: true })
    pin = await changeTrust(go.cwd, { version: 7 })
    expect((await ff(['evidence', 'seal'])).status).toBe(0)
    await rm(join(go.cwd, 'checklists/trust.json'))
    const { kid, jwk } = next
    const shown = { kind: 'public_key', schemaVersion: 1, person: 'ci', name: 'new', kid, jwk }
    await writeFile(join(go.cwd, '.ff/new.pub.json'), JSON.stringify(shown))
    const made = await ff(await people())
    expect([made.status, made.stdout]).toEqual([0, expect.stringContaining('Version 8')])
    const waivers = await readFile(join(go.cwd, 'checklists/waivers.json'), 'utf8')
    expect((JSON.parse(waivers) as { waivers: object[] }).waivers).toMatchObject([
      { id: 'WV-1', approvals: [] },
    ])
  })
})

describe('a log that is damaged or gone', () => {
  test('is declared lost, and its machine gets a new key', async () => {
    await writeFile(join(log, 'evidence.ndjson'), 'damaged\n')
    expect((await gate()).slice(0, 2)).toEqual([23, ['evidence_edited']])
    const damaged = await refused(['--end', 'ci'])
    expect([damaged.status, damaged.screen]).toEqual([23, expect.stringContaining('--lost')])
    pin = await rotateByBoth(['--lost', 'ci', ...ADD])
    expect((await gate()).slice(0, 2)).toEqual([21, ['log_missing']])
    expect((await sealNext('--first')).status).toBe(0)
    expect((await gate()).slice(0, 2)).toEqual([21, []])
  })
  test('is not closed where it is not here, unless it is lost', async () => {
    await rm(log, { recursive: true })
    const gone = await refused(['--end', 'ci'])
    expect([gone.status, gone.screen]).toEqual([2, expect.stringContaining('[log_not_here,')])
    const [, proposed = ''] = /`(--lost [\w-]+)`/.exec(gone.screen) ?? []
    pin = await rotateByBoth(['--end', 'ci', ...proposed.split(' '), ...ADD])
    await sealNext('--first')
    expect((await gate()).slice(0, 2)).toEqual([21, []])
  })
})
