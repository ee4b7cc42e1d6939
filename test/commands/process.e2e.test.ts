import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  writeFile,
  utimes,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parityRun } from '../../src/features/parity/parity.ts'
import { FaultProxy } from '../faults/tcp-proxy.ts'
import { connect, createDatabase, type TestDatabase } from '../support/database.ts'
import { replace, withFault } from '../support/faults.ts'
import { copyPackage, finished, ROOT, type Run, spawnFf, startFf } from '../support/run-ff.ts'
import { runInProcess } from '../support/run-in-process.ts'
import { getCheck, editJson, toError, getParity, getProcesses, STACK, until } from './outcome.ts'

const { replaceable } = await vi.hoisted(() => {
  vi.resetModules() // Files share a process: what an earlier one loaded is not replaceable.
  return import('../support/faults.ts')
})
vi.mock(import('../../src/features/parity/parity.ts'), replaceable)

interface Matrix {
  readonly vectors: { readonly then: { decision: string } }[]
}
interface Oracle {
  readonly outcomes: { readonly meta: { override_revision: number | null } }[]
}

const FF = join(ROOT, 'dist/bin/ff.js')
let folder = ''
let database: TestDatabase
let watcher: pg.Client
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'ff-process-')))
  database = await createDatabase('18')
  watcher = await connect('18', database.database)
  await watcher.query(
    "CREATE SCHEMA ff; CREATE TABLE ff.flag_registry (flag_key text); INSERT INTO ff.flag_registry VALUES ('ff.kept')",
  )
})
afterAll(async () => {
  await watcher.end()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode === null && signalCode === null
const scratchSchemas = async (client = watcher): Promise<readonly string[]> => {
  const text = "SELECT nspname AS name FROM pg_namespace WHERE nspname ~ '^ff_'"
  return (await client.query<{ name: string }>(text)).rows.map(({ name }) => name)
}
const startOnServer = (url = database.url): ChildProcess =>
  startFf(['parity', 'exhaustive', '--candidate', url, '--format', 'json'])

async function expectNothingTouched(): Promise<void> {
  expect(await scratchSchemas()).toEqual([])
  const { rows } = await watcher.query('SELECT * FROM ff.flag_registry')
  expect(rows).toEqual([{ flag_key: 'ff.kept' }])
  const { rows: tables } = await watcher.query<{ tablename: string }>(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'ff'",
  )
  expect(tables).toEqual([{ tablename: 'flag_registry' }])
}

const STATUS = { SIGINT: 130, SIGTERM: 143 } as const
const NAME = { SIGINT: 'interrupted', SIGTERM: 'terminated' } as const

/** The result of a signalled run: cancelled, already finished, or killed before it listened. */
function expectEndedBy(signal: keyof typeof STATUS, done: Run): void {
  if (done.signal !== null) {
    // Before the listener was installed, or after the report was out.
    expect(done.signal).toBe(signal)
    if (done.stdout !== '') expect(getParity(done).vectors).toHaveLength(17)
    return
  }
  expect([0, STATUS[signal]], done.stderr).toContain(done.status)
  const said = JSON.parse(done.stdout) as { exitName?: string; error?: { exitName: string } }
  const name = said.exitName ?? said.error?.exitName
  expect(name).toBe(done.status === 0 ? 'ok' : NAME[signal])
  if (done.status !== 0 && said.error === undefined) {
    expect(getParity(done)).toMatchObject({ verdict: 'cancelled', exitCode: STATUS[signal] })
  }
}

describe.each(['SIGINT', 'SIGTERM'] as const)('%s', (signal) => {
  test('at any moment leaves no schema and touches nothing of ff', async () => {
    const start = (): ChildProcess =>
      startFf(['parity', 'run', '--candidate', database.url, '--format', 'json'])
    const began = performance.now()
    expect((await finished(start())).status).toBe(0)
    const wholeMs = performance.now() - began
    const ended: (number | null)[] = []
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const child = start()
      const end = finished(child)
      await sleep((wholeMs * tenth) / 10)
      child.kill(signal)
      const done = await end
      expectEndedBy(signal, done)
      ended.push(done.status)
      await expectNothingTouched()
    }
    expect(ended.filter((status) => status === STATUS[signal]).length).toBeGreaterThan(1)
  })

  test('during the requests ends it with a partial report', async () => {
    const child = startOnServer()
    const end = finished(child)
    await until('rows', async () => {
      const [schema] = await scratchSchemas()
      if (schema === undefined) return false
      const text = `SELECT FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'SELECT%' || $2 || '%'`
      return (await watcher.query(text, [database.database, schema])).rowCount !== 0
    })
    child.kill(signal)
    const done = await end
    expect(done).toMatchObject({ status: STATUS[signal], signal: null })
    const report = getParity(done)
    expect(report).toMatchObject({ verdict: 'cancelled', exitName: NAME[signal] })
    expect(report.counts.compared + report.counts.neverReached).toBe(360)
    expect(report.counts.neverReached).toBeGreaterThan(0)
    await expectNothingTouched()
  })

  test('during a check of files ends with its own status', async () => {
    const child = startFf(['doctor', '--format', 'json'], {
      env: { FF_DATABASE_URL: database.url },
    })
    const end = finished(child)
    await until('the scratch schema', async () => (await scratchSchemas()).length === 1)
    child.kill(signal)
    const done = await end
    expect(done).toMatchObject({ status: STATUS[signal], signal: null })
    expect(toError(done).exitName).toBe(NAME[signal])
    await expectNothingTouched()
  })
})

test('SIGINT while the server is silent still ends with its own status', async () => {
  const own = await createDatabase('18')
  const client = await connect('18', own.database)
  const proxy = await FaultProxy.to({ path: `${own.config.host ?? ''}/.s.PGSQL.5432` })
  const child = startOnServer(`postgres://postgres@127.0.0.1:${proxy.port}/${own.database}`)
  const end = finished(child)
  await until('the scratch schema', async () => (await scratchSchemas(client)).length === 1)
  await proxy.set({ kind: 'blackhole', direction: 'both' })
  child.kill('SIGINT')
  const done = await end
  await proxy.close()
  await client.end()
  await own.drop()
  expect(done.signal).toBeNull()
  expect(done.status, done.stderr).toBe(130)
})

test('a second SIGINT ends it at once, and the next run cleans up', async () => {
  const proxy = await FaultProxy.to({ path: `${database.config.host ?? ''}/.s.PGSQL.5432` })
  const child = startOnServer(`postgres://postgres@127.0.0.1:${proxy.port}/${database.database}`)
  const end = finished(child)
  await until('the scratch schema', async () => (await scratchSchemas()).length === 1)
  await proxy.set({ kind: 'blackhole', direction: 'both' })
  child.kill('SIGINT')
  await sleep(500)
  expect(isAlive(child)).toBe(true)
  const started = performance.now()
  child.kill('SIGINT')
  const done = await end
  expect(performance.now() - started).toBeLessThan(1_000)
  expect(done.status === 130 || done.signal === 'SIGINT').toBe(true)
  await proxy.close()
  expect(await scratchSchemas()).toHaveLength(1)
  await until('the end of its session', async () => {
    const text = 'SELECT FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()'
    return (await watcher.query(text, [database.database])).rowCount === 0
  })
  expect((await spawnFf(['parity', 'run', '--candidate', database.url])).status).toBe(0)
  await expectNothingTouched()
})

test('after kill -9 the next run cleans up, but spares a live run', async () => {
  const child = startOnServer()
  const end = finished(child)
  await until('the scratch schema', async () => (await scratchSchemas()).length === 1)
  child.kill('SIGKILL')
  expect((await end).signal).toBe('SIGKILL')
  const left = await scratchSchemas()
  expect(left).toHaveLength(1)

  const alive = startOnServer()
  const aliveEnd = finished(alive)
  await until('another scratch schema', async () =>
    (await scratchSchemas()).some((name) => !left.includes(name)),
  )
  const beside = await spawnFf(['parity', 'run', '--candidate', database.url])
  expect([beside.status, (await aliveEnd).status]).toEqual([0, 0])
  await expectNothingTouched()
})

test('four runs at once against one database all end 0', async () => {
  const runs = await Promise.all(
    [0, 1, 2, 3].map(() => spawnFf(['parity', 'run', '--candidate', database.url])),
  )
  expect(runs.map(({ status }) => status)).toEqual([0, 0, 0, 0])
  await expectNothingTouched()
})

describe.concurrent('on the embedded default', () => {
  /** Starts it in its own process group, as a shell does, with its own temporary folder. */
  function startGroup(home: string): ChildProcess {
    return spawn(process.execPath, [FF, 'parity', 'exhaustive', '--format', 'json'], {
      detached: true,
      env: { PATH: process.env['PATH'], TMPDIR: home },
    })
  }
  const getHome = (): Promise<string> => mkdtemp(join(folder, 'home-'))

  test.each([100, 300, 500, 700, 1_000])(
    'Ctrl-C on the terminal after %s ms leaves no server and no folder',
    async (momentMs) => {
      const home = await getHome()
      const child = startGroup(home)
      const end = finished(child)
      await sleep(momentMs)
      process.kill(-(child.pid ?? Number.NaN), 'SIGINT')
      expectEndedBy('SIGINT', await end)
      expect(await getProcesses(home)).toEqual([])
      expect(await readdir(home)).toEqual([])
    },
  )

  /** The clean-up spares an unnamed folder for a minute. */
  const ageUnnamed = async (home: string): Promise<void> => {
    const unnamed = (await readdir(home)).filter((name) => name.startsWith('.making-'))
    const then = Date.now() / 1000 - 120
    await Promise.all(unnamed.map((name) => utimes(join(home, name), then, then)))
  }
  const SIGNS = ['its folder', 'its process', 'its socket'] as const
  const sign = (what: (typeof SIGNS)[number], home: string): Promise<void> =>
    until(what, async () => {
      if (what === 'its folder') return (await readdir(home)).length > 0
      if (what === 'its process') return (await getProcesses(home)).length > 0
      const names = await readdir(home, { recursive: true }).catch(() => [])
      return names.some((name) => name.endsWith('.s.PGSQL.5432'))
    })

  test.each(SIGNS)('Ctrl-C on the terminal at the first sign of %s is heard', async (what) => {
    const home = await getHome()
    const child = startGroup(home)
    const end = finished(child)
    await sign(what, home)
    process.kill(-(child.pid ?? Number.NaN), 'SIGINT')
    const done = await end
    expect(done.signal).toBeNull()
    expect(done.status, done.stderr).toBe(130)
    expect(await getProcesses(home)).toEqual([])
    expect(await readdir(home)).toEqual([])
  })

  test.each(SIGNS)(
    'after kill -9 at the first sign of %s no server survives, and the next run cleans up',
    async (what) => {
      const home = await getHome()
      const child = startGroup(home)
      const end = finished(child)
      await sign(what, home)
      child.kill('SIGKILL')
      expect((await end).signal).toBe('SIGKILL')
      await until('the end of the server', async () => (await getProcesses(home)).length === 0)
      expect(await readdir(home)).not.toEqual([])
      await ageUnnamed(home)
      const next = await spawnFf(['parity', 'run'], { env: { TMPDIR: home } })
      expect(next.status).toBe(0)
      expect(await readdir(home)).toEqual([])
    },
  )

  test('a no-go stays a no-go after the server is gone', async () => {
    const copy = await copyPackage()
    await editJson<Matrix>(join(copy.root, 'vectors/parity_test_matrix.json'), ({ vectors }) => {
      for (const { then } of vectors) then.decision = 'deny'
    })
    const done = await spawnFf(['parity', 'run'], { root: copy.root })
    await copy.remove()
    expect(done.status).toBe(20)
  })
})

describe.concurrent('a promise that never settles', () => {
  test('in a feature does not end in 0', async () => {
    const env = { NODE_OPTIONS: `--import=${new URL('never-settles.mjs', import.meta.url).href}` }
    const done = await spawnFf(['parity', 'run', '--candidate', 'file'], { env })
    expect(done).toMatchObject({ status: 1, signal: null, stdout: '' })
    expect(done.stderr).toMatch(/never settles: \w+/)
  })

  test('at the start does not end in 0', async () => {
    const copy = await copyPackage()
    const main = join(copy.root, 'dist/src/main.js')
    await rm(main)
    await writeFile(main, 'export const main = () => new Promise(() => {})\n')
    const done = await spawnFf(['parity', 'run', '--candidate', 'file'], { root: copy.root })
    await copy.remove()
    expect(done).toMatchObject({ status: 1, signal: null, stdout: '', stderr: '' })
  })

  test('ends at --timeout', () =>
    withFault(UNTIL_ENDED, async () => {
      const args = ['parity', 'run', '--candidate', 'file', '--timeout', '1']
      const done = await runInProcess(args)
      expect([1, 124]).toContain(done.status)
    }))
  const UNTIL_ENDED = replace(
    parityRun,
    () =>
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new Error('aborted')))
        }),
  )
})

