// How long a change of a file store's writer takes until another process serves it.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createStore } from '../../dist/src/adapters/file-store/file-store.js'
import { SharedFileStore } from '../../dist/src/adapters/file-store/shared-file-store.js'
import { plainOptions } from '../adapters/store-contract/plain-shared.mjs'
import { sized } from './smoke.mjs'

const CHILD = fileURLToPath(new URL('../adapters/store-contract/store-child.mjs', import.meta.url))
const CHANGES = sized(2_000, 20)
const QUERY = { flag_key: 'ff.a', tenant_id: null, user_id: null }

/** @returns the median and the 99th percentile from acknowledgement to the first read of the change, in milliseconds */
export async function followerSpeed() {
  const folder = mkdtempSync(join(tmpdir(), 'ff-bench-follower-'))
  await createStore(folder)
  const child = spawn(process.execPath, [CHILD, 'shared', folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    await lines.next() // It is ready.
    const follower = await SharedFileStore.open(
      folder,
      { digestKey: Buffer.alloc(32, 1), phase: 'file' },
      plainOptions({ leaseMs: 10_000, handOverMs: 10_000 }),
    )
    const revision = async () => (await follower.read(QUERY)).flag?.row?.revision ?? 0
    const late = []
    for (let wanted = 1; wanted <= CHANGES; wanted += 1) {
      child.stdin.write('write ff.a\n')
      const said = lines.next()
      while ((await revision()) < wanted) await setImmediate()
      const seen = process.hrtime.bigint()
      const { ns } = JSON.parse((await said).value)
      late.push(Number(seen - BigInt(ns)) / 1e6)
    }
    await follower.close()
    const sorted = late.toSorted((a, b) => a - b)
    return { median: sorted[CHANGES >> 1], p99: sorted[Math.ceil(CHANGES * 0.99) - 1] }
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
}
