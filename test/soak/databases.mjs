// Databases of the soak: freezing a server, a standby that is promoted, and PgBouncer.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { startEmbedded } from '../../dist/src/adapters/postgres/embedded.js'
import { linkServerLibraries } from '../../dist/src/adapters/postgres/embedded-libraries.js'
import { findLaunchers } from '../../dist/src/adapters/postgres/embedded-runner.js'

/** The version of Debian's pg_basebackup, which copies no newer server. */
const PAIR_PACKAGE = `postgres-15-${process.platform}-${process.arch}`
const LAUNCHER = findLaunchers()[0]

/** The processes of a server: the postmaster and its children. */
function listProcesses(server) {
  const file = join(server.database.config.host, 'data', 'postmaster.pid')
  const postmaster = Number(readFileSync(file, 'utf8').split('\n')[0])
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8')
  return [postmaster, children.trim().split(' ').filter(Boolean).map(Number)]
}

/** Stops every process of a server for a time. */
export async function freeze(server, ms) {
  // Stopped first and continued last, so that its list of children stays as it is.
  process.kill(listProcesses(server)[0], 'SIGSTOP')
  const [postmaster, children] = listProcesses(server)
  for (const child of children) process.kill(child, 'SIGSTOP')
  await sleep(ms)
  for (const child of children) process.kill(child, 'SIGCONT')
  process.kill(postmaster, 'SIGCONT')
}

function run(program, args, options = {}) {
  const [first, ...rest] = [...LAUNCHER.wrap, program, ...args]
  const child = spawn(first, rest, { stdio: ['ignore', 'ignore', 'pipe'], ...options })
  child.said = ''
  child.stderr.on('data', (chunk) => (child.said = (child.said + chunk).slice(-2_000)))
  return child
}

/**
 * A primary with a standby that has each commit before it is acknowledged.
 *
 * @returns `primary` and `standby` as `{host}`; `promote` kills the primary and promotes the standby; `stop`
 */
export async function startPair(place) {
  const primary = await startEmbedded(PAIR_PACKAGE)
  const { host } = primary.database.config
  const home = join(place, 'standby')
  mkdirSync(home, { mode: 0o700 })
  const data = join(home, 'data')
  const wrapped = [...LAUNCHER.wrap, 'pg_basebackup', '-h', host, '-U', 'postgres']
  execFileSync(wrapped[0], [...wrapped.slice(1), '-D', data, '-R', '-c', 'fast'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const native = join(dirname(createRequire(import.meta.url).resolve(PAIR_PACKAGE)), '..', 'native')
  const LD_LIBRARY_PATH = await linkServerLibraries(native, home)
  // A standby takes no fewer connections than its primary.
  const options = [
    'port=5432',
    'listen_addresses=',
    'fsync=off',
    'synchronous_standby_names=',
    'max_connections=200',
  ]
  const standby = run(
    join(native, 'bin/postgres'),
    ['-D', data, '-k', home, ...options.flatMap((one) => ['-c', one])],
    { env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC', LD_LIBRARY_PATH }, detached: true },
  )
  const admin = new pg.Client({ host, user: 'postgres', database: 'postgres' })
  await admin.connect()
  await until('the standby follows', standby, async () => {
    const { rows } = await admin.query('SELECT FROM pg_stat_replication')
    return rows.length === 1
  })
  await admin.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`)
  await admin.query('SELECT pg_reload_conf()')
  await admin.end()
  return {
    primary: { host },
    standby: { host: home },
    promote: async () => {
      const [postmaster] = listProcesses(primary)
      process.kill(postmaster, 'SIGKILL') // Its children end with it.
      const sql = new pg.Client({ host: home, user: 'postgres', database: 'postgres' })
      await sql.connect()
      await sql.query('SELECT pg_promote()')
      await sql.end()
    },
    stop: async () => {
      const exit = once(standby, 'exit')
      standby.kill('SIGINT')
      await exit
      await primary.stop()
    },
  }
}

/** PgBouncer in transaction mode before a server, with fewer server connections than ff serve opens. */
export async function startPooler(place, { host, port, user }) {
  const users = join(place, 'users')
  writeFileSync(users, `"${user}" ""\n`)
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: users,
    pool_mode: 'transaction',
    default_pool_size: 4,
    logfile: join(place, 'pgbouncer.log'),
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`)
  const ini = join(place, 'pgbouncer.ini')
  writeFileSync(ini, `[databases]\n* = host=${host} port=5432\n[pgbouncer]\n${lines.join('')}`)
  const env = { PATH: `${process.env.PATH}:/usr/sbin` }
  const child = run('pgbouncer', ['--quiet', ini], { env })
  await until('PgBouncer listens', child, async () => {
    const socket = connect(port, '127.0.0.1')
    const open = await once(socket, 'connect').catch(() => null)
    socket.destroy()
    return open !== null
  })
  return {
    stop: async () => {
      const exit = once(child, 'exit')
      child.kill('SIGTERM')
      await exit
    },
  }
}

async function until(what, child, holds) {
  for (let tries = 0; tries < 1_000; tries += 1) {
    if (child.exitCode !== null) throw new Error(`${what}: it ended: ${child.said}`)
    if (await holds()) return
    await sleep(20)
  }
  throw new Error(`never came: ${what}: ${child.said}`)
}
