import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openEvidence } from '../../src/adapters/evidence-log/evidence-log.ts'
import { makeRunnerKey, type SigningRunner } from '../../src/adapters/evidence-log/runner-key.ts'
import { EVIDENCE_SHAPES } from '../../src/artefacts/schemas.ts'
import type { GateReport } from '../../src/core/report/types.ts'
import { formatTrustChain } from '../../src/core/signoff/trust.ts'
import type { TrustFile } from '../../src/core/signoff/types.ts'
import {
  alice,
  bob,
  encode,
  signRaw,
  toHeader,
  tools,
  trustText,
} from '../features/signoff/people.ts'
import { CHECKLIST, CONTROLS, toItem } from '../core/gate/builders.ts'
import { toNeeds } from '../support/gate-folder.ts'
import {
  changeTrust,
  measureAgain,
  type SignedFolder,
  signedFolder,
} from '../support/signed-folder.ts'
import { ROOT, type Run, runFf, spawnFf } from '../support/run-ff.ts'

/** Of the log of a GO: each item, and each control. */
const RECORDS = CHECKLIST.items.length + CONTROLS.length

let go: SignedFolder
let log = ''
beforeEach(async () => {
  go = await signedFolder()
  log = join(go.cwd, '.ff/evidence', go.runner.kid)
})
afterEach(() => rm(go.cwd, { recursive: true, force: true }))

type Env = Readonly<Record<string, string>>
const ff = (args: readonly string[], env: Env = {}, now?: string): Promise<Run> =>
  runFf(args, { cwd: go.cwd, env: { ...go.env, ...env }, ...(now === undefined ? {} : { now }) })
async function gate(env: Env = {}, now?: string): Promise<readonly [number | null, string[]]> {
  const { status, stdout } = await ff(['gate', '--format', 'json'], env, now)
  const { findings } = JSON.parse(stdout) as GateReport
  return [status, findings.filter(({ subject }) => subject === 'gate').map(({ code }) => code)]
}
const later = (ms: number): string => new Date(Date.now() + ms).toISOString()
const HOUR_MS = 3_600_000

test('V6: a failure that is cut away ends 23 without the key, whatever is put in the place of the head', async () => {
  expect(await gate()).toEqual([0, []])
  await measureAgain(go, 'A1', { result: 'fail', codes: ['token_accepted'] })
  expect((await gate())[0]).toBe(20)
  const path = join(log, 'evidence.ndjson')
  const lines = (await readFile(path, 'utf8')).split('\n')
  await writeFile(path, `${lines.slice(0, -2).join('\n')}\n`)
  expect(await gate()).toEqual([23, ['evidence_cut']])
  await writeFile(join(log, 'head.json'), `{"hash":"${'0'.repeat(64)}","seq":0}\n`)
  expect(await gate()).toEqual([23, ['evidence_edited']])
  await rm(join(log, 'head.json'))
  expect(await gate()).toEqual([23, ['evidence_missing']])
})

describe('an older log and its head put back together', () => {
  test('are stale after an hour, and end 23 at once under FF_EVIDENCE_HEAD', async () => {
    await cp(log, `${go.cwd}/before`, { recursive: true })
    await measureAgain(go, 'A1', { result: 'fail', codes: ['token_accepted'] })
    const [pin = ''] = /FF_EVIDENCE_HEAD=.*/.exec((await ff(['evidence', 'seal'])).stdout) ?? []
    await rm(log, { recursive: true })
    await cp(`${go.cwd}/before`, log, { recursive: true })
    expect(await gate()).toEqual([0, []])
    const env = { FF_EVIDENCE_HEAD: pin.slice('FF_EVIDENCE_HEAD='.length) }
    expect(await gate(env)).toEqual([23, ['evidence_cut']])
    const [status, codes] = await gate({}, later(HOUR_MS + 1_000))
    expect([status, codes]).toEqual([21, ['head_stale']])
  })
  test('to before the signing end 23', async () => {
    const path = join(log, 'evidence.ndjson')
    await rm(log, { recursive: true })
    const other = await openEvidence(
      join(go.cwd, '.ff/evidence'),
      go.runner,
      toNeeds(EVIDENCE_SHAPES),
    )
    await other.close()
    expect(await readFile(path, 'utf8')).toBe('')
    expect(await gate()).toEqual([23, ['evidence_cut']])
  })
})

test('the log is gone, and was signed for', async () => {
  await rm(log, { recursive: true })
  expect(await gate()).toEqual([23, ['evidence_missing']])
})

