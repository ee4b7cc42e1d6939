import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, existsSync, openSync } from 'node:fs'
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parityRun } from '../../src/features/parity/parity.ts'
import { replace, withFault } from '../support/faults.ts'
import {
  copyPackage,
  finished,
  ROOT,
  type Run,
  runFf,
  spawnFf,
  startFf,
} from '../support/run-ff.ts'
import { runInProcess } from '../support/run-in-process.ts'
import { getCheck, editJson, toError, getParity, STACK } from './outcome.ts'

const { replaceable } = await vi.hoisted(() => {
  vi.resetModules() // Files share a process: what an earlier one loaded is not replaceable.
  return import('../support/faults.ts')
})
vi.mock(import('../../src/features/parity/parity.ts'), replaceable)

interface Oracle {
  readonly outcomes: { readonly meta?: { override_revision: number | null } }[]
}

const FF = join(ROOT, 'dist/bin/ff.js')
let folder = ''
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'ff-process-')))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.concurrent('a promise that never settles', () => {
  test('in a feature does not end in 0', async () => {
    const env = { NODE_OPTIONS: `--import=${new URL('never-settles.mjs', import.meta.url).href}` }
    const done = await spawnFf(['parity', 'run', '--candidate', 'file', '--allow-same-kind'], {
      env,
    })
    expect(done).toMatchObject({ status: 1, signal: null, stdout: '' })
    expect(done.stderr).toMatch(/never settles: \w+/)
  })

  test('at the start does not end in 0', async () => {
    const copy = await copyPackage()
    const main = join(copy.root, 'dist/src/main.js')
    await rm(main)
    await writeFile(main, 'export const main = () => new Promise(() => {})\n')
    const done = await spawnFf(['parity', 'run', '--candidate', 'file', '--allow-same-kind'], {
      root: copy.root,
    })
    await copy.remove()
    expect(done).toMatchObject({ status: 1, signal: null, stdout: '', stderr: '' })
  })

  test('ends at --timeout', () =>
    withFault(UNTIL_ENDED, async () => {
      const args = ['parity', 'run', '--candidate', 'file', '--allow-same-kind', '--timeout', '1']
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

  test('pauses gets all 360 cells and 92 situations, and a no-go stays one', async () => {
    const copy = await copyPackage()
    await editJson<Oracle>(join(copy.root, 'vectors/oracle_cells.json'), ({ outcomes }) => {
      for (const { meta } of outcomes) if (meta !== undefined) meta.override_revision = 9
    })
    const args = [
      'parity',
      'exhaustive',
      '--candidate',
      'file',
      '--allow-same-kind',
      '--format',
      'json',
    ]
    const done = await readSlowly(startFf(args, { root: copy.root }))
    await copy.remove()
    expect(done.status).toBe(20)
    expect(done.stdout.length).toBeGreaterThan(400_000)
    expect(getParity(done).cells).toHaveLength(452)
  })

  test.each([
    ['of a large report', startLarge],
    ['of a small report', () => startFf(['artefacts', 'validate'])],
    ['of help', () => startFf(['--help'])],
    ['of the version', () => startFf(['--version'])],
    ['of a topic', () => startFf(['help', 'exit-codes'])],
  ] as const)('closes at once, %s, leaves status 22 and no crash', async (_situation, start) => {
    const child = start()
    child.stdout?.destroy()
    const done = await finished(child)
    expect(done).toMatchObject({ status: 22, signal: null })
    expect(done.stderr).toContain('[output_failed, exit inconclusive]')
    expect(done.stderr).not.toMatch(STACK)
  })

  test('closes after the first bytes leaves status 22 and no crash', async () => {
    const child = startLarge()
    child.stdout?.once('data', () => child.stdout?.destroy())
    const end = finished(child)
    const done = await end
    expect(done).toMatchObject({ status: 22, signal: null })
    expect(done.stderr).not.toMatch(STACK)
  })

  test('of stderr closes: the verdict stands', async () => {
    const child = startFf(['parity', 'run', '--vector', 'PV-99', '--format', 'json'])
    child.stderr?.destroy()
    const done = await finished(child)
    expect(done.status).toBe(2)
    expect(toError(done).code).toBe('nothing_to_check')
  })

  test('is a full disk leaves status 22', async () => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [FF, 'artefacts', 'validate'], {
      stdio: ['ignore', full, 'pipe'],
      cwd: folder,
      env: { PATH: process.env['PATH'] },
    })
    const done = await finished(child)
    closeSync(full)
    expect(done).toMatchObject({ status: 22, signal: null })
    expect(done.stderr).toContain('[output_failed, exit inconclusive]')
  })
})

describe.concurrent('--output', () => {
  const toArgs = (outputs: readonly string[]): readonly string[] =>
    ['artefacts', 'validate', '--format', 'json'].concat(
      outputs.flatMap((one) => ['--output', one]),
    )
  const validate = (...outputs: readonly string[]): Promise<Run> => spawnFf(toArgs(outputs))
  /** Where the end of the process is not the subject. */
  const validateHere = (...outputs: readonly string[]): Promise<Run> => runFf(toArgs(outputs))

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
    const done = await validateHere(`json=${path}`)
    expect(await readFile(path, 'utf8')).toBe(done.stdout)
  })

  test('is also written by a failing run', async () => {
    const path = join(folder, 'failed.json')
    const args = ['artefacts', 'validate', '/nowhere.json', '--output', `json=${path}`]
    const done = await runFf(args)
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
    const done = await validateHere(`json=${pathIn(place)}`)
    expect(done).toMatchObject({ status: 22, signal: null })
    expect(done.stderr).toContain('[output_failed, exit inconclusive]')
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
    expect(done).toMatchObject({ status: 22, signal: null })
    expect(done.stderr).toContain('[output_failed, exit inconclusive]')
    expect(await readdir(place)).toEqual([])
  })

  test('removes the report of an earlier run when this one ends in an error', async () => {
    const place = await mkdtemp(join(folder, 'out-'))
    const path = join(place, 'r.json')
    await writeFile(path, '{"verdict": "pass"}')
    const args = ['parity', 'run', '--candidate', 'postgres://u@/d?host=%2Fnowhere']
    const done = await runFf([...args, '--output', `json=${path}`])
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

  test('writes to a process substitution', async () => {
    const place = await mkdtemp(join(folder, 'out-'))
    const script = `"$0" "$1" artefacts validate --timeout 30 --output json=>(cat > ${place}/r.json; touch ${place}/done)`
    const child = spawn('bash', ['-c', script, process.execPath, FF], { cwd: folder })
    expect((await finished(child)).status).toBe(0)
    await vi.waitUntil(() => existsSync(join(place, 'done')), { timeout: 10_000 })
    expect(await readFile(join(place, 'r.json'), 'utf8')).toMatch(/^\{[^]*\}\n$/)
  })

  test.each([
    ['--output', ['artefacts', 'validate', '--output', 'json=pipe']],
    ['--decision', ['gate', '--decision', 'pipe']],
  ])('%s to a pipe that no process reads ends with the time limit', async (_name, args) => {
    const cwd = await mkdtemp(join(folder, 'out-'))
    execFileSync('mkfifo', [join(cwd, 'pipe')])
    const done = await spawnFf([...args, '--timeout', '2'], { cwd })
    expect([done.status, done.stdout]).toEqual([124, ''])
    expect((await stat(join(cwd, 'pipe'))).isFIFO()).toBe(true)
  })

  test('to a pipe that is full ends with the time limit', async () => {
    const cwd = await mkdtemp(join(folder, 'out-'))
    const pipe = join(cwd, 'pipe')
    execFileSync('mkfifo', [pipe])
    const reader = await open(pipe, constants.O_RDWR)
    await reader.write(Buffer.alloc(65_536)) // Its whole buffer (pipe(7)).
    const args = ['artefacts', 'validate', '--output', 'json=pipe', '--timeout', '2']
    const done = await spawnFf(args, { cwd })
    await reader.close()
    expect(done.status).toBe(124)
  })

  test('to an open file of the shell adds to it', async () => {
    const place = await mkdtemp(join(folder, 'out-'))
    const script = `echo first > ${place}/log; "$0" "$1" artefacts validate --output json=/dev/fd/3 3>> ${place}/log`
    const child = spawn('bash', ['-c', script, process.execPath, FF], { cwd: folder })
    expect((await finished(child)).status).toBe(0)
    expect(await readFile(join(place, 'log'), 'utf8')).toMatch(/^first\n\{[^]*\}\n$/)
  })

  test('to a full device says why', async () => {
    const done = await validate('json=/dev/full')
    expect(done).toMatchObject({ status: 22, signal: null })
    expect(done.stderr).toMatch(/ENOSPC[^]*\[output_failed, exit inconclusive\]/)
  })

  test.each([['json'], ['json='], ['=r.json'], ['yaml=r.yaml'], [''], ['JSON=r.json']])(
    'called "%s" is a usage fault',
    async (output) => {
      const done = await validateHere(output)
      expect(done.status).toBe(2)
      expect(toError(done)).toMatchObject({ code: 'option_invalid', exitName: 'usage' })
    },
  )
})
