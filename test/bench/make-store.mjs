// Writes a file store with tenant overrides, and the same rows for psql's \copy.
import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { parseLosslessJson } from '../../dist/src/core/json/read.js'

const TYPES = ['boolean', 'string', 'number', 'object']
const valueOf = (type, at) =>
  ({
    boolean: String(at % 2 === 0),
    string: `"value ${at}"`,
    number: String(at),
    object: `{"a":${at},"b":{"c":"x${at}"}}`,
  })[type]
const AT = '2026-01-01T00:00:00.000Z'
/** The tenant of the bench's token; sorted among the others, so that its rows lie between theirs. */
export const TENANT = 'T-pty-pilot-01'

/** @returns the paths of the store and of the two files for \copy */
export function makeStore(folder, { tenants, flags }) {
  mkdirSync(folder, { recursive: true })
  const keys = Array.from({ length: flags }, (_, at) => `ff.flag${String(at).padStart(4, '0')}`)
  const ids = [
    ...Array.from({ length: tenants - 1 }, (_, at) => `T-${String(at).padStart(7, '0')}`),
    TENANT,
  ].sort()
  const hash = createHash('sha256')
  const snapshot = writer(join(folder, 'snapshot.ndjson'), (text) => hash.update(text))
  const [flagRows, overrideRows] = [
    writer(join(folder, 'flags.tsv')),
    writer(join(folder, 'overrides.tsv')),
  ]
  const counts = { flag_registry: flags, tenant_override: tenants * flags, user_override: 0 }
  snapshot.put(`${JSON.stringify({ v: 2, epoch: 0, seq: 0, head: '0'.repeat(64), counts })}\n`)
  for (const [at, key] of keys.entries()) {
    const type = TYPES[at % 4]
    const [byDefault, safe] = [valueOf(type, 0), valueOf(type, 1)]
    snapshot.put(
      `{"row":{"created_at":"${AT}","default_value":${byDefault},"description":"d","flag_key":"${key}","owner":"o","required_auth":"any","revision":1,"safe_value":${safe},"sensitive":false,"state":"active","updated_at":"${AT}","value_type":"${type}"},"table":"flag_registry"}\n`,
    )
    flagRows.put(
      `${[key, type, byDefault, safe, 'f', 'any', 'active', 'd', 'o', 1, AT, AT].join('\t')}\n`,
    )
  }
  let row = 0
  for (const id of ids) {
    for (const [at, key] of keys.entries()) {
      row += 1
      const time = new Date(1_767_225_600_000 + row * 977).toISOString()
      const [by, revision, value] = [`U${row % 977}`, 1 + (row % 7), valueOf(TYPES[at % 4], row)]
      snapshot.put(
        `{"row":{"created_at":"${time}","created_by":"${by}","flag_key":"${key}","revision":${revision},"tenant_id":"${id}","updated_at":"${time}","updated_by":"${by}","value":${value}},"table":"tenant_override"}\n`,
      )
      overrideRows.put(
        `${[id, key, value, '\\N', '\\N', '\\N', by, by, revision, time, time, '\\N'].join('\t')}\n`,
      )
    }
  }
  snapshot.flush()
  snapshot.tail(`${JSON.stringify({ sha256: hash.digest('hex') })}\n`)
  flagRows.flush()
  overrideRows.flush()
  return {
    folder,
    keys,
    flags: join(folder, 'flags.tsv'),
    overrides: join(folder, 'overrides.tsv'),
    rows: tenants * flags,
  }
}

function writer(path, seen = () => undefined) {
  const file = openSync(path, 'w')
  let buffer = ''
  const out = () => {
    seen(buffer)
    writeSync(file, buffer)
    buffer = ''
  }
  return {
    put: (text) => {
      buffer += text
      if (buffer.length > 1_000_000) out()
    },
    flush: out,
    tail: (text) => {
      writeSync(file, text)
      closeSync(file)
    },
  }
}

/** The request of a change of one of `flags` flags, `ff.flag0` and on, as a service makes it. */
export const makeChange = (at, flags) => ({
  table: 'flag_registry',
  key: { scope_id: null, flag_key: `ff.flag${at % flags}` },
  action: 'put',
  body: parseLosslessJson(
    `{"value_type":"number","default_value":${at},"safe_value":0,"sensitive":false,"required_auth":"none","state":"active","description":"d","owner":"o"}`,
  ).node,
  expected: null,
  actor: 'U-bench',
  auth_mode: 'verified',
  request_id: 'bench',
  occurred_at: '2026-01-15T09:00:00.000Z',
  approval: null,
})
