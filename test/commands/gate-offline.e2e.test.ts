import { spawn, spawnSync } from 'node:child_process'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gateOffline } from '../../src/features/gate/decision-file.ts'
import { FfError } from '../../src/errors.ts'
import { readVersion } from '../../src/commands/version.ts'
import { BUILD, CODE } from '../support/gate-folder.ts'
import { flipped } from '../support/flipped.ts'
import {
  ADAPTERS,
  measureAgain,
  type SignedFolder,
  signedFolder,
} from '../support/signed-folder.ts'
import { REPORTERS } from '../../src/reports/index.ts'
import { ROOT, type Run, runFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'

let go: SignedFolder
let no: SignedFolder
beforeAll(async () => {
  go = await signedFolder({ waived: true })
  no = await signedFolder()
  await measureAgain(no, 'A1', { result: 'fail', codes: ['token_accepted'] })
  for (const [folder, status] of [
    [go, 0],
    [no, 20],
  ] as const) {
    const run = await runFf(['gate', '--decision', 'decision.json'], folder)
    expect(run.status).toBe(status)
  }
})
afterAll(() => Promise.all([go, no].map(({ cwd }) => rm(cwd, { recursive: true, force: true }))))

const getFile = ({ cwd }: SignedFolder): string => join(cwd, 'decision.json')
/** What the folders are about, as a third party says it. */
const ABOUT: Readonly<Record<string, string>> = {
  '--environment': 'production',
  '--cutover': 'flags-to-postgres',
  '--attempt': '1',
  '--code': CODE,
}
const offline = (path: string, about = ABOUT): readonly string[] => [
  'gate',
  '--offline',
  path,
  ...Object.entries(about).flat(),
]
/** A third party: another folder, with only the pin. */
const elsewhere = (folder: SignedFolder, pin = folder.env.FF_TRUST_SHA256): Promise<Run> =>
  runFf(offline(getFile(folder)), { env: { FF_TRUST_SHA256: pin } })
const verdictLine = ({ stdout }: Run): string => stdout.trimEnd().split('\n').at(-1) ?? ''

describe('decision.json', () => {
  test('lets a third party reproduce the verdict and the exit of the gate', async () => {
    for (const folder of [go, no]) {
      const [here, there] = await Promise.all([runFf(['gate'], folder), elsewhere(folder)])
      expect(there.status).toBe(here.status)
      expect(verdictLine(there)).toBe(verdictLine(here))
    }
    expect(verdictLine(await elsewhere(go))).toMatch(/^GO with 1 waiver {2}valid until/)
  })
  test('is no GO by its own trust file', async () => {
    const { status, stdout } = await elsewhere(go, '')
    expect([status, stdout]).toEqual([23, expect.stringContaining('trust_pin_missing')])
  })
  test('is no GO after its expiry', async () => {
    const soon = () => new Date(Date.now() + 3_601_000)
    expect(await judged(go, getFile(go), soon)).toBe('not_ready')
  })
  test('takes no other input file', async () => {
    const args = [...offline(getFile(go)), '--evidence', 'x']
    const run = await runFf(args, go)
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('[option_invalid')])
  })
  test('of an earlier run is removed by a run without a verdict', async () => {
    const plan = join(no.cwd, 'checklists/plan.json')
    const text = await readFile(plan, 'utf8')
    await writeFile(join(no.cwd, 'old.json'), 'x')
    await writeFile(plan, '{')
    const run = await runFf(['gate', '--decision', 'old.json'], no)
    await writeFile(plan, text)
    expect(run.status).toBe(2)
    await expect(readFile(join(no.cwd, 'old.json'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
  test.each<readonly [string, (text: string) => string]>([
    ['a no-go renamed', (text) => text.replaceAll('"verdict":"no_go"', '"verdict":"go"')],
    ['a GO with another verdict', (text) => text.replaceAll('"verdict":"go"', '"verdict":"x"')],
    ['a GO decided later', (text) => text.replace(/"decided_at":"20/, '"decided_at":"21')],
  ])('%s is no GO', async (_what, change) => {
    const from = _what.startsWith('a no-go') ? no : go
    const path = join(from.cwd, 'changed.json')
    await writeFile(path, change(await readFile(getFile(from), 'utf8')))
    expect(['no_go', 'untrusted']).toContain(await judged(from, path))
  })
  test('with a flipped byte is no GO', async () => {
    const survived = { go: 0, no: 0 }
    const path = join(go.cwd, 'flipped.json')
    for (const [name, folder] of [
      ['go', go],
      ['no', no],
    ] as const)
      for (const [, changed] of flipped(await readFile(getFile(folder)), FULL ? 150 : 40)) {
        await writeFile(path, changed)
        if ((await judged(folder, path)) === 'ok') survived[name] += 1
      }
    expect(survived).toEqual({ go: 0, no: 0 })
  }, 120_000)
})

/** Judges a decision file in this process. @returns its exit */
async function judged(
  { env }: SignedFolder,
  path: string,
  now = () => new Date(),
): Promise<string> {
  try {
    const subject = {
      environment: 'production',
      cutover_id: 'flags-to-postgres',
      attempt: 1,
      code: CODE,
    }
    const tool_version = readVersion(ROOT)
    const trust_pin = env.FF_TRUST_SHA256
    const pins = { trust_pin, pinned_heads: [] }
    const request = { root: ROOT, path, subject, ...pins, tool_version, build: BUILD, now }
    return (await gateOffline(request, ADAPTERS)).exitName
  } catch (error) {
    if (error instanceof FfError) return error.exitName
    throw error
  }
}

describe('V8: a decision counts for its subject alone', () => {
  const asked = async (about: Readonly<Record<string, string>>, env = {}) => {
    const args = [...offline(getFile(go), about), '--format', 'json']
    const own = { FF_TRUST_SHA256: go.env.FF_TRUST_SHA256, ...env }
    const { status, stdout } = await runFf(args, { env: own })
    const report = JSON.parse(stdout)
    const found = report.findings ?? [{ code: report.error.code }]
    return [status, found.map(({ code }: { code: string }) => code)]
  }
  test.each<readonly [string, string, number, string]>([
    ['--environment', 'staging', 23, 'environment_differs'],
    ['--cutover', 'another', 23, 'cutover_differs'],
    // H4's record counts for every attempt, and the waiver for its own alone.
    ['--attempt', '2', 20, 'attempt_ended'],
    ['--code', 'sha256:other', 21, 'code_changed'],
  ])('%s %s: %i %s', async (name, value, status, code) => {
    const [ended, codes] = await asked({ ...ABOUT, [name]: value })
    // First, before what it does to the items and the signatures.
    expect([ended, codes[0], codes]).toEqual([
      status,
      'decision_about_another',
      expect.arrayContaining([code]),
    ])
  })
  test.each(Object.keys(ABOUT))('it is refused without %s', async (name) => {
    const { [name]: _, ...about } = ABOUT
    expect(await asked(about)).toEqual([2, ['option_invalid']])
  })
  test('FF_CODE_VERSION stands for --code, which comes first', async () => {
    const { '--code': _, ...about } = ABOUT
    const statuses = [
      await asked(about, { FF_CODE_VERSION: CODE }),
      await asked(ABOUT, { FF_CODE_VERSION: 'sha256:other' }),
      await asked(about, { FF_CODE_VERSION: 'sha256:other' }),
    ].map(([status]) => status)
    expect(statuses).toEqual([0, 0, 21])
  })
  test('the options are refused for a folder, which is about its own plan', async () => {
    const run = await runFf(['gate', '--code', CODE], go)
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('[option_invalid')])
  })
  test('of another version of ff it names the version to install', async () => {
    const path = join(go.cwd, 'older.json')
    const text = await readFile(getFile(go), 'utf8')
    await writeFile(path, text.replace(/"tool_version":"[^"]*"/, '"tool_version":"0.0.9"'))
    const { status, stderr } = await runFf(offline(path), go)
    expect([status, stderr]).toEqual([2, expect.stringContaining('[decision_of_other_version')])
    expect(stderr).toContain('npm install @pty-flags/ff@0.0.9')
  })
  test.each(Object.keys(REPORTERS))('%s says in its first lines what it is about', async (name) => {
    for (const [folder, end] of [
      [go, /20\d\d-/],
      [no, /no GO/],
    ] as const) {
      const args = [...offline(getFile(folder)), '--format', name]
      const { stdout } = await runFf(args, { env: { FF_TRUST_SHA256: folder.env.FF_TRUST_SHA256 } })
      const first = stdout.split('\n').slice(0, 24).join('\n')
      for (const part of [
        'production',
        'flags-to-postgres',
        'attempt',
        CODE,
        '1/1/ff/0123456789abcdef',
        folder.env.FF_TRUST_SHA256.slice(0, 16),
      ])
        expect(first.replaceAll(/%3A|&#58;/g, ':')).toContain(part)
      if (name !== 'json') expect(first).toMatch(end)
    }
  })
})

describe('V9: every member of the report in a decision has to follow from its files', () => {
  test.each<readonly [string, RegExp, string]>([
    ['no items', /"items":\[.*\],"kind"/, '"items":[],"kind"'],
    ['another end', /"valid_until":"20..(?=[^"]*","verdict":"go")/, '"valid_until":"2099'],
    ['another measured value', /"value":"0"/, '"value":"1"'],
    ['another title', /"title":"/, '"title":"x'],
    ['another trust file', /"trust":\{"sha256":"./, '"trust":{"sha256":"'],
    ['a member of its own', /"verdict":"go"/, '"verdict":"go","zero":0'],
    ['no signatures', /"signatures":\[.*?\](?=,"trust")/, '"signatures":[]'],
    ['another environment', /"environment":"production"/, '"environment":"staging"'],
  ])('%s: decision_altered', async (_what, found, put) => {
    const text = await readFile(getFile(go), 'utf8')
    expect(text).toMatch(found)
    const decision = text.replace(found, put)
    const path = join(go.cwd, 'altered.json')
    await writeFile(path, decision)
    const { status, stderr } = await runFf(offline(path), go)
    expect([status, stderr]).toEqual([23, expect.stringContaining('[decision_altered')])
  })
})

describe('ff gate --offline opens no socket', () => {
  const args = () => [join(ROOT, 'dist/bin/ff.js'), ...offline(getFile(go))]
  test('it reaches its verdict without a network', async () => {
    const inside = ['--user', '--map-root-user', '--net']
    // Without the right to make a namespace only the next test applies.
    if (spawnSync('unshare', [...inside, 'true']).status !== 0) return
    const run = spawnSync('unshare', [...inside, process.execPath, ...args()], {
      env: { ...process.env, ...go.env },
      encoding: 'utf8',
    })
    expect([run.status, run.stdout]).toEqual([0, expect.stringContaining('GO with 1 waiver')])
  })
  test('none of its Node resources is a socket, a DNS query or a process', async () => {
    const made = join(go.cwd, 'made.json')
    const out = await open(join(go.cwd, 'out.txt'), 'w')
    const watch = `import{createHook}from'node:async_hooks';import{writeFileSync}from'node:fs';const seen=new Set();createHook({init(_,type){seen.add(type)}}).enable();process.on('exit',()=>writeFileSync(${JSON.stringify(made)},JSON.stringify([...seen])))`
    const watcher = `--import=data:text/javascript,${encodeURIComponent(watch)}`
    // Into a file: a pipe of the test would itself be a socket.
    const child = spawn(process.execPath, [watcher, ...args()], {
      env: { ...process.env, ...go.env },
      stdio: ['ignore', out.fd, out.fd],
    })
    const status = await new Promise((resolve) => child.once('exit', resolve))
    await out.close()
    expect(status).toBe(0)
    const seen = JSON.parse(await readFile(made, 'utf8')) as readonly string[]
    expect(seen).toContain('FSREQPROMISE')
    expect(seen.filter((type) => /TCP|UDP|PIPE|DNS|ADDR|TLS|PROCESS/.test(type))).toEqual([])
  })
})
