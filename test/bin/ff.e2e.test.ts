import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { finished, runFf, type RunOptions, startFf } from '../support/run-ff.ts'

let folder = ''
let large = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-watchdog-'))
  large = join(folder, 'large.json')
  const vectors = Array.from({ length: 5_000 }, (_, at) => at)
  await writeFile(large, JSON.stringify({ kind: 'parity_test_matrix', schemaVersion: 1, vectors }))
})
afterAll(() => rm(folder, { recursive: true }))

/** Writes a module that node loads before the program and that leaves a resource open. */
async function leaking(name: string, code: string): Promise<RunOptions> {
  const path = join(folder, `${name}.mjs`)
  await writeFile(path, code)
  return { env: { NODE_OPTIONS: `--import=${path}` } }
}
const SERVER =
  "import net from 'node:net'; const server = net.createServer().listen(0, '127.0.0.1')"

async function timed<T>(
  work: () => Promise<T>,
): Promise<{ readonly done: T; readonly ms: number }> {
  const began = performance.now()
  return { done: await work(), ms: performance.now() - began }
}

describe.concurrent('an open resource after a run', () => {
  test.each([
    ['a run that is ok', ['--version'], 0],
    ['a run that fails', ['artefacts', 'validate', '/nowhere.json'], 2],
  ] as const)('does not keep %s from ending with its status', async (name, args, status) => {
    const leak = await leaking(name.replaceAll(' ', '-'), SERVER)
    const { done, ms } = await timed(() => runFf(args, leak))
    expect(done).toMatchObject({ status, signal: null })
    expect(done.stdout).not.toBe('')
    expect(done.stderr).toMatch(
      new RegExp(`^ff: Ended with exit status ${status}, .*tcp 127\\.0\\.0\\.1:\\d+\\.\n$`, 'm'),
    )
    expect(ms).toBeGreaterThan(5_000)
    expect(ms).toBeLessThan(20_000)
  })

  test.each([
    [
      'a connection',
      "net.connect(server.address().port, '127.0.0.1')",
      /tcp 127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+/,
    ],
    ['a program', "spawn('sleep', ['60'], { stdio: 'ignore' })", /process \d+/],
    ['a timer', 'setInterval(() => undefined, 60_000)', /Timeout/],
  ])('is named: %s', async (what, code, named) => {
    const imports =
      "import { once } from 'node:events'; import { spawn } from 'node:child_process';"
    const leak = await leaking(
      what.replaceAll(' ', '-'),
      `${imports}${SERVER}; await once(server, 'listening'); const made = ${code}; process.on('exit', () => made.kill?.())`,
    )
    const done = await runFf(['--version'], leak)
    expect(done.status).toBe(0)
    expect(done.stderr).toMatch(named)
  })

  test('for less than 5 s is not reported', async () => {
    const leak = await leaking('closes', `${SERVER}; setTimeout(() => server.close(), 2_000)`)
    const { done, ms } = await timed(() => runFf(['--version'], leak))
    expect(done).toMatchObject({ status: 0, signal: null, stderr: '' })
    expect(ms).toBeGreaterThan(2_000)
  })

  test('cuts no output of a slow reader', async () => {
    const leak = await leaking('slow-reader', SERVER)
    const child = startFf(['artefacts', 'validate', large, '--format', 'json'], leak)
    const { stdout } = child
    if (stdout === null) throw new Error('no pipe')
    await once(stdout, 'readable')
    await sleep(7_000)
    expect(child.exitCode).toBeNull()
    const done = await finished(child)
    expect(done).toMatchObject({ status: 2, signal: null })
    expect(done.stdout.length).toBeGreaterThan(400_000)
    expect((JSON.parse(done.stdout) as { findings: unknown[] }).findings).toHaveLength(5_000)
    expect(done.stderr).toContain('ff: Ended with exit status 2')
  })
})

test('a run without open resources prints nothing', async () => {
  const { done, ms } = await timed(() => runFf(['artefacts', 'validate']))
  expect(done).toMatchObject({ status: 0, signal: null, stderr: '' })
  expect(ms).toBeLessThan(5_000)
})