test('two logs of one key are a fork', async () => {
  await cp(log, join(go.cwd, '.ff/evidence/copy'), { recursive: true })
  expect(await gate()).toEqual([23, ['evidence_forked']])
  await rm(log, { recursive: true })
  expect(await gate()).toEqual([23, ['evidence_edited']])
})

test('a folder of the old form is refused with the command that begins anew', async () => {
  await rename(join(log, 'evidence.ndjson'), join(go.cwd, '.ff/evidence/evidence.ndjson'))
  const { status, stderr } = await ff(['gate'])
  expect([status, stderr]).toEqual([22, expect.stringContaining('evidence_old_form')])
  const [, command = ''] = /`(mv .*) && ff probe run`/.exec(stderr) ?? []
  execFileSync('sh', ['-c', command], { cwd: go.cwd })
  expect((await readdir(join(go.cwd, '.ff'))).sort()).toContain('evidence.old')
  expect((await gate())[0]).toBe(23)
})

describe('the trust file', () => {
  async function pinned(change: Partial<TrustFile>): Promise<Env> {
    return { FF_TRUST_SHA256: await changeTrust(go.cwd, change) }
  }
  test('of the same version as a head names, but another file, ends 23', async () => {
    expect((await ff(['evidence', 'seal'])).stdout).toContain('trust file version 1')
    const forked = await pinned({ waiver_policy: { max_active: 2, max_days: 14 } })
    expect((await gate(forked))[1]).toContain('trust_forked')
    const sealed = await ff(['evidence', 'seal'], forked)
    expect([sealed.status, sealed.stderr]).toEqual([23, expect.stringContaining('trust_forked')])
    const shown = await ff(['trust', 'show'], forked)
    const text = shown.stdout.replaceAll(/\s+/g, ' ')
    expect([shown.status, text]).toEqual([23, expect.stringContaining('UNTRUSTED')])
    expect(text).toMatch(/trust_forked: .*`ff trust rotate --key alice.key.json`/)
  })
  test('V7: put back to an older version than a head names, under the old pin, ends 23', async () => {
    const path = join(go.cwd, 'checklists/trust.json')
    const chain = join(go.cwd, 'checklists/trust-chain.json')
    const first = await readFile(path, 'utf8')
    const second = trustText({ ...(JSON.parse(first) as TrustFile), version: 2 })
    const signatures = [alice, bob].map((who) => {
      const about = { meaning: 'approves-trust', attests: [], signed_at: later(0) } as const
      return signRaw(encode(second), { ...toHeader(who, about), typ: 'ff-trust+jws' }, who.key)
    })
    const links = [
      { payload: encode(first), signatures: [] },
      { payload: encode(second), signatures },
    ]
    await writeFile(path, second)
    await writeFile(chain, formatTrustChain(links))
    const FF_TRUST_SHA256 = tools.sha256(second)
    const sealed = await ff(['evidence', 'seal'], { FF_TRUST_SHA256 })
    expect([sealed.status, sealed.stdout]).toEqual([0, expect.stringContaining('version 2')])
    expect((await gate({ FF_TRUST_SHA256 }))[0]).toBe(0)
    await writeFile(path, first)
    await rm(chain)
    expect(await gate()).toEqual([23, ['trust_rolled_back']])
    for (const args of [
      ['evidence', 'seal'],
      ['probe', 'run', 'J1'],
    ]) {
      const run = await ff(args)
      expect([run.status, run.stderr]).toEqual([23, expect.stringContaining('trust_rolled_back')])
    }
  })
  test('names a second runner, whose log is missing', async () => {
    const other = await makeRunnerKey(join(go.cwd, 'other/runner.pem'))
    const env = await withRunner(other)
    await rm(join(go.cwd, 'checklists/signoff.json'))
    const missing = await ff(['gate'], env)
    expect(missing.status).toBe(21)
    expect(missing.stdout).toContain('log_missing: runner staging')
  })
  /** Names another runner. @returns the settings with the new pin */
  async function withRunner({ kid, jwk }: SigningRunner): Promise<Env> {
    const path = join(go.cwd, 'checklists/trust.json')
    const { runners } = JSON.parse(await readFile(path, 'utf8')) as TrustFile
    const [first] = runners as [TrustFile['runners'][number]]
    return pinned({ runners: [first, { ...first, name: 'staging', kid, jwk }] })
  }
  test('names this runner, whose log is not here: a second one begins on demand alone', async () => {
    await rm(log, { recursive: true })
    for (const args of [
      ['probe', 'run', 'J1'],
      ['evidence', 'seal'],
    ]) {
      const run = await ff(args)
      expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('log_not_here')])
    }
    expect((await ff(['evidence', 'seal', '--first'])).status).toBe(0)
    const again = await ff(['evidence', 'seal', '--first'])
    expect([again.status, again.stderr]).toEqual([2, expect.stringContaining('here already')])
    expect((await ff(['evidence', 'seal'])).status).toBe(0)
  })
  test('V21: does not name this runner: said before the first measurement', async () => {
    await rm(join(go.cwd, '.ff'), { recursive: true })
    const { stderr } = await ff(['probe', 'run', 'J1'])
    expect(stderr).toMatch(
      /does not name this runner, [\w-]{43}, .*no record .* will count as a pass/,
    )
    expect(stderr).toContain('ff trust init --platform-lead')
  })
})