describe.concurrent('a reader that', () => {
  let large = ''
  beforeAll(async () => {
    large = join(folder, 'large.json')
    const vectors = Array.from({ length: 5_000 }, (_, at) => at)
    await writeFile(
      large,
      JSON.stringify({ kind: 'parity_test_matrix', schemaVersion: 1, vectors }),
    )
  })
  const startLarge = (): ChildProcess =>
    startFf(['artefacts', 'validate', large, '--format', 'json'])

  /** Reads a first chunk, sleeps for 2 s, and reads the rest. */
  async function readSlowly(child: ChildProcess): Promise<Run> {
    const { stdout } = child
    if (stdout === null) throw new Error('no pipe')
    const closed = once(child, 'close')
    const chunks: Buffer[] = []
    const take = (chunk: Buffer): void => void chunks.push(chunk)
    await once(stdout, 'readable')
    await sleep(2_000)
    stdout.on('data', take)
    const [status] = (await closed) as [number | null]
    return { status, signal: null, stdout: Buffer.concat(chunks).toString(), stderr: '' }
  }

  test('pauses gets a whole report larger than a pipe, with the right status', async () => {
    const done = await readSlowly(startLarge())
    expect(done.status).toBe(2)
    expect(done.stdout.length).toBeGreaterThan(400_000)
    expect(getCheck(done).findings).toHaveLength(5_000)
  })

  test('pauses gets all 360 cells, and a no-go stays one', async () => {
    const copy = await copyPackage()
    await editJson<Oracle>(join(copy.root, 'vectors/oracle_cells.json'), ({ outcomes }) => {
      for (const { meta } of outcomes) meta.override_revision = 9
    })
    const args = ['parity', 'exhaustive', '--candidate', 'file', '--format', 'json']
    const done = await readSlowly(startFf(args, { root: copy.root }))
    await copy.remove()
    expect(done.status).toBe(20)
    expect(done.stdout.length).toBeGreaterThan(400_000)
    expect(getParity(done).cells).toHaveLength(360)
  })

  test.each([
    ['of a large report', startLarge],
    ['of a small report', () => startFf(['artefacts', 'validate'])],
    ['of help', () => startFf(['--help'])],
    ['of the version', () => startFf(['--version'])],
    ['of a topic', () => startFf(['help', 'exit-codes'])],
  ] as const)('closes at once, %s, leaves status 1 and no crash', async (_situation, start) => {
    const child = start()
    child.stdout?.destroy()
    const done = await finished(child)
    expect(done).toMatchObject({ status: 1, signal: null })
    expect(done.stderr).toContain('[output_failed, exit internal]')
    expect(done.stderr).not.toMatch(STACK)
  })

  test('closes after the first bytes leaves status 1 and no crash', async () => {
    const child = startLarge()
    child.stdout?.once('data', () => child.stdout?.destroy())
    const end = finished(child)
    const done = await end
    expect(done).toMatchObject({ status: 1, signal: null })
    expect(done.stderr).not.toMatch(STACK)
  })

  test('of stderr closes: the verdict stands', async () => {
    const child = startFf(['parity', 'run', '--vector', 'PV-99', '--format', 'json'])
    child.stderr?.destroy()
    const done = await finished(child)
    expect(done.status).toBe(2)
    expect(toError(done).code).toBe('nothing_to_check')
  })

  test('is a full disk leaves status 1', async () => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [FF, 'artefacts', 'validate'], {
      stdio: ['ignore', full, 'pipe'],
      cwd: folder,
      env: { PATH: process.env['PATH'] },
    })
    const done = await finished(child)
    closeSync(full)
    expect(done).toMatchObject({ status: 1, signal: null })
    expect(done.stderr).toContain('[output_failed, exit internal]')
  })
})

