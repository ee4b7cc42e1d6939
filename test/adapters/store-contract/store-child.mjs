// A process with an open store, which a test can kill or limit.
//   serve FOLDER    answers each line of stdin: write N, refuse N, compact
//   shared FOLDER   as serve, on a store that other processes have open too; each answer has the time of CLOCK_MONOTONIC
//   stream FOLDER   writes flags at full speed, and prints each revision once it is acknowledged
//   rebuild FOLDERS rebuilds the second folder of two, separated by a line feed, from the first
//   database PLACE  as serve, on a schema of a database: {config, schema} in JSON
//   scratch CONFIG  opens a scratch schema (a pg configuration in JSON) and keeps it open
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { loadMigrations } from '../../../dist/src/artefacts/migrations.js'
import { openFileChain } from '../../../dist/src/adapters/file-store/file-side.js'
import { FileStore } from '../../../dist/src/adapters/file-store/file-store.js'
import { rebuildStore } from '../../../dist/src/adapters/file-store/rebuild-store.js'
import { SharedFileStore } from '../../../dist/src/adapters/file-store/shared-file-store.js'
import { openPool } from '../../../dist/src/adapters/postgres/connect.js'
import { PostgresStore } from '../../../dist/src/adapters/postgres/postgres-store.js'
import { openScratchSchema } from '../../../dist/src/adapters/postgres/scratch-schema.js'
import { parseLosslessJson } from '../../../dist/src/core/json/read.js'
import { plainOptions, withCalls } from './plain-shared.mjs'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const tools = { digestKey: new Uint8Array(32), phase: 'file' }
const say = (line) => void process.stdout.write(`${JSON.stringify(line)}\n`)

const body = (owner) =>
  parseLosslessJson(
    JSON.stringify({
      value_type: 'boolean',
      default_value: false,
      safe_value: false,
      sensitive: false,
      required_auth: 'none',
      state: 'active',
      description: 'x'.repeat(500),
      owner,
    }),
  ).node

const request = (flag_key, owner) => ({
  table: 'flag_registry',
  key: { scope_id: null, flag_key },
  action: 'put',
  body: body(owner),
  expected: null,
  actor: 'U-child',
  auth_mode: 'verified',
  request_id: 'request-child',
  occurred_at: '2026-01-15T09:00:00.000Z',
  approval: null,
})

async function answer(store, line) {
  const [what, name] = line.split(' ')
  try {
    if (what === 'compact') {
      await store.compact()
      return { code: 'ok', revision: null }
    }
    if (what === 'refuse') {
      const { head } = await store.refuse({ request: request(name, 'child'), code: 'forbidden' })
      return { code: 'ok', revision: null, seq: head.seq }
    }
    const result = await store.write(request(name, 'child'))
    return result.ok
      ? { code: 'ok', revision: result.row.revision }
      : { code: result.problems[0].code, revision: null }
  } catch (error) {
    return { code: error.code ?? String(error), revision: null }
  }
}

async function serve(store) {
  say('ready')
  for await (const line of createInterface({ input: process.stdin })) say(await answer(store, line))
}

const MODES = {
  serve: async (folder) => serve(await FileStore.open(folder, tools)),
  shared: async (folder) => {
    const store = withCalls(await SharedFileStore.open(folder, tools, plainOptions()))
    say('ready')
    for await (const line of createInterface({ input: process.stdin })) {
      const said =
        line === 'role'
          ? { code: store.isWriter ? 'writer' : 'follower' }
          : await answer(store, line)
      say({ ...said, ns: String(process.hrtime.bigint()) })
    }
    await store.close()
  },
  rebuild: async (folders) => {
    const [from, to] = folders.split('\n')
    const chain = await openFileChain(from)
    await rebuildStore(to, await chain.content(), 5)
    say('ready')
  },
  database: async (place) => {
    const { config, schema } = JSON.parse(place)
    const pool = openPool({ config, name: 'child' }, 4)
    await serve(new PostgresStore(pool, schema, { name: 'child', tools }))
  },
  stream: async (folder) => {
    const store = await FileStore.open(folder, tools)
    say('ready')
    for (let edit = 0; ; edit += 1) {
      const results = await Promise.all(
        ['ff.a', 'ff.b', 'ff.c'].map((flag) => store.write(request(flag, `edit ${edit}`))),
      )
      say(results.map((result) => result.row.revision))
    }
  },
  scratch: async (config) => {
    const { loaded } = await loadMigrations(ROOT)
    const versions = { oldest: 15, newest: 18 }
    await openScratchSchema(
      { config: JSON.parse(config), name: 'child' },
      { migrations: loaded, versions, tools },
    )
    say('ready')
    setInterval(() => undefined, 1_000)
  },
}

const [mode, argument] = process.argv.slice(2)
await MODES[mode](argument)
