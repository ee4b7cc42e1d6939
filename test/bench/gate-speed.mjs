// CPU time of `ff gate` over the 42 records of three runners, against that of `ff --version`. The folder is made by the
// support of the tests, which are TypeScript: vite loads it.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createViteServer } from 'vitest/node'
import { sized } from './smoke.mjs'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const FF = join(ROOT, 'dist/bin/ff.js')
const PAIRS = sized(21, 1)
const PLACES = ['target', 'staging', 'scratch']
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

/** A folder with a GO. */
async function makeFolder(load) {
  const { CODE, fullEvidence, gateFolder } = await load('test/support/gate-folder.ts')
  const { readTrust, signFolder } = await load('test/support/signed-folder.ts')
  const { tools, trustText } = await load('test/features/signoff/people.ts')
  const { makeRunnerKey } = await load('src/adapters/evidence-log/runner-key.ts')
  const cwd = await gateFolder()
  const keys = mkdtempSync(join(tmpdir(), 'ff-bench-keys-'))
  const runners = []
  for (const place of PLACES) {
    const key = await makeRunnerKey(join(keys, place, 'runner.pem'))
    await fullEvidence(cwd, (draft) => (draft.where === place ? draft : null), { known: key })
    runners.push({ ...readTrust(key).runners[0], name: place })
  }
  rmSync(keys, { recursive: true })
  const trust = trustText({ ...readTrust(runners[0]), runners })
  writeFileSync(join(cwd, 'checklists/trust.json'), trust)
  const pin = tools.sha256(trust)
  await signFolder(cwd, pin)
  return { cwd, env: { ...process.env, FF_CODE_VERSION: CODE, FF_TRUST_SHA256: pin } }
}

/** CPU seconds of a process, over all its threads. */
function cpuSeconds(args, { cwd, env }) {
  const script = 'TIMEFORMAT="%U %S"; time "$@" > /dev/null'
  const words = ['-c', script, 'bash', process.execPath, FF, ...args]
  const { status, stderr } = spawnSync('bash', words, { cwd, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`ff ${args.join(' ')} ended ${status}: ${stderr}`)
  return stderr
    .trim()
    .split(' ')
    .reduce((sum, one) => sum + Number(one), 0)
}

/** The median over pairs of what `ff gate` takes more than `ff --version`, in CPU seconds. */
export async function gateSpeed() {
  const server = await createViteServer({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    server: { middlewareMode: true, watch: null, ws: false },
    optimizeDeps: { noDiscovery: true },
  })
  const { cwd, env } = await makeFolder((path) => server.ssrLoadModule(`/${path}`))
  await server.close()
  const over = Array.from(
    { length: PAIRS },
    () => cpuSeconds(['gate'], { cwd, env }) - cpuSeconds(['--version'], { cwd, env }),
  )
  rmSync(cwd, { recursive: true })
  return median(over)
}
