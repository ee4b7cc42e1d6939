// Speed of diff, import and export of a million overrides against psql's \copy, on one server in one run.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { evaluationSpeed } from './evaluation-speed.mjs'
import { makeStore } from './make-store.mjs'
import { sized } from './smoke.mjs'

const FF = fileURLToPath(new URL('../../dist/bin/ff.js', import.meta.url))
const POLL_MS = 20

/** Wall seconds and the peak of resident memory, in MB, of one run of ff. */
function measured(args, env, expected = 0) {
  return new Promise((resolve, reject) => {
    const started = process.hrtime.bigint()
    const child = spawn(process.execPath, [FF, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let [megabytes, said] = [0, '']
    child.stdout.on('data', (chunk) => (said += chunk))
    const timer = setInterval(() => {
      try {
        // VmHWM only grows, so the last sample is the peak, except for growth after it.
        const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))
        megabytes = Math.max(megabytes, Number(peak?.[1] ?? 0) / 1024)
      } catch {
        // The process has ended.
      }
    }, POLL_MS)
    child.on('close', (status) => {
      clearInterval(timer)
      const seconds = Number(process.hrtime.bigint() - started) / 1e9
      if (status === expected && megabytes > 0) resolve({ seconds, megabytes })
      else reject(new Error(`ff ${args.join(' ')} ended ${status}: ${said}`))
    })
  })
}

function psql(url, command) {
  const started = process.hrtime.bigint()
  const { status, error, stderr } = spawnSync('psql', [
    '-X',
    '-q',
    '-v',
    'ON_ERROR_STOP=1',
    url,
    '-c',
    command,
  ])
  if (error !== undefined) throw new Error('psql is missing: apt-get install postgresql-client')
  if (status !== 0) throw new Error(`psql ended ${status}: ${stderr.toString()}`)
  return Number(process.hrtime.bigint() - started) / 1e9
}

/**
 * Measures each size in a database of its own; the databases stay filled until the evaluations are measured.
 *
 * @param place a folder for the stores
 * @param server `{url, urlOf(database)}` of a server on which databases can be created
 */
export async function rowsSpeed(place, { url: home, urlOf }) {
  const found = {}
  const evaluated = {}
  for (const [name, size] of Object.entries(SIZES)) {
    const store = makeStore(join(place, name), size)
    psql(home, `CREATE DATABASE bench_${name}`)
    const url = urlOf(`bench_${name}`)
    const env = { FF_DATABASE_URL: url }
    await measured(['migrate', 'up'], env)
    psql(url, `\\copy ff.flag_registry FROM '${store.flags}'`)
    const copiedIn = psql(url, `\\copy ff.tenant_override FROM '${store.overrides}'`)
    psql(url, 'TRUNCATE ff.user_override, ff.tenant_override, ff.flag_registry')
    const imported = await measured(['import', store.folder], env)
    psql(url, 'VACUUM ANALYZE')
    const rounds = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const out = join(place, `${name}-${round}`)
      rounds.push({
        diff: await measured(['parity', 'diff', '--baseline', `file:${store.folder}`], env),
        exported: await measured(['export', out], env),
        copiedOut: psql(url, `\\copy ff.tenant_override TO '${join(place, 'out.tsv')}'`),
      })
      rmSync(out, { recursive: true })
    }
    const middle = (pick) => rounds.map(pick).sort((a, b) => a.seconds - b.seconds)[ROUNDS >> 1]
    const copiedOut = middle(({ copiedOut: seconds }) => ({ seconds })).seconds
    const [diff, exported] = [middle((one) => one.diff), middle((one) => one.exported)]
    found[name] = { rows: store.rows, copiedIn, imported, diff, exported, copiedOut }
    evaluated[name] = { folder: store.folder, url, keys: store.keys }
  }
  const { thousand, million } = evaluated
  return { ...found, evaluated: await evaluationSpeed({ thousand, million }) }
}
const ROUNDS = sized(3, 1)
const SIZES = {
  thousand: { tenants: 1, flags: 1000 },
  tenth: { tenants: sized(100, 2), flags: 1000 },
  million: { tenants: sized(1000, 4), flags: 1000 },
}