/** The command that the gate proposes. */
async function proposed(): Promise<string> {
  const { stdout } = await ff(['gate', '--format', 'json'])
  return (JSON.parse(stdout) as GateReport).next ?? ''
}
/** Pastes a command of `ff`. */
const paste = (command: string): Promise<Run> => ff(command.split(' ').slice(1))

describe('a proposed command works when it is pasted', () => {
  beforeEach(() => rm(join(go.cwd, 'checklists/signoff.json')))
  test('for the missing log of this runner', async () => {
    await rm(log, { recursive: true })
    expect(await proposed()).toBe('ff evidence seal --first')
    expect((await paste(await proposed())).status).toBe(0)
    expect(await proposed()).toMatch(/^ff probe run A1 /)
  })
  test('for another folder of evidence and another checklist', async () => {
    await rename(join(go.cwd, '.ff/evidence'), join(go.cwd, 'logs'))
    await cp(join(go.cwd, 'checklists/cutover_readiness_checklist.json'), join(go.cwd, 'own.json'))
    await rm(join(go.cwd, 'logs', go.runner.kid, 'evidence.ndjson'))
    const given = ['--evidence', 'logs', '--checklist', 'own.json']
    const gate = await ff(['gate', ...given, '--format', 'json'])
    const { next } = JSON.parse(gate.stdout) as GateReport
    expect(next).toBe('ff evidence list --evidence logs')
    const listed = await paste(String(next))
    expect([listed.status, listed.stdout]).toEqual([23, expect.stringContaining('logs/')])
    expect(listed.stdout).not.toContain('.ff/evidence')
    await rm(join(go.cwd, 'logs'), { recursive: true })
    const refused = await ff(['probe', 'run', 'J1', ...given])
    expect([refused.status, refused.stderr]).toEqual([
      2,
      expect.stringContaining('`ff evidence seal --evidence logs --first`'),
    ])
  })
  test('for a damaged log, on the machine of its runner', async () => {
    await writeFile(join(log, 'evidence.ndjson'), 'x\n')
    const list = await paste(await proposed())
    const text = list.stdout.replaceAll(/\s+/g, ' ')
    expect([list.status, text]).toEqual([23, expect.stringContaining('UNTRUSTED')])
    const [, remove = '', seal = ''] =
      /(rm \.ff\/runner\.pem) && (ff evidence seal)/.exec(text) ?? []
    execFileSync('sh', ['-c', remove], { cwd: go.cwd })
    expect((await paste(seal)).status).toBe(0)
    const shown = JSON.parse(await readFile(join(go.cwd, '.ff/runner.pub.json'), 'utf8'))
    const logs = new Set(await readdir(join(go.cwd, '.ff/evidence')))
    expect(logs).toEqual(new Set([go.runner.kid, shown.kid]))
    expect(text).toContain(
      `ff trust rotate --lost ${go.runner.kid} --runner .ff/runner.pub.json --key alice.key.json`,
    )
  })
  test('for a damaged log of a key that is not named', async () => {
    const other = join(go.cwd, '.ff/evidence', 'x'.repeat(43))
    await cp(log, other, { recursive: true })
    await writeFile(join(other, 'head.json'), 'x\n')
    const { stdout } = await paste(await proposed())
    const [move = ''] = /mv \S+ \S+/.exec(stdout) ?? []
    execFileSync('sh', ['-c', move], { cwd: go.cwd })
    expect((await ff(['evidence', 'list'])).status).toBe(0)
  })
  test('for a runner that is not named, whose key has its public half beside it', async () => {
    await rm(join(go.cwd, '.ff'), { recursive: true })
    await ff(['probe', 'run', 'J1'])
    const { kid } = JSON.parse(await readFile(join(go.cwd, '.ff/runner.pub.json'), 'utf8'))
    expect(await readdir(join(go.cwd, '.ff/evidence'))).toEqual([kid])
    await rm(join(go.cwd, '.ff/runner.pub.json'))
    await ff(['evidence', 'seal'])
    expect(await readFile(join(go.cwd, '.ff/runner.pub.json'), 'utf8')).toContain(kid)
  })
})

