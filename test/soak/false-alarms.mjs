// npm run soak:alarms [-- SEEDS [CASES]]: measures E1, E2 and E3 on sound sides once for each seed, on a private server.
// Each has to pass each time: a proof that fails or is inconclusive without a cause is a false alarm. Reduced for each
// seed: E2 plays CASES random cases, and E3 plants every SEEDS-th fault, so that all seeds together plant the whole
// catalogue. Exits 1 at a false alarm.
import { fileURLToPath } from 'node:url'
import { startEmbedded } from '../../dist/src/adapters/postgres/embedded.js'
import { adapters } from '../../dist/src/composition.js'
import { FAULT_CATALOGUE } from '../../dist/src/features/selftest/catalogue.js'
import { paritySelftest } from '../../dist/src/features/selftest/parity-selftest.js'
import { PROBES } from '../../dist/src/features/probes/index.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SEEDS = Number(process.argv[2] ?? 100)
const CASES = Number(process.argv[3] ?? 300)

const server = await startEmbedded()
const { host, user, database } = server.database.config
const url = `postgres://${user}@/${database}?host=${encodeURIComponent(host)}`
const scratch = { kind: 'postgres', url, name: 'scratch' }
const contextFor = (seed) => ({
  root: ROOT,
  adapters,
  targets: { scratch, database: null, store: null },
  params: { cells: 360, cases: CASES },
  // E2 takes its first seed from the clock.
  now: () => new Date(seed * 7_919),
  signal: new AbortController().signal,
  progress: () => undefined,
})

const ITEMS = {
  E1: async (seed) => {
    const { measured } = await PROBES['parity-vectors'].measure(contextFor(seed))
    return measured.vectors_passed === 17 && measured.divergences === 0
  },
  E2: async (seed) => {
    const { measured } = await PROBES['parity-breadth'].measure(contextFor(seed))
    return measured.random_cases >= CASES && measured.divergences === 0
  },
  E3: async (seed) => {
    const faults = FAULT_CATALOGUE.filter((_, at) => at % SEEDS === seed % SEEDS)
    const { root, signal, now, progress } = contextFor(seed)
    const baseline = { kind: 'file', folder: null }
    const sides = { baseline, candidate: scratch }
    const request = { root, adapters, signal, now, progress, ...sides }
    return (await paritySelftest(request, faults)).verdict === 'pass'
  },
}

let passed = 0
for (let seed = 1; seed <= SEEDS; seed += 1) {
  for (const [item, measure] of Object.entries(ITEMS)) {
    const what = await measure(seed).then(
      (held) => (held ? null : 'did not pass'),
      (error) => `${error.code}: ${error.message}`,
    )
    if (what === null) passed += 1
    else process.stdout.write(`${item} seed ${seed}: ${what}\n`)
  }
}
await server.stop()
const all = SEEDS * Object.keys(ITEMS).length
process.stdout.write(`${passed} of ${all} passed; ${SEEDS} seeds, ${CASES} random cases each\n`)
process.exitCode = passed === all ? 0 : 1
