// npm run bench: measures the speeds that the README states, as ratios of medians in one run on one machine. Exits 1
// where a bound is broken.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { arch, cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEmbedded } from '../../dist/src/adapters/postgres/embedded.js'
import { cacheSpeed } from './cache-speed.mjs'
import { decisionsPerCpuSecond } from './core-speed.mjs'
import { cutoverSpeed } from './cutover-speed.mjs'
import { followerSpeed } from './follower-speed.mjs'
import { gateSpeed } from './gate-speed.mjs'
import { observationSpeed } from './observation-speed.mjs'
import { rowsSpeed } from './rows-speed.mjs'
import { serviceSpeed } from './service-speed.mjs'
import { shipSpeed } from './ship-speed.mjs'
import { SMOKE, sized } from './smoke.mjs'
import { startSpeed } from './start-speed.mjs'
import { tokenSpeed } from './token-speed.mjs'

const FF = fileURLToPath(new URL('../../dist/bin/ff.js', import.meta.url))
const RUNS = sized(9, 1)
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

/** Runs a process. @returns its wall time in seconds, its exit status and its output */
function runTimed(args, env = {}) {
  const started = process.hrtime.bigint()
  const { status, stdout } = spawnSync(process.execPath, args, {
    env: { ...process.env, ...env },
    maxBuffer: 64e6,
  })
  return {
    seconds: Number(process.hrtime.bigint() - started) / 1e9,
    status,
    stdout: stdout.toString(),
  }
}

/** Medians of wall time. The cases take turns, so that a slower machine slows all of them. */
function medians(cases, runs = RUNS) {
  const taken = Object.fromEntries(Object.keys(cases).map((name) => [name, []]))
  for (let run = -1; run < runs; run += 1) {
    for (const [name, [args, env, expected = 0]] of Object.entries(cases)) {
      const { seconds, status } = runTimed(args, env)
      if (status !== expected) throw new Error(`${name} ended ${status}`)
      if (run >= 0) taken[name].push(seconds) // Round -1 is a warm-up.
    }
  }
  return Object.fromEntries(Object.entries(taken).map(([name, all]) => [name, median(all)]))
}

const lines = []
const addBound = (what, figure, bound, holds) => lines.push({ what, figure, bound, holds })
const below = (what, value, bound, unit) =>
  addBound(what, `${value.toFixed(2)} ${unit}`, `at most ${bound} ${unit}`, value <= bound)
const above = (what, value, bound, unit) =>
  addBound(what, `${value.toFixed(2)} ${unit}`, `at least ${bound} ${unit}`, value >= bound)

const startup = medians(
  {
    bare: [['-e', '0']],
    version: [[FF, '--version']],
    help: [[FF, '--help']],
    usage: [[FF, '--nope'], {}, 2],
  },
  sized(15, 1),
)
below('ff --version', startup.version / startup.bare, 1.5, 'x node -e 0')
below('ff --help', startup.help / startup.bare, 1.5, 'x node -e 0')
below('a usage error', startup.usage / startup.bare, 1.5, 'x node -e 0')

below('ff gate, 42 records of three runners', await gateSpeed(), 0.3, 's of CPU over ff --version')
below('48 h of minutes, read and judged', await observationSpeed(), 0.3, 's of CPU')

const server = await startEmbedded()
const { host, user, database } = server.database.config
const env = { FF_DATABASE_URL: `postgres://${user}@/${database}?host=${encodeURIComponent(host)}` }
const run = medians({
  version: [[FF, '--version']],
  database: [[FF, 'parity', 'run'], env],
  embedded: [[FF, 'parity', 'run', '--candidate', 'embedded']],
})
below('ff parity run, PostgreSQL up', run.database - run.version, 0.6, 's over ff --version')
below('ff parity run, embedded', run.embedded, 3, 's')

const pairs = Array.from({ length: sized(5, 1) }, () =>
  runTimed([FF, 'parity', 'exhaustive', '--format', 'json'], env),
).map(({ stdout }) => JSON.parse(stdout).timing.pairs_per_second)
above('ff parity exhaustive, PostgreSQL up', median(pairs), 2000, 'pairs/s')
const fuzzed = sized([1, 2, 3, 4, 5], [1])
  .map((seed) => runTimed([FF, 'parity', 'fuzz', '--seed', String(seed), '--format', 'json'], env))
  .map(({ stdout }) => JSON.parse(stdout).timing.decisions_per_second)
above('ff parity fuzz with writes, PostgreSQL up', median(fuzzed), 1500, 'decisions/s')

const urlOf = (name) => `postgres://${user}@/${name}?host=${encodeURIComponent(host)}`
const place = mkdtempSync(join(tmpdir(), 'ff-bench-'))
const rows = await rowsSpeed(place, { url: urlOf(database), urlOf })
const started = await startSpeed(place)
rmSync(place, { recursive: true })
await server.stop()
const { million, tenth, evaluated } = rows
below('ff parity diff, 1,000,000 overrides', million.diff.seconds, 12, 's')
below('its peak memory', million.diff.megabytes, 256, 'MB')
below(
  'its time at ten times the rows',
  (million.diff.seconds - run.version) / (tenth.diff.seconds - run.version),
  12,
  'x the time',
)
below(
  'its memory at ten times the rows',
  million.diff.megabytes / tenth.diff.megabytes,
  1.25,
  'x the memory',
)
above(
  'ff import, 1,000,000 overrides',
  million.copiedIn / million.imported.seconds,
  0.33,
  'x the rows a second of \\copy',
)
above(
  'ff export, 1,000,000 overrides',
  million.copiedOut / million.exported.seconds,
  0.5,
  'x the rows a second of \\copy',
)
for (const backing of ['file', 'db'])
  below(
    `p99 of an evaluation, 1,000,000 overrides, ${backing} (${Math.round(evaluated.million[backing])} us)`,
    evaluated.million[backing] / evaluated.thousand[backing],
    1.3,
    'x the p99 with 1,000 overrides',
  )

