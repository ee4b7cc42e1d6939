import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FaultProxy } from '../faults/tcp-proxy.ts'
import { connect, createDatabase, type TestDatabase, getUrl } from '../support/database.ts'
import { finished, type Run, runFf as runNow, startFf } from '../support/run-ff.ts'
import { getCheck, ERROR_FORM, toError, getParity, STACK, until, inTurns } from './outcome.ts'

const runFf = inTurns(runNow)

const SECRET = 'hunter2-S3cret'
const READER = 'ff_cli_reader'

let database: TestDatabase
let readOnly: TestDatabase
let old: TestDatabase
beforeAll(async () => {
  ;[database, readOnly, old] = await Promise.all([
    createDatabase('18'),
    createDatabase('18'),
    createDatabase('13'),
  ])
  const admin = await connect('18')
  await admin.query(`ALTER DATABASE ${readOnly.database} SET default_transaction_read_only = on`)
  await admin.query(`DROP ROLE IF EXISTS ${READER}; CREATE ROLE ${READER} LOGIN`)
  await admin.end()
})
afterAll(async () => {
  await Promise.all([database, readOnly, old].map((one) => one.drop()))
  const admin = await connect('18')
  await admin.query(`DROP ROLE ${READER}`)
  await admin.end()
})

const run = (candidate: string, env: Readonly<Record<string, string>> = {}): Promise<Run> =>
  runFf(['parity', 'run', '--candidate', candidate, '--format', 'json'], { env })

/** Starts a test server on a free port. */
async function listen(serve: (socket: Socket) => void): Promise<{ port: number; server: Server }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined) // The client may close at any time.
    serve(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, server }
}
/** A port that the system never assigns, so it stays closed. */
const CLOSED_PORT = 1
const tcp = (port: number): string => `postgres://postgres@127.0.0.1:${port}/${database.database}`

function expectError(done: Run, exit: number, code: string): void {
  expect({ status: done.status, stderr: done.stderr }).toEqual({
    status: exit,
    stderr: expect.stringMatching(ERROR_FORM(code, exit === 2 ? 'usage' : 'inconclusive')),
  })
  expect(toError(done)).toMatchObject({ code, exitName: exit === 2 ? 'usage' : 'inconclusive' })
  expect(toError(done).hint).not.toBe('')
  expect(done.stdout + done.stderr).not.toMatch(STACK)
}

describe.concurrent('a database that', () => {
  const cases: readonly (readonly [string, number, string, () => Promise<string> | string])[] = [
    ['has no server', 22, 'target_unreachable', () => tcp(CLOSED_PORT)],
    ['has no socket', 22, 'target_unreachable', () => 'postgres://u@/d?host=%2Fnowhere'],
    ['is on no host', 22, 'target_unreachable', () => 'postgres://u@ff.invalid/d'],
    ['is not there', 22, 'target_unreachable', () => getUrl('18', 'no_such_database')],
    ['is PostgreSQL 13', 2, 'server_version_unsupported', () => old.url],
    ['is read-only', 22, 'target_read_only', () => readOnly.url],
    [
      'knows no such role',
      22,
      'rights_missing',
      () => getUrl('18', database.database, 'no_such_role'),
    ],
    [
      'denies this role every CREATE',
      22,
      'rights_missing',
      () => getUrl('18', database.database, READER),
    ],
  ]
  test.each(cases)('%s: exit %s, %s', async (_situation, exit, code, target) => {
    expectError(await run(await target()), exit, code)
  })

  test.each(cases)('%s: the same as a baseline', async (_situation, exit, code, target) => {
    const args = ['parity', 'run', '--baseline', await target(), '--candidate', 'file']
    expectError(await runFf([...args, '--format', 'json']), exit, code)
  })

  test.each(cases)('%s: doctor says so', async (_situation, exit, code, target) => {
    const env = { FF_DATABASE_URL: await target() }
    const done = await runFf(['doctor', '--format', 'json'], { env })
    expect(done.status).toBe(exit)
    const item = getCheck(done).items.find(({ id }) => id === 'candidate')
    expect(item?.codes).toEqual([code])
  })

  test.each(cases)('%s: migrate says so', async (situation, exit, code, target) => {
    const args = ['migrate', 'up', '--format', 'json']
    const done = await runFf(args, { env: { FF_DATABASE_URL: await target() } })
    expect({ situation, status: done.status, code: toError(done).code }).toEqual({
      situation,
      status: exit,
      code,
    })
  })

  test('was refused is left unchanged', async () => {
    const own = await createDatabase('18')
    await run(getUrl('18', own.database, READER))
    await run(readOnly.url)
    for (const { database: name } of [own, readOnly]) {
      const client = await connect('18', name)
      const { rows } = await client.query("SELECT nspname FROM pg_namespace WHERE nspname ~ '^ff'")
      await client.end()
      expect(rows).toEqual([])
    }
    await own.drop()
  })

  test('fails on both sides is reported once, with the first code', async () => {
    const args = ['parity', 'run', '--baseline', old.url, '--candidate', tcp(CLOSED_PORT)]
    const done = await runFf([...args, '--format', 'json'])
    // A usage fault precedes an inconclusive result in the order of exits.
    expect(done.status).toBe(2)
    expect(toError(done).code).toBe('server_version_unsupported')
  })
})

