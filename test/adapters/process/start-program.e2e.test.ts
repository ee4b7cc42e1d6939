import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startProgram } from '../../../src/adapters/process/start-program.ts'
import { ROOT } from '../../support/run-ff.ts'

const LIMITS = {
  cwd: tmpdir(),
  env: { GIVEN: 'x' },
  timeoutMs: 20_000,
  signal: new AbortController().signal,
}
const PID = /(?:^|\n)pid (\d+)\n/
const shell = (script: string, limits = {}) =>
  startProgram(['/bin/sh', '-c', script], { ...LIMITS, ...limits })
/** False for a zombie, which is dead but not reaped yet. */
const isThere = (pid: string): boolean =>
  existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))

test('a program that runs on: its output is read, and kill ends it', async () => {
  const program = shell('echo "pid $$"; exec sleep 60')
  const said = await program.says(PID)
  if (!said.ok) throw new Error(said.last_line)
  expect(isThere(said.text)).toBe(true)
  await program.kill()
  expect(isThere(said.text)).toBe(false)
  await program.kill()
})

test('a program gets the given environment and PATH, nothing else', async () => {
  process.env['FF_OF_A_TEST'] = 'x'
  const program = shell('env | sort | tr "\\n" " "; echo " end"')
  const said = await program.says(/^(.*) end\n/)
  delete process.env['FF_OF_A_TEST']
  expect(said).toMatchObject({ ok: true, text: expect.stringContaining('GIVEN=x') })
  expect(said).toMatchObject({ text: expect.not.stringMatching('FF_OF_A_TEST') })
})

test.each([
  ['ends', 'echo one; echo two >&2; exit 3', () => ({})],
  ['takes longer than it may', 'echo two; exec sleep 60', () => ({ timeoutMs: 300 })],
  [
    'is ended with the run',
    'echo two; exec sleep 60',
    () => ({ signal: AbortSignal.timeout(300) }),
  ],
])(
  'a program that %s without a match: its last line is returned',
  async (_what, script, limits) => {
    expect(await shell(script, limits()).says(PID)).toEqual({ ok: false, last_line: 'two' })
  },
)

test('a program that cannot be started: the error is its last line', async () => {
  const said = await startProgram(['/no/such/program'], LIMITS).says(PID)
  expect(said).toEqual({ ok: false, last_line: expect.stringContaining('/no/such/program') })
})

test('a program dies with the process that started it, kill -9 included', async () => {
  const module = JSON.stringify(join(ROOT, 'dist/src/adapters/process/start-program.js'))
  const script = `import { startProgram } from ${module}
    const signal = new AbortController().signal
    const limits = { cwd: '/', timeoutMs: 60_000, signal }
    const { says } = startProgram(['/bin/sh', '-c', 'echo "pid $$"; exec sleep 60'], limits)
    process.stdout.write((await says(${String(PID)})).text + '\\n')`
  const starter = spawn(process.execPath, ['--input-type=module', '--eval', script])
  const [line] = (await once(starter.stdout, 'data')) as [Buffer]
  const pid = String(line).trim()
  expect(isThere(pid)).toBe(true)
  starter.kill('SIGKILL')
  for (let tries = 0; isThere(pid) && tries < 50; tries += 1) await sleep(20)
  expect(isThere(pid)).toBe(false)
})
