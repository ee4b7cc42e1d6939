import { spawn, spawnSync } from 'node:child_process'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gateOffline } from '../../src/features/gate/decision-file.ts'
import { FfError } from '../../src/errors.ts'
import { flipped } from '../support/flipped.ts'
import {
  ADAPTERS,
  measureAgain,
  type SignedFolder,
  signedFolder,
} from '../support/signed-folder.ts'
import { ROOT, type Run, runFf } from '../support/run-ff.ts'

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
/** A third party: another folder, with only the pin. */
const elsewhere = (folder: SignedFolder, pin = folder.env.FF_TRUST_SHA256): Promise<Run> =>
  runFf(['gate', '--offline', getFile(folder)], { env: { FF_TRUST_SHA256: pin } })
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
    const args = ['gate', '--offline', getFile(go), '--evidence', 'x']
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
  ])('%s is no GO', async (_what, change) => {
    const from = _what.startsWith('a no-go') ? no : go
    const path = join(from.cwd, 'changed.json')
    await writeFile(path, change(await readFile(getFile(from), 'utf8')))
    expect(['no_go', 'untrusted']).toContain(await judged(from, path))
  })
  test('with a flipped byte never becomes a GO, and a GO stays the same or is lost', async () => {
    const survived = { go: 0, no: 0 }
    const path = join(go.cwd, 'flipped.json')
    for (const [name, folder] of [
      ['go', go],
      ['no', no],
    ] as const)
      for (const [, changed] of flipped(await readFile(getFile(folder)), 150)) {
        await writeFile(path, changed)
        if ((await judged(folder, path)) === 'ok') survived[name] += 1
      }
    expect(survived.no).toBe(0)
    // The other bytes are prose of the report, which no verdict depends on: at most half of the file.
    expect(survived.go).toBeLessThan(100)
  }, 120_000)
})

/** Judges a decision file in this process. @returns its exit */
async function judged(
  { env }: SignedFolder,
  path: string,
  now = () => new Date(),
): Promise<string> {
  try {
    const request = { root: ROOT, path, trust_pin: env.FF_TRUST_SHA256, pinned_heads: [], now }
    return (await gateOffline(request, ADAPTERS)).exitName
  } catch (error) {
    if (error instanceof FfError) return error.exitName
    throw error
  }
}

describe('ff gate --offline opens no socket', () => {
  const args = () => [join(ROOT, 'dist/bin/ff.js'), 'gate', '--offline', getFile(go)]
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