describe.concurrent('a target that', () => {
  test.each([
    ['is not a target', 'mysql://db/flags'],
    ['is empty', ''],
    ['is a word', 'embeded'],
    ['is a folder without its prefix', '/var/lib/ff'],
    ['names no folder', 'file:'],
    ['names an unset variable', 'env:FF_NOT_SET'],
    ['names no variable', 'env:'],
    ['names a member of Object.prototype', 'env:constructor'],
    ['has an invalid port', 'postgres://postgres@127.0.0.1:99999/flags'],
    ['has a port that is a word', 'postgres://postgres@127.0.0.1:five/flags'],
    ['has an invalid escape', 'postgres://postgres@127.0.0.1/%zz'],
  ])('%s is refused', async (_situation, target) => {
    expectError(await run(target), 2, 'target_invalid')
  })

  test('names a variable that names another is refused', async () => {
    expectError(await run('env:ONE', { ONE: 'env:TWO', TWO: 'file' }), 2, 'target_invalid')
  })
})

describe.concurrent('a password', () => {
  const withPassword: readonly (readonly [string, string])[] = [
    ['in a URL', `postgres://ff:${SECRET}@127.0.0.1/flags`],
    ['in a URL of the long scheme', `postgresql://ff:${SECRET}@127.0.0.1/flags`],
    ['in the query of a URL', `postgres://127.0.0.1/flags?user=ff&password=${SECRET}`],
    ['in the query, escaped', `postgres://127.0.0.1/flags?p%61ssword=${SECRET}`],
    ['of a key file', `postgres://127.0.0.1/flags?sslpassword=${SECRET}`],
    ['with an @ in it', `postgres://ff:${SECRET}@home@127.0.0.1/flags`],
    ['with a / in it', `postgres://ff:${SECRET}/x@127.0.0.1/flags`],
    ['in a URL with a scheme in capitals', `POSTGRES://ff:${SECRET}@127.0.0.1/flags`],
    ['in a URL of another scheme', `mysql://ff:${SECRET}@127.0.0.1/flags`],
    ['in a connection string of words', `host=127.0.0.1 user=ff password=${SECRET}`],
    ['after a blank', ` postgres://ff:${SECRET}@127.0.0.1/flags`],
  ]
  const commands = (target: string): readonly (readonly string[])[] => [
    ['parity', 'run', '--candidate', target],
    ['parity', 'exhaustive', `--baseline=${target}`],
    ['migrate', 'status', '--database', target],
  ]
  const formats = [['--format', 'json'], ['--debug'], ['--format', 'junit', '--debug']]

  test.each(withPassword)('%s is refused and shown nowhere', async (_situation, target) => {
    for (const [at, command] of commands(target).entries()) {
      const done = await runFf([...command, ...(formats[at] ?? [])])
      expect(done.status).toBe(2)
      expect(done.stdout + done.stderr).not.toContain(SECRET)
    }
  })

  test('in an option has a code of its own', async () => {
    expectError(await run(`postgres://ff:${SECRET}@127.0.0.1/flags`), 2, 'secret_in_option')
    expectError(await run(`postgres://h/d?user=ff&password=${SECRET}`), 2, 'secret_in_option')
  })

  test.each([
    ['with a command missing', [`postgres://ff:${SECRET}@127.0.0.1/flags`]],
    ['with the option missing', ['parity', 'run', `postgres://ff:${SECRET}@127.0.0.1/flags`]],
    ['with the option mistyped', ['parity', 'run', `--candidat=postgres://ff:${SECRET}@h/d`]],
    ['as a format', ['parity', 'run', '--format', `postgres://ff:${SECRET}@h/d`]],
    ['as a vector', ['parity', 'run', '--vector', `postgres://ff:${SECRET}@h/d`]],
    ['as a topic', ['help', `postgres://ff:${SECRET}@h/d`]],
  ])('in the wrong place, %s, is never shown', async (_situation, args) => {
    const done = await runFf([...args, '--debug'])
    expect(done.status).toBe(2)
    expect(done.stdout + done.stderr).not.toContain(SECRET)
  })

  test.each([
    [
      'of an unreachable server',
      (port: number) => `postgres://ff:${SECRET}@127.0.0.1:${port}/d`,
      22,
    ],
    ['in an invalid URL', () => `postgres://ff:${SECRET}@127.0.0.1:99999/d`, 2],
    ['with unescaped characters', () => `postgres://ff:${SECRET}#?/@127.0.0.1/d`, 2],
    ['in a text that is no URL', () => `host=127.0.0.1 password=${SECRET}`, 2],
  ] as const)('in the environment, %s, is never shown', async (_situation, target, exit) => {
    const env = { FF_DATABASE_URL: target(CLOSED_PORT) }
    for (const args of [
      ['parity', 'run', '--format', 'json', '--debug'],
      ['parity', 'run'],
      ['doctor', '--debug'],
      ['migrate', 'status', '--debug'],
    ]) {
      const done = await runFf(args, { env })
      expect({ args, status: done.status }).toEqual({ args, status: exit })
      expect(done.stdout + done.stderr).not.toContain(SECRET)
    }
  })
})

