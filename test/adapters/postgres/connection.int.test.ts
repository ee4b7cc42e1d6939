import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withReading } from '../../../src/adapters/postgres/connect.ts'
import { FfError } from '../../../src/errors.ts'
import { startPooler, type Pooler } from '../../support/pgbouncer.ts'
import { makeAuthority, makeCertificate } from '../admin/certificates.ts'

let folder = ''
const file = (name: string): string => join(folder, name)
const opened: Pooler[] = []
const keep = async (opening: Promise<Pooler>): Promise<Pooler> => {
  const pooler = await opening
  opened.push(pooler)
  return pooler
}
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ff-connection-'))
})
afterAll(async () => {
  await Promise.all(opened.map((one) => one.stop()))
  rmSync(folder, { recursive: true })
})

/** Reads one number over the URL, or returns the error. */
async function read(url: string): Promise<string | FfError> {
  const database = { config: { connectionString: url }, name: 'a database' }
  try {
    return await withReading(database, async (client) => {
      const { rows } = await client.query<{ one: string }>('SELECT 1 AS one')
      return rows[0]?.one ?? ''
    })
  } catch (error) {
    if (error instanceof FfError) return error
    throw error
  }
}
const codeOf = (answer: string | FfError): string =>
  typeof answer === 'string' ? answer : answer.code

describe('P3 a server with a certificate of its own CA', () => {
  const ports = new Map<string, number>()
  beforeAll(async () => {
    makeAuthority(folder, 'ca')
    makeAuthority(folder, 'other')
    makeCertificate(folder, 'ca', { name: 'right', alternative: 'DNS:localhost,IP:127.0.0.1' })
    makeCertificate(folder, 'ca', { name: 'wrong', alternative: 'DNS:db.example' })
    makeCertificate(folder, 'ca', { name: 'old', alternative: 'DNS:localhost', days: -1 })
    makeCertificate(folder, 'ca', { name: 'client', alternative: 'DNS:client' })
    const served = async (name: string, more = {}): Promise<void> => {
      const tls = {
        client_tls_sslmode: 'require',
        client_tls_cert_file: file(`${name === 'certs' ? 'right' : name}.pem`),
        client_tls_key_file: file(`${name === 'certs' ? 'right' : name}.key`),
        ...more,
      }
      ports.set(name, (await keep(startPooler('18', tls))).port)
    }
    const certs = { client_tls_sslmode: 'verify-full', client_tls_ca_file: file('ca.pem') }
    const plain = keep(startPooler('18')).then(({ port }) => ports.set('plain', port))
    await Promise.all([
      ...['right', 'wrong', 'old'].map((name) => served(name)),
      served('certs', certs),
      plain,
    ])
  })
  const at = (name: string, query: string): string =>
    `postgres://postgres@localhost:${ports.get(name)}/postgres?${query.replaceAll('@', folder)}`

  test.each([
    ['right', 'sslmode=verify-full&sslrootcert=@/ca.pem'],
    ['right', 'sslmode=verify-ca&sslrootcert=@/ca.pem'],
    ['right', 'sslmode=require'],
    ['right', 'sslmode=require&sslrootcert=@/ca.pem'],
    ['right', 'sslmode=no-verify'],
    ['right', 'sslmode=prefer'],
    ['right', 'sslmode=allow'],
    ['right', 'sslrootcert=@/ca.pem'],
    ['right', ''],
    ['wrong', 'sslmode=verify-ca&sslrootcert=@/ca.pem'],
    ['old', 'sslmode=require'],
    ['plain', 'sslmode=prefer'],
    ['plain', 'sslmode=allow'],
    ['plain', 'sslmode=disable'],
    ['plain', ''],
    ['certs', 'sslmode=verify-full&sslrootcert=@/ca.pem&sslcert=@/client.pem&sslkey=@/client.key'],
  ])('the server %s, %s: connects', async (name, query) => {
    expect(await read(at(name, query))).toBe('1')
  })

  test.each([
    ['right', 'sslmode=verify-full', 'target_unreachable', 'sslrootcert'],
    ['right', 'sslmode=verify-full&sslrootcert=@/other.pem', 'target_unreachable', 'sslrootcert'],
    ['right', 'sslmode=require&sslrootcert=@/other.pem', 'target_unreachable', 'sslrootcert'],
    ['wrong', 'sslmode=verify-full&sslrootcert=@/ca.pem', 'target_unreachable', 'verify-ca'],
    ['old', 'sslmode=verify-full&sslrootcert=@/ca.pem', 'target_unreachable', 'Renew'],
    ['plain', 'sslmode=require', 'target_unreachable', 'sslmode=disable'],
    ['plain', 'sslmode=verify-full', 'target_unreachable', 'sslmode=disable'],
    ['right', 'sslmode=disable', 'target_unreachable', 'sslmode'],
    ['certs', 'sslmode=require', 'target_unreachable', 'sslcert'],
    ['right', 'sslmode=bogus', 'target_invalid', 'verify-full'],
    ['right', 'sslmode=verify-ca', 'target_invalid', 'sslrootcert'],
    ['right', 'sslmode=verify-full&sslrootcert=@/none.pem', 'target_invalid', 'sslrootcert'],
    ['right', 'target_session_attrs=bogus', 'target_invalid', 'read-write'],
  ])('the server %s, %s: %s, and what to set', async (name, query, code, hint) => {
    const error = await read(at(name, query))
    expect(error).toMatchObject({ code, hint: expect.stringContaining(hint) as string })
  })

  test.each([
    ['PGSSLROOTCERT', 'ca.pem', 'sslmode=verify-full', '1'],
    ['PGSSLROOTCERT', 'none.pem', 'sslmode=verify-full', 'target_invalid'],
    ['PGSSLMODE', 'bogus', '', 'target_invalid'],
  ])('%s=%s with %s: %s', async (variable, value, query, code) => {
    const before = process.env[variable]
    process.env[variable] = value.endsWith('.pem') ? file(value) : value
    try {
      expect(codeOf(await read(at('right', query)))).toBe(code)
    } finally {
      if (before === undefined) delete process.env[variable]
      else process.env[variable] = before
    }
  })
})

describe('P6 a server that asks for a password', () => {
  let port = 0
  beforeAll(async () => {
    writeFileSync(file('users'), '"postgres" "se/cr#t"\n')
    const pooler = startPooler('18', { auth_type: 'scram-sha-256', auth_file: file('users') })
    port = (await keep(pooler)).port
  })
  const at = (login: string): string => `postgres://${login}@127.0.0.1:${port}/postgres`

  test('a password in the URL, with percent-encoding', async () => {
    expect(await read(at('postgres:se%2Fcr%23t'))).toBe('1')
  })
  test('a password of the password file', async () => {
    writeFileSync(file('pgpass'), `# a comment\n127.0.0.1:*:postgres:postgres:se/cr#t\n`, {
      mode: 0o600,
    })
    process.env['PGPASSFILE'] = file('pgpass')
    try {
      expect(await read(at('postgres'))).toBe('1')
    } finally {
      delete process.env['PGPASSFILE']
    }
  })
  test('a wrong password', async () => {
    expect(await read(at('postgres:wrong'))).toMatchObject({ code: 'rights_missing' })
  })
  test('no password at all: says so', async () => {
    const error = await read(at('postgres'))
    expect(error).toMatchObject({
      code: 'rights_missing',
      message: expect.stringContaining('none is given') as string,
      hint: expect.stringContaining('%2F') as string,
    })
  })
})
