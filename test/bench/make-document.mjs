// Writes the file of another service, and a mapping for it.
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const TYPES = ['boolean', 'string', 'number', 'object']
const valueOf = (type, at) =>
  ({
    boolean: String(at % 2 === 0),
    string: `"v${at}"`,
    number: String(at),
    object: `{"a":${at}}`,
  })[type]
const AT = '2026-01-15T09:00:00.000Z'
const FLAG = {
  flag_key: { key: 1, prefix: 'ff.' },
  value_type: { from: '', as: 'type' },
  default_value: { from: '' },
  safe_value: { from: '' },
  sensitive: { const: false },
  required_auth: { const: 'any' },
  state: { const: 'active' },
  description: { const: 'd' },
  owner: { const: 'o' },
  revision: { const: 1 },
  created_at: { const: AT },
  updated_at: { const: AT },
}
/** How the overrides stand in the document: each in an entry of a list, or as a value below tenant and flag. */
const SHAPES = {
  list: {
    at: '/overrides/*',
    members: {
      tenant_id: { from: '/tenant' },
      flag_key: { from: '/flag', prefix: 'ff.' },
      value: { from: '/value' },
      created_by: { from: '/by' },
      updated_by: { from: '/by' },
      revision: { from: '/n' },
      created_at: { from: '/at', as: 'timestamp', zone: 'Z' },
      updated_at: { from: '/at', as: 'timestamp', zone: 'Z' },
    },
  },
  nested: {
    at: '/overrides/*/*',
    members: {
      tenant_id: { key: 1 },
      flag_key: { key: 2, prefix: 'ff.' },
      value: { from: '' },
      created_by: { const: 'U1' },
      updated_by: { const: 'U1' },
      revision: { const: 1 },
      created_at: { const: AT },
      updated_at: { const: AT },
    },
  },
}

/** @returns the paths of the document and of its mapping */
export function makeDocument(folder, { shape, tenants, flags }) {
  const [file, mapping] = [join(folder, `${shape}.json`), join(folder, `${shape}-mapping.json`)]
  const rules = {
    kind: 'incumbent_mapping',
    schemaVersion: 1,
    title: `The bench's document, ${shape}`,
    flags: [{ at: '/flags/*', members: FLAG }],
    tenant_overrides: [SHAPES[shape]],
    user_overrides: [],
    ignored: [],
  }
  writeFileSync(mapping, JSON.stringify(rules))
  const out = openSync(file, 'w')
  const names = Array.from({ length: flags }, (_, at) => `f${String(at).padStart(4, '0')}`)
  const ofFlags = names.map((name, at) => `"${name}":${valueOf(TYPES[at % 4], 0)}`)
  writeSync(out, `{"flags":{${ofFlags.join(',')}},"overrides":${shape === 'list' ? '[' : '{'}`)
  for (let tenant = 0; tenant < tenants; tenant += 1) {
    const id = `T${String(tenant).padStart(5, '0')}`
    const rows = names.map((name, at) => {
      const value = valueOf(TYPES[at % 4], tenant * flags + at)
      return shape === 'list'
        ? `{"tenant":"${id}","flag":"${name}","value":${value},"by":"U${at % 977}","n":${1 + (at % 7)},"at":"2026-01-15 09:00:${String(10 + (at % 50))}"}`
        : `"${name}":${value}`
    })
    const text = rows.join(',')
    writeSync(out, `${tenant === 0 ? '' : ','}${shape === 'list' ? text : `"${id}":{${text}}`}`)
  }
  writeSync(out, shape === 'list' ? ']}' : '}}')
  closeSync(out)
  return { file, mapping, rows: tenants * flags }
}
