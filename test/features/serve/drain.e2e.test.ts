import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { ask, openFileTarget, startService } from '../../support/service.ts'

const EVALUATE = '/v1/flags/evaluate'
const BODY = '{"flag_key":"ff.sample.banner"}'
const sockets: Socket[] = []
afterEach(() => sockets.splice(0).forEach((socket) => socket.destroy()))

function dial(origin: string, text: string): Promise<void> {
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => undefined) // The end of the service may reset it.
  return new Promise((resolve) => socket.once('connect', () => socket.write(text, () => resolve())))
}
const head = (length: number): string =>
  `POST ${EVALUATE} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`

describe.each(['SIGTERM', 'SIGHUP'] as const)('S9: %s', (signal) => {
  test('at 150 fresh connections a second serves all of them during the delay', async () => {
    const target = await openFileTarget()
    const service = await startService({ ...target.env, FF_DRAIN_DELAY: '1' })
    const seen: string[] = []
    const pending: Promise<unknown>[] = []
    const sendOne = (): unknown =>
      pending.push(
        ask(service.origin, EVALUATE, { body: BODY, headers: { connection: 'close' } }).then(
          ({ status }) => seen.push(String(status)),
          (error: NodeJS.ErrnoException) => seen.push(String(error.code)),
        ),
      )
    const load = setInterval(sendOne, 7)
    await sleep(200)
    const ended = service.stop(signal)
    const since = performance.now()
    await expect
      .poll(async () => (await ask(service.origin, '/health/ready')).text)
      .toContain('"status":"draining"')
    expect((await ask(service.origin, EVALUATE, { body: BODY })).status).toBe(200)
    const { status } = await ended
    expect(performance.now() - since).toBeGreaterThan(1_000)
    clearInterval(load)
    await Promise.all(pending)
    expect(status).toBe(0)
    // The kernel may reset one that it has accepted at the moment at which the listener closes.
    expect(seen.filter((one) => one === 'ECONNRESET').length).toBeLessThan(2)
    const others = seen.filter((one) => one !== 'ECONNRESET')
    expect(new Set(others)).toEqual(new Set(['200', 'ECONNREFUSED']))
    await target.remove()
  })
})

test('what still hangs after the bound of the drain does not keep the process', async () => {
  const service = await startService({ FF_DRAIN_TIMEOUT: '0.5' })
  await dial(service.origin, '') // silent
  await dial(service.origin, 'GET / HT')
  await dial(service.origin, `${head(BODY.length)}{`)
  await dial(service.origin, `${head(BODY.length)}${BODY}`.repeat(10))
  sockets.at(-1)?.resetAndDestroy()
  const since = performance.now()
  expect((await service.stop()).status).toBe(0)
  expect(performance.now() - since).toBeLessThan(3_000)
})

test('what hangs on both ports leaves the time to close the store', async () => {
  const service = await startService({ FF_ADMIN_LISTEN: '127.0.0.1:0', FF_DRAIN_TIMEOUT: '3' })
  const findAdmin = () => /Health and metrics on (http:\S+:\d+)/.exec(service.stdout())?.[1]
  await expect.poll(findAdmin).toBeDefined()
  const both = [service.origin, findAdmin() ?? '']
  for (const origin of both) await dial(origin, `${head(BODY.length)}{`)
  const { status, stderr } = await service.stop()
  expect(status).toBe(0)
  expect(stderr).not.toContain('ended before all was closed')
})

test('S8: a log that is not read drops lines, counts them, and does not keep the process', async () => {
  const service = await startService()
  service.child.stderr?.pause()
  const refused = { body: '{}', headers: { 'x-request-id': 'r'.repeat(120) } }
  const countDropped = async (): Promise<number> => {
    for (let at = 0; at < 500; at += 100)
      await Promise.all(Array.from({ length: 100 }, () => ask(service.origin, EVALUATE, refused)))
    const { text } = await ask(service.origin, '/metrics')
    return Number(/^ff_log_lines_dropped_total (\d+)$/m.exec(text)?.[1])
  }
  await expect.poll(countDropped, { timeout: 20_000 }).toBeGreaterThan(100)
  const since = performance.now()
  service.child.kill('SIGTERM')
  await new Promise((resolve) => service.child.once('exit', resolve))
  expect(service.child.exitCode).toBe(0)
  expect(performance.now() - since).toBeLessThan(3_000)
})