describe('ff evidence list', () => {
  test('shows each log with its runner', async () => {
    const { status, stdout } = await ff(['evidence', 'list'])
    expect(status).toBe(0)
    expect(stdout).toMatch(new RegExp(`${go.runner.kid} .*ci: ${RECORDS} records, head of`))
  })
  test('counts the records of a runner that is not named', async () => {
    await rm(join(go.cwd, '.ff'), { recursive: true })
    await ff(['probe', 'run', 'J1'])
    const records = 1 + toItem('J1').controls.length
    const { stdout } = await ff(['evidence', 'list'])
    expect(stdout).toContain(`not named: ${records} records, head of`)
  })
  test('says what is stale, missing or damaged', async () => {
    const late = await ff(['evidence', 'list'], {}, later(HOUR_MS + 1_000))
    expect([late.status, late.stdout]).toEqual([21, expect.stringMatching(/^NOT READY {2}/m)])
    // It cannot be sealed here unless here is its machine.
    expect(late.stdout.replaceAll(/\s+/g, ' ')).toContain(
      'on the machine of the runner run `ff evidence seal`, then fetch the log here with `ff evidence import FOLDER`',
    )
    await rename(log, `${go.cwd}/away`)
    const missing = await ff(['evidence', 'list'])
    expect([missing.status, missing.stdout]).toEqual([21, expect.stringContaining('log_missing')])
    await rename(`${go.cwd}/away`, log)
    await writeFile(join(log, 'head.json'), 'x')
    const damaged = await ff(['evidence', 'list'])
    expect([damaged.status, damaged.stdout]).toEqual([
      23,
      expect.stringContaining('evidence_edited'),
    ])
  })
  test('an unnamed runner is local, and no log at all is pending', async () => {
    const local = await ff(['evidence', 'list'], { FF_TRUST_SHA256: '' })
    expect([local.status, local.stdout]).toEqual([22, expect.stringContaining('runner_not_named')])
    await rm(log, { recursive: true })
    const none = await ff(['evidence', 'list'], { FF_TRUST_SHA256: '' })
    expect([none.status, none.stdout]).toEqual([21, expect.stringContaining('ff probe run')])
  })
})

describe('ff evidence import', () => {
  /** Copies the evidence as another machine has it. */
  async function away(): Promise<string> {
    const from = join(go.cwd, 'runner/evidence')
    await cp(join(go.cwd, '.ff/evidence'), from, { recursive: true })
    return from
  }
  test('takes a log that goes on, and nothing else', async () => {
    const older = await away()
    await measureAgain(go, 'A1')
    const newer = join(go.cwd, 'newer')
    await cp(join(go.cwd, '.ff/evidence'), newer, { recursive: true })
    await rm(log, { recursive: true })
    const first = await ff(['evidence', 'import', join(older, go.runner.kid)])
    expect([first.status, first.stdout]).toEqual([
      0,
      `${go.runner.kid}: imported, ${RECORDS} records.\n`,
    ])
    const second = await ff(['evidence', 'import', newer])
    expect([second.status, second.stdout]).toEqual([
      0,
      `${go.runner.kid}: imported, ${RECORDS + 1} records.\n`,
    ])
    const text = await readFile(join(log, 'evidence.ndjson'), 'utf8')
    for (const from of [newer, older]) {
      const again = await ff(['evidence', 'import', from])
      expect([again.status, again.stdout]).toEqual([0, expect.stringContaining('nothing new')])
    }
    expect(await readFile(join(log, 'evidence.ndjson'), 'utf8')).toBe(text)
    expect(await gate()).toEqual([0, []])
  })
  test('takes a head that was renewed without a record', async () => {
    const from = await away()
    await ff(['evidence', 'seal', '--evidence', from])
    const run = await ff(['evidence', 'import', from])
    expect([run.status, run.stdout]).toEqual([
      0,
      expect.stringContaining(`imported, ${RECORDS} records`),
    ])
  })
  test('refuses a fork, a damaged log and a folder without one', async () => {
    const from = await away()
    await measureAgain(go, 'A1')
    const renewed = await openEvidence(from, go.runner, toNeeds(EVIDENCE_SHAPES))
    await renewed.close()
    await rename(join(go.cwd, '.ff/evidence'), join(go.cwd, 'mine'))
    await mkdir(join(go.cwd, '.ff/evidence'))
    await ff(['evidence', 'import', from])
    await measureAgain(go, 'B1')
    const forked = await ff(['evidence', 'import', join(go.cwd, 'mine')])
    expect([forked.status, forked.stderr]).toEqual([23, expect.stringContaining('evidence_forked')])
    await writeFile(join(from, go.runner.kid, 'evidence.ndjson'), 'x\n')
    const damaged = await ff(['evidence', 'import', from])
    expect([damaged.status, damaged.stderr]).toEqual([
      23,
      expect.stringContaining('evidence_edited'),
    ])
    const empty = await ff(['evidence', 'import', join(go.cwd, 'nowhere')])
    expect([empty.status, empty.stderr]).toEqual([2, expect.stringContaining('nothing_to_check')])
  })
})

