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
/** What is dead and only waits to be noticed is not there. */
const isThere = (pid: string): boolean =>
  existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))

test('it says what it says, runs on, and is gone when it is killed', async () => {
  const program = shell('echo "pid $$"; exec sleep 60')
  const said = await program.says(PID)
  if (!said.ok) throw new Error(said.last_line)
  expect(isThere(said.text)).toBe(true)
  await program.kill()
  expect(isThere(said.text)).toBe(false)
  await program.kill()
})

test('it has no environment but what it is given, and the path', async () => {
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
])('where it %s without saying it, its last words are told', async (_what, script, limits) => {
  expect(await shell(script, limits()).says(PID)).toEqual({ ok: false, last_line: 'two' })
})

test('one that cannot be started says so', async () => {
  const said = await startProgram(['/no/such/program'], LIMITS).says(PID)
  expect(said).toEqual({ ok: false, last_line: expect.stringContaining('/no/such/program') })
})

test('it goes with whoever started it, however that went', async () => {
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
