import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../support/database.ts'
import { BUILD, CODE } from '../../support/gate-folder.ts'
import { runFf } from '../../support/run-ff.ts'
import {
  ask,
  openDatabaseTarget,
  openFileTarget,
  type ServiceTarget,
  startService,
} from '../../support/service.ts'

const LISTEN = { FF_LISTEN: '127.0.0.1:0' }

test('with no setting the service serves sample flags, prints an example request, and names what is no setting', async () => {
  const service = await startService({ FF_STOREDIR: 'hunter2' })
  const { text } = await ask(service.origin, '/v1/flags/evaluate', {
    body: '{"flag_key":"ff.sample.banner"}',
  })
  expect(JSON.parse(text)).toMatchObject({ decision: 'allow', value: true })
  const { status, stdout, stderr } = await service.stop()
  expect(status).toBe(0)
  expect(stderr.match(/"variable":"FF_STOREDIR","meant":"FF_STORE_DIR"/g)).toHaveLength(1)
  expect(stdout + stderr).not.toContain('hunter2')
  expect(stdout).toContain(`curl -s ${service.origin}/v1/flags/evaluate`)
})

test('FF_ADMIN_LISTEN moves health to its own port', async () => {
  const service = await startService({ FF_ADMIN_LISTEN: '127.0.0.1:0' })
  expect((await ask(service.origin, '/health/ready')).status).toBe(404)
  const { stdout } = await service.stop()
  expect(stdout).toMatch(/Health and metrics on http:\/\/127\.0\.0\.1:\d+/)
})

describe('the service says what it is', () => {
  const identityOf = async (env: Readonly<Record<string, string>>) => {
    const service = await startService({ FF_CODE_VERSION: CODE, ...env })
    const { status, text } = await ask(service.origin, '/identity')
    await service.stop()
    const identity = JSON.parse(text) as object
    expect(status).toBe(200)
    expect(identity).toMatchObject({ code: CODE, schema_head: '0006_cutover', build: BUILD })
    return identity
  }
  test('on a file store', async () => {
    expect(await identityOf({})).toMatchObject({ environment: 'prod', database: null })
  })
  test('on a database', async () => {
    const target = await openDatabaseTarget('15')
    const found = await identityOf({ ...target.env, FF_ENV: 'prod' })
    await target.remove()
    const database = expect.stringMatching(/^[0-9]+[/][0-9]+[/]ff[/][0-9a-f]{16}$/)
    expect(found).toMatchObject({ environment: 'prod', database })
  })
  test('and on its own port alone where health has one', async () => {
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as AddressInfo
    free.close()
    const service = await startService({ FF_ADMIN_LISTEN: `127.0.0.1:${port}` })
    const asked = [service.origin, `http://127.0.0.1:${port}`].map((one) => ask(one, '/identity'))
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([404, 200])
    await service.stop()
  })
})

test('Ctrl-C ends the service with status 130', async () => {
  const service = await startService({})
  expect((await service.stop('SIGINT')).status).toBe(130)
})

describe('the service does not start', () => {
  let file: ServiceTarget
  let database: ServiceTarget
  beforeAll(async () => {
    ;[file, database] = await Promise.all([openFileTarget(), openDatabaseTarget('15')])
  })
  afterAll(async () => {
    await Promise.all([file.remove(), database.remove()])
  })
  const refused = async (env: Readonly<Record<string, string>>, status: number, code: string) => {
    const run = await runFf(['serve'], { env: { ...LISTEN, ...env } })
    expect([run.status, run.stderr]).toEqual([status, expect.stringContaining(`[${code},`)])
    expect(run.stdout).toBe('')
  }

  test('with dev headers outside dev', () =>
    refused({ FF_ALLOW_DEV_HEADERS: 'true', FF_ENV: 'staging' }, 2, 'setting_invalid'))
  test('with dev headers on a public address', () =>
    refused(
      { ...file.env, FF_ALLOW_DEV_HEADERS: 'true', FF_ENV: 'dev', FF_LISTEN: '0.0.0.0:0' },
      2,
      'setting_invalid',
    ))
  test('without a store where FF_ENV is set', () =>
    refused({ FF_ENV: 'prod' }, 2, 'setting_invalid'))
  test('without a store on a public address', () =>
    refused({ FF_LISTEN: '0.0.0.0:0' }, 2, 'setting_invalid'))
  test.each(['db', 'managed'])('without a database for FF_BACKING=%s', (FF_BACKING) =>
    refused({ FF_BACKING }, 2, 'target_invalid'),
  )
  test('with FF_LISTEN that is not an address', () =>
    refused({ FF_LISTEN: 'here' }, 2, 'setting_invalid'))
  test('with a port above 65535', () =>
    refused({ FF_LISTEN: '127.0.0.1:70000' }, 2, 'setting_invalid'))
  test('on a database that was made for another environment', () =>
    refused({ ...database.env, FF_ENV: 'staging' }, 2, 'place_refused'))
  test('in production without a digest key', () =>
    refused({ FF_STORE_DIR: file.folder ?? '' }, 2, 'setting_invalid'))
  test('on a folder that is not a store', () =>
    refused({ ...file.env, FF_STORE_DIR: `${file.folder}/none` }, 22, 'target_unreachable'))
  test('on a store that another process writes to', async () => {
    const first = await startService(file.env)
    await refused(file.env, 24, 'store_locked')
    await first.stop()
  })
  test('on a port that is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as { port: number }
    await refused({ FF_LISTEN: `127.0.0.1:${port}` }, 2, 'listen_failed')
    taken.close()
  })
  test('with a digest key that other users may read', async () => {
    await chmod(file.env['FF_AUDIT_DIGEST_KEY_FILE'] ?? '', 0o644)
    await refused(file.env, 2, 'setting_invalid')
    await chmod(file.env['FF_AUDIT_DIGEST_KEY_FILE'] ?? '', 0o600)
  })
  test('as the role that owns the schema', () =>
    refused({ ...database.env, FF_DATABASE_URL: database.database?.url ?? '' }, 2, 'owner_refused'))
  test('on a schema whose ledger has another checksum', async () => {
    const { version = '15', database: name = '' } = database.database ?? {}
    const admin = await connect(version, name)
    await admin.query(`UPDATE ff.migration_ledger SET checksum = 'x' WHERE version = 2`)
    await refused(database.env, 20, 'schema_drift')
    await admin.query(`UPDATE ff.migration_ledger SET checksum = checksum`)
    await admin.end()
  })
  test('on a database that does not answer', () =>
    refused(
      { ...database.env, FF_DATABASE_URL: 'postgres://x@127.0.0.1:1/x' },
      22,
      'target_unreachable',
    ))
})
