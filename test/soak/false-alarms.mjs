// npm run soak:alarms [-- SEEDS [CASES]]: measures E1, E2 and E3 on sound sides once for each seed, on private servers.
// Each has to pass each time: a proof that fails or is inconclusive without a cause is a false alarm. Reduced for each
// seed: E2 plays CASES random cases, and E3 plants every SEEDS-th fault, so that all seeds together plant the whole
// catalogue. Each core has a thread with a server and its share of the seeds. Exits 1 at a false alarm.
import { availableParallelism } from 'node:os'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { startEmbedded } from '../../dist/src/adapters/postgres/embedded.js'
import { adapters } from '../../dist/src/composition.js'
import { FAULT_CATALOGUE } from '../../dist/src/features/selftest/catalogue.js'
import { paritySelftest } from '../../dist/src/features/selftest/parity-selftest.js'
import { PROBES } from '../../dist/src/features/probes/index.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SEEDS = Number(process.argv[2] ?? 100)
const CASES = Number(process.argv[3] ?? 300)

const contextFor = (seed, scratch) => ({
  root: ROOT,
  adapters,
  targets: { scratch, database: null, store: null },
  environment: 'prod',
  params: { cells: 360, cases: CASES },
  // E2 takes its first seed from the clock.
  now: () => new Date(seed * 7_919),
  signal: new AbortController().signal,
  progress: () => undefined,
})

const ITEMS = {
  E1: async (context) => {
    const { measured } = await PROBES['parity-vectors'].measure(context)
    return measured.vectors_passed === 17 && measured.divergences === 0
  },
  E2: async (context) => {
    const { measured } = await PROBES['parity-breadth'].measure(context)
    return measured.random_cases >= CASES && measured.divergences === 0
  },
  E3: async ({ root, signal, now, progress, targets }, seed) => {
    const faults = FAULT_CATALOGUE.filter((_, at) => at % SEEDS === seed % SEEDS)
    const sides = { baseline: { kind: 'file', folder: null }, candidate: targets.scratch }
    const request = { root, adapters, signal, now, progress, ...sides }
    return (await paritySelftest(request, faults)).verdict === 'pass'
  },
}

/** How many measurements of some seeds passed; prints a line for each of the others. */
async function measureSeeds(seeds) {
  const server = await startEmbedded()
  const { host, user, database } = server.database.config
  const url = `postgres://${user}@/${database}?host=${encodeURIComponent(host)}`
  const scratch = { kind: 'postgres', url, name: 'scratch' }
  let passed = 0
  for (const seed of seeds) {
    for (const [item, measure] of Object.entries(ITEMS)) {
      const what = await measure(contextFor(seed, scratch), seed).then(
        (held) => (held ? null : 'did not pass'),
        (error) => `${error.code}: ${error.message}`,
      )
      if (what === null) passed += 1
      else process.stdout.write(`${item} seed ${seed}: ${what}\n`)
    }
  }
  await server.stop()
  return passed
}

/** The answer of a thread; an error of the thread is thrown. */
async function measureInThread(seeds) {
  const thread = new Worker(new URL(import.meta.url), {
    argv: process.argv.slice(2),
    workerData: seeds,
  })
  const [passed] = await once(thread, 'message')
  return passed
}

async function measureAll() {
  const threads = Math.min(availableParallelism(), SEEDS)
  const shares = Array.from({ length: threads }, (_, first) =>
    Array.from({ length: SEEDS }, (_, at) => at + 1).filter((seed) => seed % threads === first),
  )
  const counts = await Promise.all(shares.map(measureInThread))
  const passed = counts.reduce((sum, count) => sum + count)
  const all = SEEDS * Object.keys(ITEMS).length
  process.stdout.write(`${passed} of ${all} passed; ${SEEDS} seeds, ${CASES} random cases each\n`)
  process.exitCode = passed === all ? 0 : 1
}

if (isMainThread) await measureAll()
else parentPort.postMessage(await measureSeeds(workerData))
