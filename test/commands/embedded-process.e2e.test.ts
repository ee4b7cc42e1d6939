import { type ChildProcess, spawn } from 'node:child_process'
import { watch } from 'node:fs'
import { mkdtemp, readdir, realpath, rm, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { copyPackage, finished, ROOT, type Run, spawnFf } from '../support/run-ff.ts'
import { everyNth, FULL } from '../support/scale.ts'
import { editJson, expectEndedBy, getProcesses, until } from './outcome.ts'

interface Matrix {
  readonly vectors: { readonly then: { decision: string } }[]
}

const FF = join(ROOT, 'dist/bin/ff.js')
let folder = ''
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'ff-process-')))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Waits for an entry of a folder, and misses none that a poll would, because it went at once. @returns its path */
function waitForEntry(place: string, form: RegExp, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const accept = (names: readonly string[]): void => {
      const found = names.find((name) => form.test(name))
      if (found !== undefined) resolve(join(place, found))
    }
    watch(place, { signal }, (_kind, name) => accept(name === null ? [] : [name]))
    readdir(place).then(accept, reject) // What was there before the watch.
  })
}

/** Waits for the socket of a server, whichever launcher starts it. */
async function waitForSocket(home: string, signal: AbortSignal): Promise<void> {
  const server = await waitForEntry(home, /^ff-embedded-/, signal)
  const launchers = [/^(user|namespace)$/, /^account$/]
  await Promise.race(
    launchers.map(async (launcher) => {
      const place = await waitForEntry(server, launcher, signal)
      await waitForEntry(place, /^\.s\.PGSQL\.5432$/, signal)
    }),
  )
}

describe.concurrent('on the embedded default', () => {
  /** In a process group of its own, as a shell starts it, with a temporary folder of its own. */
  function startGroup(home: string): ChildProcess {
    return spawn(process.execPath, [FF, 'parity', 'exhaustive', '--format', 'json'], {
      detached: true,
      env: { PATH: process.env['PATH'], TMPDIR: home },
    })
  }
  const getHome = (): Promise<string> => mkdtemp(join(folder, 'home-'))

  // The signs below meet each step of the start; this one is before them all, and a full run also asks between them.
  test.each(FULL ? [100, 300, 500, 700, 1_000] : [100])(
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

  /** A folder that has no name yet is given a minute by its sweeper. */
  const ageUnnamed = async (home: string): Promise<void> => {
    const unnamed = (await readdir(home)).filter((name) => name.startsWith('.making-'))
    const then = Date.now() / 1000 - 120
    await Promise.all(unnamed.map((name) => utimes(join(home, name), then, then)))
  }
  const SIGNS = {
    'its folder': (home: string, signal: AbortSignal) => waitForEntry(home, /./, signal),
    'its process': (home: string) =>
      until('its process', async () => (await getProcesses(home)).length > 0),
    'its socket': waitForSocket,
  } as const
  const signs = Object.keys(SIGNS) as (keyof typeof SIGNS)[]
  /** @throws where the run ends first, with what it wrote */
  async function waitForSign(
    what: keyof typeof SIGNS,
    home: string,
    end: Promise<Run>,
  ): Promise<void> {
    const over = new AbortController()
    const ended = end.then(({ stdout, stderr }) => {
      if (!over.signal.aborted) throw new Error(`over before ${what} came: ${stdout}${stderr}`)
    })
    await Promise.race([SIGNS[what](home, over.signal), ended]).finally(() => over.abort())
  }

  test.each(everyNth(signs, 3))(
    'Ctrl-C on the terminal at the first sign of %s is heard',
    async (what) => {
      const home = await getHome()
      const child = startGroup(home)
      const end = finished(child)
      await waitForSign(what, home, end)
      process.kill(-(child.pid ?? Number.NaN), 'SIGINT')
      const done = await end
      expect(done.signal).toBeNull()
      expect(done.status, done.stderr).toBe(130)
      expect(await getProcesses(home)).toEqual([])
      expect(await readdir(home)).toEqual([])
    },
  )

  test.each(everyNth(signs, 3))(
    'after kill -9 at the first sign of %s no server lives on, and the next run sweeps',
    async (what) => {
      const home = await getHome()
      const child = startGroup(home)
      const end = finished(child)
      await waitForSign(what, home, end)
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
