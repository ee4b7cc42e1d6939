import { type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LoopbackJwks } from '../../src/adapters/auth/loopback-jwks.ts'
import { toPublicJwk } from '../../src/core/text/jwk.ts'
import { generateSigningKey, signClaims } from '../../src/adapters/jose/compact.ts'
import { ROOT, type Run, startFf } from './run-ff.ts'
import {
  connect,
  migratedDatabase,
  type Migratable,
  type TestDatabase,
  getUrl,
} from './database.ts'

/** Issues tokens for a test, and serves the key set. */
export interface Issuer {
  readonly env: Readonly<Record<string, string>>
  token(claims?: Readonly<Record<string, unknown>>): Promise<string>
  /** Signs with a new key from now on, which replaces the one before in the key set. */
  rotate(): Promise<void>
  /** How often the key set was fetched. */
  fetches(): number
  close(): Promise<void>
}
/** Every scope of the service, as a `scope` claim. */
export const EVERY_SCOPE =
  'ff:registry:read ff:registry:write ff:override:write ff:tenant:any ff:operator ff:evaluate:any ff:audit:read ff:approval:notify'

/** Starts an issuer with a new key. */
export async function openIssuer(): Promise<Issuer> {
  let key = await generateSigningKey()
  const server = await LoopbackJwks.start({ behaviour: 'up', keys: [toPublicJwk(key)] })
  return {
    env: { FF_JWKS_URL: server.url.href, FF_JWT_ISSUER: server.origin },
    token: (claims = {}) =>
      signClaims(
        {
          iss: server.origin,
          aud: 'pty-feature-flags',
          sub: 'U1',
          tid: 'T1',
          scope: EVERY_SCOPE,
          exp: Math.floor(Date.now() / 1000) + 3600,
          ...claims,
        },
        key,
      ),
    rotate: async () => {
      key = await generateSigningKey()
      await server.setBehaviour({ behaviour: 'up', keys: [toPublicJwk(key)] })
    },
    fetches: () => server.requests(),
    close: () => server.close(),
  }
}

/** The body of a request that makes an active boolean flag, which callers without a token may ask for. */
export const FLAG_BODY = {
  value_type: 'boolean',
  default_value: true,
  safe_value: false,
  sensitive: false,
  required_auth: 'none',
  state: 'active',
  description: '',
  owner: 'tests',
}

/** A service in a process of its own. */
export interface StartedService {
  readonly origin: string
  readonly child: ChildProcess
  readonly stderr: () => string
  readonly stdout: () => string
  /** Resolves when the process ends. */
  readonly ended: Promise<Run>
  /** Sends a signal, SIGTERM by default, and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Run>
}

/**
 * Starts `ff serve` on a free port, and waits until it listens.
 *
 * @param root another package folder: a changed copy
 * @throws with its stderr where it ends before
 */
export async function startService(
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
  root = ROOT,
): Promise<StartedService> {
  const child = startFf(['serve', ...args], {
    root,
    env: { FF_LISTEN: '127.0.0.1:0', FF_DRAIN_DELAY: '0', FF_STORE_DEADLINE: '10', ...env },
  })
  let [stdout, stderr] = ['', '']
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<Run>((resolve) => {
    child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr }))
  })
  const origin = await new Promise<string>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      const found = /Listening on (\S+)/.exec(stdout)?.[1]
      if (found !== undefined) resolve(found)
    })
    child.once('close', () => reject(new Error(`the service did not start: ${stderr}`)))
  })
  const stop = (signal: NodeJS.Signals = 'SIGTERM'): Promise<Run> => {
    child.kill(signal)
    return ended
  }
  return { origin, child, stderr: () => stderr, stdout: () => stdout, ended, stop }
}

/** A fresh store that a service is started on. */
export interface ServiceTarget {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  /** The folder of a file store, or the database of a db. */
  readonly folder: string | null
  readonly database: TestDatabase | null
  remove(): Promise<void>
}

/** An empty file store in a temporary folder. */
export async function openFileTarget(): Promise<ServiceTarget> {
  const folder = await mkdtemp(join(tmpdir(), 'ff-test-serve-'))
  const store = join(folder, 'store')
  await makeEmptyStore(store)
  const key = await digestKey(folder)
  const env = { FF_BACKING: 'file', FF_STORE_DIR: store, FF_AUDIT_DIGEST_KEY_FILE: key }
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  return { name: 'file', env, folder: store, database: null, remove }
}

async function makeEmptyStore(folder: string): Promise<void> {
  const { createStore } = await import('../../src/adapters/file-store/file-store.ts')
  await createStore(folder)
}

async function digestKey(folder: string): Promise<string> {
  const path = join(folder, 'digest.key')
  await writeFile(path, randomBytes(32), { mode: 0o600 })
  return path
}

/** A migrated database, served by a role that is a member of ff_app alone. */
export async function openDatabaseTarget(version: Migratable): Promise<ServiceTarget> {
  const database = await migratedDatabase(version)
  const folder = await mkdtemp(join(tmpdir(), 'ff-test-serve-'))
  const role = `svc_${randomBytes(6).toString('hex')}`
  const admin = await connect(version, database.database)
  await admin.query(`CREATE ROLE ${role} LOGIN IN ROLE ff_app`)
  await admin.end()
  const env = {
    FF_BACKING: 'db',
    FF_DATABASE_URL: getUrl(version, database.database, role),
    FF_AUDIT_DIGEST_KEY_FILE: await digestKey(folder),
  }
  const remove = async (): Promise<void> => {
    await database.drop()
    const server = await connect(version)
    await server.query(`DROP ROLE ${role}`)
    await server.end()
    await rm(folder, { recursive: true, force: true })
  }
  return { name: `PostgreSQL ${version}`, env, folder: null, database, remove }
}

/** A response; `text` is the body as UTF-8. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}
/** Options of a request; the method is GET without a body, else POST. */
export interface AskOptions {
  readonly method?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Uint8Array
}

/** Sends one request; the path is sent unchanged. */
export function ask(origin: string, path: string, options: AskOptions = {}): Promise<Answer> {
  const { hostname, port } = new URL(origin)
  const { method = options.body === undefined ? 'GET' : 'POST', token, body } = options
  const headers = {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...options.headers,
  }
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, method, path, headers }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.once('error', reject)
      answer.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text })
      })
    })
    sent.once('error', reject)
    sent.end(body)
  })
}