describe('V14: a file that never ends or never begins is refused at once', () => {
  const places: readonly (readonly [string, (log: string) => string, readonly string[], number])[] =
    [
      ['the log', (own) => join(own, 'evidence.ndjson'), ['gate'], 22],
      ['the head', (own) => join(own, 'head.json'), ['gate'], 22],
      ['the log at a run', (own) => join(own, 'evidence.ndjson'), ['probe', 'run', 'J1'], 22],
      ['the lock at a run', (own) => join(own, 'lock'), ['probe', 'run', 'J1'], 22],
      ['the key', () => '.ff/runner.pem', ['probe', 'run', 'J1'], 2],
      ['the settings', () => 'ff.config.json', ['gate'], 2],
      ['the plan', () => 'checklists/plan.json', ['gate'], 2],
      ['the trust file', () => 'checklists/trust.json', ['gate'], 2],
    ]
  test.each(places)('%s', async (_what, place, args, expected) => {
    const path = join(go.cwd, place(join('.ff/evidence', go.runner.kid)))
    await rm(path, { force: true })
    execFileSync('mkfifo', ['-m', '600', path])
    expect((await spawnFf(args, { cwd: go.cwd, env: go.env })).status).toBe(expected)
    if (path.endsWith('lock')) return
    await rm(path)
    await symlink('/dev/zero', path)
    const run = await spawnFf(args, { cwd: go.cwd, env: go.env })
    expect(run.status).toBe(expected)
  })
})

test('V15: a read-only folder ends 22 with a sentence', () => {
  const script =
    'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1" && shift && exec "$@"'
  const run = (...args: readonly string[]) =>
    spawnSync(
      'unshare',
      ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', go.cwd, ...args],
      { env: { ...process.env, ...go.env }, encoding: 'utf8' },
    )
  const program = [process.execPath, join(ROOT, 'dist/bin/ff.js')]
  for (const args of [
    ['probe', 'run', 'J1'],
    ['evidence', 'seal'],
  ]) {
    const { status, stderr } = run(...program, ...args)
    expect([status, stderr]).toEqual([22, expect.stringMatching(/EROFS[\s\S]*evidence_unwritable/)])
  }
  // The gate writes nothing, so it reaches its verdict.
  expect(run(...program, 'gate').status).toBe(0)
})

test('V26: the key of a runner is never staged', async () => {
  await rm(join(go.cwd, '.ff'), { recursive: true })
  await mkdir(join(go.cwd, '.ff'))
  await writeFile(join(go.cwd, '.ff/.gitignore'), 'mine')
  await ff(['probe', 'run', 'J1'])
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', go.cwd, ...args], { encoding: 'utf8' })
  git('init', '--quiet')
  git('add', '-A')
  const staged = git('diff', '--cached', '--name-only').split('\n')
  expect(staged.some((name) => /^\.ff\/evidence\/[\w-]{43}\/head\.json$/.test(name))).toBe(true)
  expect(staged.filter((name) => /runner\.pem|lock$/.test(name))).toEqual([])
  await chmod(join(go.cwd, '.ff/runner.pem'), 0o644)
  const loose = await ff(['probe', 'run', 'J1'])
  expect([loose.status, loose.stderr]).toEqual([23, expect.stringContaining('key_file_loose')])
})
