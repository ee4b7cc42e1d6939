import { type ClientRequest, createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { JwksClient, type JwksClientOptions } from '../../src/adapters/auth/jwks-client.ts'
import { fetchJwks } from '../../src/adapters/auth/jwks-fetch.ts'
import { findKeyFault, isKeyUsableFor, type KeyLimits } from '../../src/adapters/auth/key-filter.ts'
import { type KeySelection, KeySet } from '../../src/adapters/auth/key-set.ts'
import type { KeyAnswer } from '../../src/adapters/auth/key-source.ts'
import { parseCompactJws } from '../../src/adapters/auth/token-form.ts'
import { JwksVerifier, type VerifierRules } from '../../src/adapters/auth/token-verifier.ts'
import { hasRepeatedMember } from '../../src/core/json/read.ts'
import { verifySignatureBytes } from '../../src/adapters/jose/compact.ts'
import { isSmallOrderPoint } from '../../src/adapters/jose/ed25519.ts'
import { type Fault, replace, withFault } from '../support/faults.ts'
import { copyArtefacts, ROOT, type Run, runFf as runNow } from '../support/run-ff.ts'
import { runInProcess } from '../support/run-in-process.ts'
import { edit, editJson, ERROR_FORM, getCheck, inTurns, STACK, toError } from './outcome.ts'

const { replaceable } = await vi.hoisted(() => {
  vi.resetModules() // Files share a process: what an earlier one loaded is not replaceable.
  return import('../support/faults.ts')
})
vi.mock(import('node:http'), replaceable)
vi.mock(import('../../src/adapters/auth/jwks-client.ts'), replaceable)
vi.mock(import('../../src/adapters/auth/jwks-fetch.ts'), replaceable)
vi.mock(import('../../src/adapters/auth/key-filter.ts'), replaceable)
vi.mock(import('../../src/adapters/auth/key-set.ts'), replaceable)
vi.mock(import('../../src/adapters/auth/token-form.ts'), replaceable)
vi.mock(import('../../src/adapters/auth/token-verifier.ts'), replaceable)
vi.mock(import('../../src/core/json/read.ts'), replaceable)
vi.mock(import('../../src/adapters/jose/compact.ts'), replaceable)
vi.mock(import('../../src/adapters/jose/ed25519.ts'), replaceable)

const runFf = inTurns(runNow)
const NOTES = 'contracts/jwks_integration_notes.json'
const FIXTURES = 'vectors/jwt/fixtures.json'

interface Mode {
  id: string
  when: { condition: string; environments: string[] }[]
  outcome: Record<string, unknown>
  fixtures: string[]
}
interface Notes {
  modes: Mode[]
  errors: { code: string; http: number }[]
  client: Record<string, number>
}

describe.concurrent('ff jwks check', () => {
  let whole: Promise<Run> | undefined
  const checkAll = (): Promise<Run> => (whole ??= runFf(['jwks', 'check', '--format', 'json']))

  // The refresh waits for the cooldown of 30 s, which the check plays on its own clock.
  test('UC-B4-05: a kid that one refresh does not find is only decoded, and only in development', async () => {
    const notes = JSON.parse(await readFile(join(ROOT, NOTES), 'utf8')) as Notes
    expect(notes.modes.find(({ id }) => id === 'M-03')).toMatchObject({
      when: [{ condition: 'refresh_unreachable', environments: ['dev+H'] }],
      outcome: { mode: 'decode-only', warnings: ['auth_not_verified', 'kid_not_found'] },
      fixtures: ['JWT-EX-07'],
    })
    const row = getCheck(await checkAll()).items.find(({ id }) => id === 'M-03')
    expect(row).toMatchObject({
      state: 'pass',
      title: expect.stringMatching(/\([1-9]\d* cases\)$/),
    })
  })

  test('every row of the matrix holds in every environment', async () => {
    const done = await checkAll()
    expect(done).toMatchObject({ status: 0, stderr: '' })
    const { kind, verdict, items } = getCheck(done)
    expect({ kind, verdict }).toEqual({ kind: 'jwks_check', verdict: 'pass' })
    const notes = JSON.parse(await readFile(join(ROOT, NOTES), 'utf8')) as Notes
    expect(items.map(({ id }) => id)).toEqual([...notes.modes.map(({ id }) => id), 'control'])
    expect(items.every(({ state }) => state === 'pass')).toBe(true)
    const { fixtures } = JSON.parse(await readFile(join(ROOT, FIXTURES), 'utf8')) as {
      fixtures: unknown[]
    }
    const cases = items.slice(0, -1).map(({ title }) => Number(/\((\d+) cases\)$/.exec(title)?.[1]))
    expect(cases.reduce((all, one) => all + one, 0)).toBe(fixtures.length * 3)
    expect(fixtures.length).toBeGreaterThan(100)
  })

  test('reports it as text and as JUnit', async () => {
    const [text, junit] = await Promise.all([
      runFf(['jwks', 'check']),
      runFf(['jwks', 'check', '--format', 'junit']),
    ])
    expect([text.status, junit.status]).toEqual([0, 0])
    expect(text.stdout).toMatch(/PASS {2}M-05c +HS256 keyed with the public key \(\d+ cases\)/)
    expect(text.stdout).toContain('27 of 27 hold.  exit 0 (ok)')
    expect(junit.stdout).toContain('tests="27" failures="0"')
  })

  test.each<[string, string, (notes: Notes) => void]>([
    [
      'an unverified caller is admitted outside dev',
      'not_outside_dev',
      ({ modes }) => modes.find(({ id }) => id === 'M-02')?.when[0]?.environments.push('prod'),
    ],
    ['a row is missing', 'place_empty', (notes) => notes.modes.pop()],
    [
      'a bad signature is verified',
      'verified_without_signature',
      ({ modes }) =>
        Object.assign(modes.find(({ id }) => id === 'M-04') as Mode, {
          outcome: { mode: 'verified', source: 'jwt', warnings: [] },
        }),
    ],
    [
      'a refusal has another status',
      'status_differs',
      ({ modes }) => Object.assign((modes.at(-1) as Mode).outcome, { http: 403 }),
    ],
    [
      'two rows have one id',
      'id_repeated',
      ({ modes }) => Object.assign(modes[1] as Mode, { id: 'M-01' }),
    ],
    [
      'a row has no example',
      'fixture_missing',
      ({ modes }) => modes[0]?.fixtures.push('JWT-EX-999'),
    ],
    [
      'a row has an example of another row',
      'fixture_row_differs',
      ({ modes }) => modes[0]?.fixtures.push('JWT-EX-02'),
    ],
    [
      'an error has another status',
      'error_differs',
      ({ errors }) => Object.assign(errors[0] as object, { http: 503 }),
    ],
    [
      'the cache is shorter than the cooldown',
      'limit_differs',
      ({ client }) => Object.assign(client, { cooldown_s: 120 }),
    ],
    [
      'the fetch may take a minute',
      'schema_maximum',
      ({ client }) => Object.assign(client, { timeout_ms: 60_000 }),
    ],
  ])('a contract in which %s is refused', async (_situation, code, change) => {
    const copy = await copyArtefacts()
    try {
      await editJson<Notes>(join(copy.root, NOTES), change)
      for (const args of [
        ['jwks', 'check'],
        ['parity', 'run', '--candidate', 'file', '--allow-same-kind'],
      ]) {
        const done = await runFf([...args, '--format', 'json'], { artefacts: copy.root })
        expect(done.status).toBe(2)
        expect(toError(done).code).toBe('artefact_invalid')
        expect(toError(done).details?.join('\n')).toContain(code)
      }
      const validated = await runFf(['artefacts', 'validate', '--format', 'json'], {
        artefacts: copy.root,
      })
      expect(validated.status).toBe(2)
      expect(getCheck(validated).findings.map((one) => one.code)).toContain(code)
    } finally {
      await copy.remove()
    }
  })

  test('a fixture that contradicts its row is refused', async () => {
    const copy = await copyArtefacts()
    try {
      await edit(join(copy.root, FIXTURES), '"id": "JWT-EX-03"', '"id": "JWT-EX-04"')
      const done = await runFf(['jwks', 'check', '--format', 'json'], { artefacts: copy.root })
      expect(done.status).toBe(2)
      expect(toError(done).details?.join('\n')).toMatch(/id_repeated|fixture_row_differs/)
    } finally {
      await copy.remove()
    }
  })
})

// A fault affects the whole process: one test at a time.
describe('ff jwks check', () => {
  /** A planted fault, and the row that must detect it. */
  const HOLES: readonly (readonly [hole: string, fault: Fault, row: string])[] = [
    ['no signature is checked', replace(verifySignatureBytes, () => () => true), 'M-04'],
    [
      'there is no allow-list',
      withRules((rules) => ({ ...rules, algorithms: new Every<string>() })),
      'M-05a',
    ],
    [
      'critical headers are ignored',
      replace(parseCompactJws, (real) => (token, maxBytes) => {
        const form = real(token, maxBytes)
        if (form === null) return null
        const { crit: _, b64: __, ...header } = form.header
        return { ...form, header }
      }),
      'M-18',
    ],
    ['a repeated member is accepted', replace(hasRepeatedMember, () => () => false), 'M-10'],
    [
      'padding is accepted',
      replace(
        parseCompactJws,
        (real) => (token, maxBytes) => real(token.replaceAll(/=+(?=[.]|$)/g, ''), maxBytes),
      ),
      'M-10',
    ],
    [
      'weak moduli are accepted',
      replace(findKeyFault, (real) => (jwk, limits) => real(jwk, { ...limits, rsa_min_bits: 0 })),
      'M-16',
    ],
    [
      'broken moduli are accepted',
      replace(findKeyFault, (real) => (jwk, limits) => {
        const fault = real(jwk, limits)
        return fault === 'roca' ? null : fault
      }),
      'M-16',
    ],
    [
      'the use of a key is ignored',
      replace(findKeyFault, (real) => (jwk, limits) => real({ ...jwk, use: undefined }, limits)),
      'M-16',
    ],
    [
      'any key matches without a kid',
      replace(
        KeySet,
        (real) =>
          class extends real {
            override async select(kid: string | null, alg: string): Promise<KeySelection> {
              if (kid !== null) return super.select(kid, alg)
              const fits = this.entries.filter(
                ({ fault, jwk }) => !fault && isKeyUsableFor(jwk, alg),
              )
              const [only] = fits
              if (only === undefined || fits.length > 1) return { status: 'key_not_usable' }
              return new real([only.jwk], LIMITS).select(null, alg)
            }
          },
      ),
      'M-11b',
    ],
    [
      'no set is ever refreshed',
      replace(
        JwksClient,
        (real) =>
          class extends real {
            override forKid(): Promise<KeyAnswer> {
              return super.forKid(null)
            }
          },
      ),
      'M-14',
    ],
    [
      'there is no cooldown',
      replace(
        JwksClient,
        (real) =>
          class extends real {
            override forKid(kid: string | null): Promise<KeyAnswer> {
              this['startedAt'] = Number.NEGATIVE_INFINITY
              return super.forKid(kid)
            }
          },
      ),
      'M-12',
    ],
    [
      'a set never expires',
      withClientOptions(({ times, ...rest }) => ({
        ...rest,
        times: { ...times, last_known_good_s: Infinity },
      })),
      'M-02',
    ],
    [
      'an unreachable endpoint expires the set at once',
      replace(
        JwksClient,
        (real) =>
          class extends real {
            constructor(options: JwksClientOptions) {
              const lose = (): void => void (this['loaded'] = null)
              super({
                ...options,
                fetch: async () => {
                  const fetched = await options.fetch()
                  if (!fetched.ok) lose()
                  return fetched
                },
              })
            }
          },
      ),
      'M-13',
    ],
    [
      'redirects are followed anywhere',
      replace(fetchJwks, (real) => async (url, limits, clock) => {
        const fetched = await real(url, limits, clock)
        if (fetched.ok || fetched.kind !== 'misconfigured') return fetched
        const { headers } = await globalThis.fetch(url, { redirect: 'manual' })
        const location = headers.get('location')
        return location === null ? fetched : real(new URL(location, url), limits, clock)
      }),
      'M-06',
    ],
    [
      'an HTML page counts as no answer',
      replace(fetchJwks, (real) => async (...given) => {
        const fetched = await real(...given)
        if (fetched.ok || fetched.detail !== 'the response is not a JWK set') return fetched
        return { ...fetched, kind: 'unreachable' }
      }),
      'M-06',
    ],
    [
      'an unusable key counts as one that a refresh could add',
      replace(
        JwksClient,
        (real) =>
          class extends real {
            override async forKid(kid: string | null): Promise<KeyAnswer> {
              const answer = await super.forKid(kid)
              if (answer.status !== 'held' || answer.refreshed === 'ok') return answer
              const { set, ...held } = answer.held
              return { ...answer, held: { ...held, set: lacking(set) } }
            }
          },
      ),
      'M-16',
    ],
    [
      'a forged signature is admitted while the key server is unreachable',
      replace(
        JwksVerifier,
        (real) =>
          class extends real {
            constructor(...given: ConstructorParameters<typeof JwksVerifier>) {
              super(...given)
              const [keys, { max_bytes }] = given
              const prove = this['prove'].bind(this)
              this['prove'] = async (token, read) => {
                const proof = await prove(token, read)
                if (proof.conditions[0] !== 'signature_invalid') return proof
                const form = parseCompactJws(token, max_bytes)
                const answer = await keys.forKid(form?.header.kid ?? null)
                if (form === null || answer.status !== 'held' || answer.refreshed === 'ok')
                  return proof
                const { refreshed } = answer
                return {
                  conditions: [`refresh_${refreshed}`],
                  claims: read(form.payload),
                  age_ms: 0,
                }
              }
            }
          },
      ),
      'M-04',
    ],
    ['a key of small order is accepted', replace(isSmallOrderPoint, () => () => false), 'M-16'],
    [
      'the issuer is not compared',
      withRules(({ claims, ...rest }) => ({ ...rest, claims: { ...claims, required: [] } })),
      'M-08d',
    ],
  ]
  test.each(HOLES)('detects that %s', (_hole, fault, row) =>
    withFault(fault, async () => {
      const done = await runInProcess(['jwks', 'check', '--format', 'json'])
      expect(done.status, done.stderr + done.stdout.slice(0, 2000)).toBe(20)
      const { items, findings } = getCheck(done)
      expect(items.find(({ id }) => id === row)?.state).toBe('fail')
      const finding = findings.find(({ subject }) => subject === row) as {
        code: string
        detail?: string
      }
      expect(finding.code).toBe('outcome_differs')
      expect(finding.detail).toMatch(/^JWT-EX-\d+ in (dev\+H|dev-H|prod): .+ expected .+, got .+/)
    }),
  )

  /** Redundant checks: each row still holds with one of them off. */
  test.each([
    [
      'private keys pass the filter',
      replace(findKeyFault, (real) => (jwk, limits) => {
        const shown = Object.entries(jwk).filter(([name]) => !PRIVATE.includes(name))
        return real(Object.fromEntries(shown), limits)
      }),
    ],
    [
      'nothing is fetched in the background',
      withClientOptions(({ clock, ...rest }) => ({
        ...rest,
        clock: { now: () => clock.now(), later: () => () => undefined },
      })),
    ],
    [
      'the announced size is ignored',
      replace(request, (real) => {
        const unannounced = (...given: Parameters<typeof request>): ClientRequest =>
          real(...given).prependListener('response', ({ headers }) => {
            delete headers['content-length']
          })
        return unannounced as typeof request
      }),
    ],
  ])('every row holds although %s', (_lock, fault) =>
    withFault(fault, async () => {
      expect((await runInProcess(['jwks', 'check'])).status).toBe(0)
    }),
  )
})

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const LIMITS: KeyLimits = { rsa_min_bits: 0, rsa_max_bits: 1e6 }
class Every<T> extends Set<T> {
  override has(): boolean {
    return true
  }
}
/** A key set that reports each unusable key as absent. */
function lacking(set: KeySet): KeySet {
  const select = async (kid: string | null, alg: string): Promise<KeySelection> => {
    const selected = await set.select(kid, alg)
    return selected.status === 'found' ? selected : { status: 'kid_absent' }
  }
  return Object.create(set, { select: { value: select } }) as KeySet
}
function withRules(change: (rules: VerifierRules) => VerifierRules): Fault {
  return replace(
    JwksVerifier,
    (real) =>
      class extends real {
        constructor(...[keys, rules, cache]: ConstructorParameters<typeof JwksVerifier>) {
          super(keys, change(rules), cache)
        }
      },
  )
}
function withClientOptions(change: (options: JwksClientOptions) => JwksClientOptions): Fault {
  return replace(
    JwksClient,
    (real) =>
      class extends real {
        constructor(options: JwksClientOptions) {
          super(change(options))
        }
      },
  )
}

describe.concurrent('ff jwks fetch', () => {
  let server: Server
  let origin: string
  const key = async (kid: string): Promise<Record<string, unknown>> => {
    const { keys } = JSON.parse(await readFile(join(ROOT, 'vectors/jwt/keys.json'), 'utf8')) as {
      keys: Record<string, unknown>[]
    }
    const { kty, n, e, crv, x, y, alg, use } = keys.find((one) => one['kid'] === kid) ?? {}
    return { kty, kid, alg, use, n, e, crv, x, y }
  }
  const PAGES: Readonly<
    Record<string, () => Promise<readonly [number, Record<string, string>, string]>>
  > = {
    '/good': async () => [
      200,
      { 'cache-control': 'public, max-age=120', etag: '"1"' },
      JSON.stringify({
        keys: [await key('ff-fixture-rsa-1'), { ...(await key('ff-fixture-ec-1')), use: 'enc' }],
      }),
    ],
    '/weak': async () => [
      200,
      {},
      JSON.stringify({ keys: [await key('ff-fixture-rsa-1'), await key('ff-fixture-rsa-1024')] }),
    ],
    '/off-curve': async () => {
      const ec = await key('ff-fixture-ec-1')
      return [
        200,
        {},
        JSON.stringify({ keys: [await key('ff-fixture-rsa-1'), { ...ec, y: ec['x'] }] }),
      ]
    },
    '/twins': async () => {
      const [one, two] = [await key('ff-fixture-rsa-1'), await key('ff-fixture-rsa-2')]
      return [200, {}, JSON.stringify({ keys: [one, { ...two, kid: one['kid'] }] })]
    },
    '/other': async () => [
      200,
      {},
      JSON.stringify({ keys: [{ ...(await key('ff-fixture-rsa-1')), alg: 'RS512' }] }),
    ],
    '/none': () => Promise.resolve([200, {}, '{"keys": []}']),
    '/escape': async () => [
      200,
      {},
      JSON.stringify({
        keys: [{ ...(await key('ff-fixture-rsa-1')), kid: '\u001b[2J\u0007evil' }],
      }),
    ],
    '/page': () => Promise.resolve([200, {}, '<html>']),
    '/gone': () => Promise.resolve([404, {}, '']),
    '/broken': () => Promise.resolve([500, {}, '']),
    '/away': () => Promise.resolve([302, { location: 'http://127.0.0.9:1/' }, '']),
  }
  beforeAll(async () => {
    server = createServer((request, response) => {
      const page = PAGES[request.url ?? '']
      if (page === undefined) return void response.destroy()
      void page().then(([status, headers, body]) => response.writeHead(status, headers).end(body))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => void server.close())
  const fetched = (path: string, ...args: readonly string[]): Promise<Run> =>
    runFf(['jwks', 'fetch', origin + path, ...args])

  test('lists the keys, their use and the cache lifetime', async () => {
    const done = await fetched('/good')
    expect(done).toMatchObject({ status: 0, stderr: '' })
    expect(done.stdout).toContain('kept for 120 s')
    // Long lines are folded.
    expect(done.stdout.replaceAll(/\s+/g, ' ')).toContain('cache-control: public, max-age=120')
    expect(done.stdout).toContain('1 of 2 keys')
    expect(done.stdout).toMatch(/PASS +key ff-fixture-rsa-1 +RSA 2048 bits RS256 sig/)
    expect(done.stdout).toMatch(
      /key ff-fixture-ec-1 +EC P-256 ES256 enc: left alone \(use_not_sig\)/,
    )
  })

  test.each([
    ['/weak', 20, 'rsa_too_short'],
    ['/off-curve', 20, 'malformed'],
    ['/other', 20, 'key_not_usable'],
    ['/none', 20, 'key_not_usable'],
    ['/page', 20, 'jwks_misconfigured'],
    ['/gone', 20, 'jwks_misconfigured'],
    ['/away', 20, 'jwks_misconfigured'],
    ['/broken', 22, 'jwks_unreachable'],
    ['/reset', 22, 'jwks_unreachable'],
  ])('%s ends %i: %s', async (path, exit, code) => {
    const done = await fetched(path, '--format', 'json')
    expect(done.status).toBe(exit)
    expect(getCheck(done).findings.map((one) => one.code)).toEqual([code])
    expect(done.stdout + done.stderr).not.toMatch(STACK)
  })

  test('two keys of one kid are both unusable', async () => {
    const done = await fetched('/twins', '--format', 'json')
    expect(done.status).toBe(20)
    expect(getCheck(done).findings.map((one) => one.code)).toEqual([
      'key_not_usable',
      'kid_repeated',
      'kid_repeated',
    ])
  })

  test('texts of the server are escaped', async () => {
    const done = await fetched('/escape')
    expect(done.status).toBe(0)
    expect(done.stdout).toContain('\\u001b[2J\\u0007evil')
    expect(done.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
  })

  test.each([
    ['http://idp.example/jwks'],
    ['http://127.0.0.1.evil.example/jwks'],
    ['ftp://127.0.0.1/jwks'],
    ['file:///etc/passwd'],
    ['jwks'],
    [''],
  ])('%s is refused as a key server', async (url) => {
    const done = await runFf(['jwks', 'fetch', url])
    expect(done).toMatchObject({ status: 2, stdout: '' })
    expect(done.stderr).toMatch(ERROR_FORM('setting_invalid', 'usage'))
    expect(done.stderr).not.toContain('hunter2')
  })

  test('a URL with a password is refused, and not shown', async () => {
    const done = await runFf(['jwks', 'fetch', 'https://user:hunter2@127.0.0.1/jwks'])
    expect(done).toMatchObject({ status: 2, stdout: '' })
    expect(done.stderr).toMatch(ERROR_FORM('secret_in_option', 'usage'))
    expect(done.stderr).not.toContain('hunter2')
  })

  test('an unknown host is inconclusive', async () => {
    const done = await runFf(['jwks', 'fetch', 'https://127.0.0.1:1/jwks', '--format', 'json'])
    expect(done.status).toBe(22)
    expect(getCheck(done).findings).toMatchObject([
      { code: 'jwks_unreachable', detail: 'ECONNREFUSED' },
    ])
  })
})
