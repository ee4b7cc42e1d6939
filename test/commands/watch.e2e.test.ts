import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestCutover } from '../support/cutover.ts'
import { onTerminal } from '../support/pty.ts'
import { finished, ROOT, runFf, startFf } from '../support/run-ff.ts'
import { until } from '../support/until.ts'

let cutover: TestCutover
beforeAll(async () => {
  cutover = await TestCutover.open(true)
})
afterAll(() => cutover.close())

/** The watch of the cutover in a process of its own, and what it has printed. */
function startWatch(...options: readonly string[]) {
  const child = startFf(['observe', 'watch', ...options], { cwd: cutover.root, env: cutover.env })
  const ended = finished(child)
  let said = ''
  child.stdout?.on('data', (text: string) => (said += text))
  return { child, ended, said: () => said }
}

describe('ff observe watch', () => {
  test('follows a cutover line by line, names what is missing, and ends 0 by SIGTERM', async () => {
    const { child, ended, said } = startWatch()
    await until(() => said().includes('Cutover, phase: file'))
    await cutover.step('advance', '--one-writer')
    await until(() => said().includes('Cutover, phase: dual_write'))
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ status: 0, stderr: '' })
    expect(said()).toContain('Instances now, not known: No instance of staging is named.')
    expect(said()).toMatch(
      /Next, on: ff cutover status +\(few_instances|Next, on: ff cutover advance/,
    )
  })

  test('draws over its screen on a terminal, and ends 130 by Ctrl-C', async () => {
    const command = [process.execPath, `${ROOT}/dist/bin/ff.js`, 'observe', 'watch']
    const script = [['Cutover  read', '\u0003']] as const
    const { status, screen } = await onTerminal(command, script, {
      cwd: cutover.root,
      env: cutover.env,
    })
    expect(status).toBe(130)
    expect(screen).toContain('\u001B[H')
  })

  test('serves its page until Ctrl-C with --web', async () => {
    const { child, ended, said } = startWatch('--web')
    await until(() => said().includes('\n'))
    const [, origin = ''] = /^Watch at (http:\/\/127\.0\.0\.1:\d+)\/\n$/.exec(said()) ?? []
    const { body } = await fetch(`${origin}/events`)
    let events = ''
    const reading = (async () => {
      for await (const bytes of body ?? []) events += Buffer.from(bytes).toString('utf8')
    })()
    await until(() => events.includes('phase dual_write'))
    child.kill('SIGINT')
    await reading
    expect(await ended).toMatchObject({ status: 130, stderr: '' })
  })

  test.each([
    [['--port', '8430'], 'option_invalid'],
    [['--web', '--port', '0'], 'option_invalid'],
    [['--staging', 'http://127.0.0.1:1'], 'target_invalid'],
  ])('refuses %j', async (options, code) => {
    const { status, stderr } = await runFf(['observe', 'watch', ...options], { cwd: cutover.root })
    expect([status, stderr.includes(code)]).toEqual([2, true])
  })
})