below('a start on a file store after 1,000,000 changes', started.seconds, 3, 's')
below('its peak memory', started.megabytes, 250, 'MB')

const followed = await followerSpeed()
below('p99 of a change of a file until another process serves it', followed.p99, 20, 'ms')

const { ours, theirs } = decisionsPerCpuSecond()
above(
  `the core (${Math.round(ours / 1000)}k decisions per CPU second)`,
  ours / theirs,
  1,
  'x flagd-core',
)

const token = await tokenSpeed()
above(`a token (${token.microseconds.toFixed(0)} us of CPU)`, token.plain, 0.9, 'x jose alone')
above('a cached token', token.cached, 5, 'x a bare verify')
below('good tokens among random kids', token.flood, 1.1, 'x good tokens alone')

const served = await serviceSpeed()
const rate = (name) => `${Math.round(served.top[name])} requests/s`
above(
  `served from a file (${rate('file')})`,
  served.top.file / served.top.bare,
  0.5,
  'x bare fastify',
)
above(
  `served from PostgreSQL (${rate('db')})`,
  served.top.db / served.top.bare,
  0.15,
  'x bare fastify',
)
for (const name of ['file', 'db'])
  below(`p99 at half of its own top rate, ${name}`, served.p99[name], 10, 'ms')
above(
  `evaluations beside ${Math.round(served.flooded.garbage)} bodies of garbage a second`,
  served.flooded.share,
  0.8,
  'x the rate without',
)
below('the p99 that the garbage adds', served.flooded.p99Ms, 20, 'ms')
below('the slowest answer while the database is frozen', served.frozen.slowestMs, 1100, 'ms')
below('the last stale decision after the thaw', served.frozen.backMs, 1000, 'ms')
below(
  `memory after 1,000,000 requests (${Math.round(served.memory.late)} MB)`,
  served.memory.late / served.memory.early,
  1.1,
  'x the memory before 500,000',
)

const cache = await cacheSpeed()
above('served from memory, with Redis', cache.rates.local / cache.rates.bare, 0.6, 'x bare fastify')
above(
  'served from Redis, each key once',
  cache.rates.shared / cache.rates.bare,
  0.4,
  'x bare fastify',
)
below('a cold key for 1,000 callers of two processes', cache.loads, 1, 'loads')
below('p99 of a change until another instance decides by it', cache.visible.redis, 50, 'ms')
below('the same without Redis', cache.visible.plain, 150, 'ms')
below('stale entries after 10,000 forced races', cache.stale.ours, 0, 'entries')
above('the same with a plain DEL after the commit', cache.stale.plain, 1, 'entries')
below(
  'a change until the last of 1,000 listeners hears it',
  cache.listeners.milliseconds,
  250,
  'ms',
)
below('memory for each of them', cache.listeners.kilobytes, 20, 'KB')

const shipped = await shipSpeed()
above('ff audit ship, one process', shipped.ours, 5000, 'records/s')
above('the same', shipped.ours / shipped.bare, 0.7, 'x kafkajs alone')
below('its memory with a backlog of 1,000,000', shipped.megabytes, 150, 'MB')
below('a change beside it', shipped.writer, 1.15, 'x the time without')

const cutover = await cutoverSpeed()
below('a pause of writes by a switch, p50 of 200', cutover.p50, 25, 'ms')
below('the same, p99', cutover.p99, 100, 'ms')
above('writes of 8 writers beside each switch', cutover.writes / 200, 1, 'writes')
below('filling a database with 100,000 rows', cutover.fillSeconds, 30, 's')

const versions = [
  `Node ${process.version}`,
  spawnSync('psql', ['--version']).stdout?.toString().trim() ?? 'no psql',
  'PostgreSQL 18 (embedded, without fsync)',
  `Linux ${release()} ${arch()}`,
]
const [cpu] = cpus()
const results = () =>
  `# What \`npm run bench\` measured

Generated by it on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} x ${cpu.model}, ${Math.round(totalmem() / 2 ** 30)} GiB. ${versions.join(', ')}.
Ratios of medians in one run.

| what | measured | bound | |
| --- | --- | --- | --- |
${lines.map(({ what, figure, bound, holds }) => `| ${what} | ${figure} | ${bound} | ${holds ? 'holds' : '**broken**'} |`).join('\n')}
`

if (SMOKE) {
  process.stdout.write(
    `smoke: ${lines.length} figures were measured on little data, none was held to its bound\n`,
  )
} else {
  writeFileSync(new URL('RESULTS.md', import.meta.url), results())
  for (const { what, figure, bound, holds } of lines) {
    process.stdout.write(
      `${holds ? 'holds ' : 'BROKEN'}  ${what.padEnd(52)} ${figure.padEnd(28)} ${bound}\n`,
    )
  }
  process.exitCode = lines.every(({ holds }) => holds) ? 0 : 1
}
