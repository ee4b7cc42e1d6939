// npm run profile -- PATH: where one path spends its time. Writes a CPU profile, for the inspector of a browser, and prints
// the ten functions with the most time of their own. A profile says where, not how much: compare CPU times without it.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startEmbedded } from '../../dist/src/adapters/postgres/embedded.js'
import { call, put, withPlace } from './cache-speed.mjs'
import { makeDocument } from './make-document.mjs'
import { makeStore } from './make-store.mjs'
import { load, withServices } from './service-speed.mjs'

const FF = fileURLToPath(new URL('../../dist/bin/ff.js', import.meta.url))
const REPORTS = fileURLToPath(new URL('../../reports/profile', import.meta.url))
const REQUESTS = 100_000
/** Long enough for an instance to trust its cache. */
const SETTLE_MS = 3_000

const place = mkdtempSync(join(tmpdir(), 'ff-profile-'))
const PROFILED = ['--cpu-prof', `--cpu-prof-dir=${place}`]
/** The profile of one process, once that has ended. */
const takeProfile = (pid) => {
  const name = readdirSync(place).find((one) => one.split('.')[3] === String(pid))
  if (name === undefined) throw new Error(`process ${pid} left no profile`)
  return join(place, name)
}

/** Runs ff to its end. @returns its process id */
function run(nodeArgs, args, env = {}) {
  const options = { env: { ...process.env, ...env }, maxBuffer: 64e6 }
  const { pid, status, stderr } = spawnSync(process.execPath, [...nodeArgs, FF, ...args], options)
  if (status !== 0) throw new Error(`ff ${args.join(' ')} ended ${status}: ${String(stderr)}`)
  return pid
}

const profileService = (name) =>
  withServices(async (services, question) => {
    await load(services[name], question, { amount: REQUESTS })
    return services[name].pid
  }, PROFILED)

/** Evaluations whose rows are in memory, with Redis behind it. */
const profileCached = () =>
  withPlace(async ({ token, startCached }) => {
    const service = await startCached()
    await put(service, token, { flag: 'ff.bench.hit', value: 1 })
    await sleep(SETTLE_MS)
    const body = { flag_key: 'ff.bench.hit' }
    await call(service, token, { body })
    await load(service, { token, body: JSON.stringify(body) }, { amount: REQUESTS })
    return service.pid
  }, PROFILED)

/** `ff parity diff` of 200,000 overrides on both sides. */
async function profileDiff() {
  const { folder } = makeStore(join(place, 'store'), { tenants: 200, flags: 1_000 })
  const server = await startEmbedded()
  try {
    const { host, user, database } = server.database.config
    const url = `postgres://${user}@/${database}?host=${encodeURIComponent(host)}`
    const env = { FF_DATABASE_URL: url }
    run([], ['migrate', 'up'], env)
    run([], ['import', folder], env)
    return run(PROFILED, ['parity', 'diff', '--baseline', `file:${folder}`], env)
  } finally {
    await server.stop()
  }
}

/** `ff mapping check` of 100,000 overrides in a list, which is a mapped import up to its first row in a database. */
function profileMapping() {
  const { file, mapping } = makeDocument(place, { shape: 'list', tenants: 100, flags: 1_000 })
  return run(PROFILED, ['mapping', 'check', file, '--mapping', mapping])
}

/** Each runs one path, and returns the id of the process that left the profile. */
const PATHS = {
  'serve-file': () => profileService('file'),
  'serve-db': () => profileService('db'),
  'serve-cached': profileCached,
  version: () => run([...PROFILED, '--cpu-prof-interval=100'], ['--version']),
  diff: profileDiff,
  mapping: profileMapping,
}

/** The functions with the most time of their own, in milliseconds, without idle time. */
function listHeaviest({ nodes, samples, timeDeltas }) {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, toName(callFrame)]))
  const own = new Map()
  for (const [at, id] of samples.entries()) {
    const name = names.get(id)
    if (name !== '(idle)') own.set(name, (own.get(name) ?? 0) + timeDeltas[at] / 1000)
  }
  const total = [...own.values()].reduce((sum, one) => sum + one, 0)
  const heaviest = [...own].toSorted(([, a], [, b]) => b - a).slice(0, 10)
  return { total, heaviest }
}
const toName = ({ functionName, url, lineNumber }) =>
  url === ''
    ? functionName
    : `${functionName || '(anonymous)'} ${url.replace(/^.*\/(?=(?:dist|node_modules)\/)/, '')}:${lineNumber + 1}`

const [name] = process.argv.slice(2)
try {
  if (!Object.hasOwn(PATHS, name ?? '')) {
    const known = Object.keys(PATHS).join(', ')
    throw new Error(
      `There is no path ${name}. Run \`npm run profile -- PATH\` with one of ${known}.`,
    )
  }
  const file = join(REPORTS, `${name}.cpuprofile`)
  const made = takeProfile(await PATHS[name]())
  const { total, heaviest } = listHeaviest(JSON.parse(readFileSync(made, 'utf8')))
  mkdirSync(REPORTS, { recursive: true })
  copyFileSync(made, file)
  for (const [what, ms] of heaviest)
    process.stdout.write(
      `${((100 * ms) / total).toFixed(1).padStart(5)} %  ${ms.toFixed(1).padStart(8)} ms  ${what}\n`,
    )
  process.stdout.write(`${total.toFixed(0)} ms in all; the profile is ${file}\n`)
} finally {
  rmSync(place, { recursive: true })
}