describe.concurrent('--output', () => {
  const validate = (...outputs: readonly string[]): Promise<Run> =>
    spawnFf(
      ['artefacts', 'validate', '--format', 'json'].concat(
        outputs.flatMap((one) => ['--output', one]),
      ),
    )

  test('writes complete files in addition to stdout', async () => {
    const place = await mkdtemp(join(folder, 'out-'))
    const paths = {
      json: join(place, 'r.json'),
      junit: join(place, 'r=1.xml'),
      text: join(place, 'r.txt'),
    }
    const outputs = Object.entries(paths).map((pair) => pair.join('='))
    const done = await validate(...outputs)
    expect(done.status).toBe(0)
    expect(await readFile(paths.json, 'utf8')).toBe(done.stdout)
    expect(await readFile(paths.junit, 'utf8')).toMatch(/^<\?xml .*<\/testsuites>\n$/s)
    expect(await readFile(paths.text, 'utf8')).toContain('exit 0 (ok)')
    expect((await readdir(place)).toSorted()).toEqual(['r.json', 'r.txt', 'r=1.xml'])
  })

  test('replaces the report of an earlier run', async () => {
    const place = await mkdtemp(join(folder, 'out-'))
    const path = join(place, 'r.json')
    await writeFile(path, 'x'.repeat(100_000))
    const done = await validate(`json=${path}`)
    expect(await readFile(path, 'utf8')).toBe(done.stdout)
  })

  test('is also written by a failing run', async () => {
    const path = join(folder, 'failed.json')
    const args = ['artefacts', 'validate', '/nowhere.json', '--output', `json=${path}`]
    const done = await spawnFf(args)
    expect(done.status).toBe(2)
    const report = JSON.parse(await readFile(path, 'utf8')) as object
    expect(report).toMatchObject({ verdict: 'fail', exitCode: 2 })
  })

  test.each([
    ['a missing folder', (place: string) => join(place, 'nowhere/r.json')],
    ['a folder that is a file', (place: string) => join(place, 'file/r.json')],
    ['the path of a folder', (place: string) => join(place, 'folder')],
    ['a name that is too long', (place: string) => join(place, 'n'.repeat(300))],
  ])('to %s fails, and leaves no part', async (_situation, pathIn) => {
    const place = await mkdtemp(join(folder, 'out-'))
    await writeFile(join(place, 'file'), 'kept')
    await mkdir(join(place, 'folder'))
    const done = await validate(`json=${pathIn(place)}`)
    expect(done).toMatchObject({ status: 1, signal: null })
    expect(done.stderr).toContain('[output_failed, exit internal]')
    expect(done.stderr).not.toMatch(STACK)
    expect((await readdir(place, { recursive: true })).toSorted()).toEqual(['file', 'folder'])
    expect(await readFile(join(place, 'file'), 'utf8')).toBe('kept')
  })

  test('to a full disk fails, and leaves no part', async () => {
    const place = await mkdtemp(join(folder, 'out-'))
    const path = join(place, 'r.json')
    await writeFile(path, 'of an earlier run')
    const command = [process.execPath, FF, 'artefacts', 'validate', '--output', `json=${path}`]
    const limited = ['ulimit -f 0; exec "$@"', 'sh', ...command]
    const child = spawn('sh', ['-c', ...limited], {
      cwd: folder,
      env: { PATH: process.env['PATH'] },
    })
    const done = await finished(child)
    expect(done).toMatchObject({ status: 1, signal: null })
    expect(done.stderr).toContain('[output_failed, exit internal]')
    expect(await readdir(place)).toEqual([])
  })

  test('removes the report of an earlier run when this one ends in an error', async () => {
    const place = await mkdtemp(join(folder, 'out-'))
    const path = join(place, 'r.json')
    await writeFile(path, '{"verdict": "pass"}')
    const args = ['parity', 'run', '--candidate', 'postgres://u@/d?host=%2Fnowhere']
    const done = await spawnFf([...args, '--output', `json=${path}`])
    expect(done.status).toBe(22)
    expect(await readdir(place)).toEqual([])
  })

  test('writes to an existing pipe, which remains', async () => {
    const place = await mkdtemp(join(folder, 'out-'))
    const path = join(place, 'pipe')
    execFileSync('mkfifo', [path])
    const reader = finished(spawn('cat', [path]))
    const done = await validate(`json=${path}`)
    expect(done.status).toBe(0)
    expect((await reader).stdout).toBe(done.stdout)
    expect((await stat(path)).isFIFO()).toBe(true)
  })

  test.each([['json'], ['json='], ['=r.json'], ['yaml=r.yaml'], [''], ['JSON=r.json']])(
    'called "%s" is a usage fault',
    async (output) => {
      const done = await validate(output)
      expect(done.status).toBe(2)
      expect(toError(done)).toMatchObject({ code: 'option_invalid', exitName: 'usage' })
    },
  )
})