/** Writes until the other end closes. */
function flood(socket: Socket): void {
  if (!socket.writable) return
  if (socket.write('N'.repeat(65_536))) setImmediate(() => flood(socket))
  else socket.once('drain', () => flood(socket))
}

describe.concurrent('a server that', () => {
  test.for<[string, (socket: Socket) => void]>([
    ['accepts and never answers', () => undefined],
    ['answers in another protocol', (socket) => socket.write('HTTP/1.1 418 I am a teapot\r\n\r\n')],
    ['answers without an end', (socket) => flood(socket)],
    [
      'requests an unknown authentication method',
      (socket) =>
        socket.once('data', () => socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 99]))),
    ],
    ['hangs up at once', (socket) => socket.destroy()],
    ['resets at once', (socket) => socket.resetAndDestroy()],
    [
      'hangs up in the middle of a message',
      (socket) => socket.once('data', () => socket.end(Buffer.from([0x52, 0, 0, 0, 99, 0]))),
    ],
    [
      'announces a message of 2 GB',
      (socket) =>
        socket.once('data', () => socket.write(Buffer.from([0x52, 0x7f, 0xff, 0xff, 0xff, 0]))),
    ],
  ])('%s is inconclusive within 15 s', async ([, serve], { expect: expects }) => {
    const { port, server } = await listen(serve)
    const started = performance.now()
    const child = startFf(['parity', 'run', '--candidate', tcp(port), '--format', 'json'])
    const bound = setTimeout(() => child.kill('SIGKILL'), 20_000)
    const done = await finished(child)
    clearTimeout(bound)
    server.close()
    expects({ status: done.status, stderr: done.stderr }).toEqual({
      status: 22,
      stderr: expect.stringContaining('exit inconclusive]'),
    })
    expects(performance.now() - started).toBeLessThan(15_000)
    expects(toError(done).exitName).toBe('inconclusive')
    expects(done.stdout + done.stderr).not.toMatch(STACK)
  })

  /** Runs through a proxy whose fault begins once the scratch schema exists. */
  async function runWithFault(
    fault: Parameters<FaultProxy['set']>[0],
    args: readonly string[] = [],
  ): Promise<Run & { readonly ms: number }> {
    const own = await createDatabase('18')
    const watcher = await connect('18', own.database)
    const path = `${own.config.host ?? ''}/.s.PGSQL.5432`
    const proxy = await FaultProxy.to({ path })
    const url = `postgres://postgres@127.0.0.1:${proxy.port}/${own.database}`
    const child = startFf(['parity', 'exhaustive', '--candidate', url].concat(args))
    const end = finished(child)
    const bound = setTimeout(() => child.kill('SIGKILL'), 50_000)
    await until('the scratch schema', async () => {
      const text =
        "SELECT FROM pg_tables WHERE schemaname ~ '^ff_scratch' AND tablename = 'user_override'"
      return (await watcher.query(text)).rowCount === 1
    })
    await proxy.set(fault)
    const started = performance.now()
    const done = await end
    clearTimeout(bound)
    await proxy.close()
    await watcher.end()
    await own.drop()
    return { ...done, ms: performance.now() - started }
  }

  test.for<[string, Parameters<FaultProxy['set']>[0]]>([
    ['goes silent both ways', { kind: 'blackhole', direction: 'both' }],
    ['loses its answers', { kind: 'blackhole', direction: 'to_client' }],
    ['is cut off', { kind: 'reset' }],
    ['refuses connections', { kind: 'refuse' }],
    ['sends garbage', { kind: 'garbage' }],
  ])('%s in the middle of a run is inconclusive', async ([, fault], { expect: expects }) => {
    const done = await runWithFault(fault)
    expects(done.status, done.stderr).toBe(22)
    expects(done.stdout + done.stderr).not.toMatch(STACK)
    expects(done.ms).toBeLessThan(40_000)
  })

  test('is only slow is still measured', async ({ expect: expects }) => {
    const own = await createDatabase('18')
    const proxy = await FaultProxy.to({ path: `${own.config.host ?? ''}/.s.PGSQL.5432` })
    await proxy.set({ kind: 'latency', ms: 5 })
    const done = await run(`postgres://postgres@127.0.0.1:${proxy.port}/${own.database}`)
    await proxy.close()
    await own.drop()
    expects(done.status).toBe(0)
    expects(getParity(done).counts).toMatchObject({ expected: 17, compared: 17 })
  })

  test('never answers does not outlive --timeout', async ({ expect: expects }) => {
    const { port, server } = await listen(() => undefined)
    const started = performance.now()
    const args = ['parity', 'run', '--candidate', tcp(port), '--timeout', '1', '--format', 'json']
    const done = await runFf(args)
    server.close()
    // 124 precedes 22 in the order of exits.
    expects(done.status).toBe(124)
    expects(performance.now() - started).toBeLessThan(10_000)
  })

  test('goes silent does not outlive --timeout by much', async ({ expect: expects }) => {
    const fault = { kind: 'blackhole', direction: 'both' } as const
    const done = await runWithFault(fault, ['--timeout', '3', '--format', 'json'])
    expects(done.status, done.stderr).toBe(124)
    expects(done.stdout).toMatch(/"exitName": "timeout"/)
  })
})
