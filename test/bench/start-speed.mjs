// How long a start takes, and how much memory, after many changes of a file store.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createStore, FileStore } from '../../dist/src/adapters/file-store/file-store.js'
import { makeChange } from './make-store.mjs'
import { sized } from './smoke.mjs'

const CHANGES = sized(1_000_000, 20_000)
const FLAGS = 1_000
const BATCH = 1_000
const root = new URL('../../', import.meta.url)

/** Opens the store in a process of its own. */
const OPEN = `
  import { FileStore } from './dist/src/adapters/file-store/file-store.js'
  const store = await FileStore.open(process.argv[1], { digestKey: Buffer.alloc(32, 1), phase: 'file' })
  const { seq } = await store.auditHead()
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage()
  console.log(JSON.stringify({ seq, seconds: performance.now() / 1e3, cpu: (userCPUTime + systemCPUTime) / 1e6, megabytes: maxRSS / 1024 }))
  await store.close()
`

/**
 * Writes a million changes to a thousand flags, and starts on what they leave.
 *
 * @param place a folder for the store
 * @returns wall and CPU seconds since the start of the process, and its peak of resident memory in MB
 */
export async function startSpeed(place) {
  const folder = join(place, 'changed')
  await createStore(folder)
  const tools = { digestKey: Buffer.alloc(32, 1), phase: 'file' }
  const store = await FileStore.open(folder, tools, { durable: false })
  for (let at = 0; at < CHANGES; at += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, index) =>
      store.write(makeChange(at + index, FLAGS)),
    )
    const results = await Promise.all(batch)
    if (!results.every(({ ok }) => ok)) throw new Error('a change was refused')
  }
  await store.close()
  const { status, stdout } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', OPEN, folder],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  if (status !== 0) throw new Error(`the start ended ${status}`)
  const { seq, ...found } = JSON.parse(stdout.toString())
  if (seq !== CHANGES) throw new Error(`the store has ${seq} records`)
  return found
}
