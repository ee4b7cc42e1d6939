import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type JWK, signClaims } from '../../src/adapters/jose/compact.ts'
import { PUBLISHED_VECTORS } from '../adapters/auth/rfc-vectors.ts'
import { finished, ROOT, type Run, runFf as runNow, startFf } from '../support/run-ff.ts'
import { getCheck, ERROR_FORM, toError, inTurns, STACK, until } from './outcome.ts'

const runFf = inTurns(runNow)

interface Fixture {
  readonly id: string
  readonly token: string | null
  readonly jwks: { readonly behaviour: string; readonly keys: readonly object[]; before?: object }
  readonly expected: { readonly prod: { readonly refused?: string; readonly mode?: string } }
}
const { fixtures, issuer } = JSON.parse(
  await readFile(join(ROOT, 'vectors/jwt/fixtures.json'), 'utf8'),
) as { readonly fixtures: readonly Fixture[]; readonly issuer: string }
const NOW = '2026-01-15T09:00:00.000Z'
const ENV = { FF_JWT_ISSUER: issuer }
const [VALID] = fixtures as readonly [Fixture]

interface Answer {
  readonly id: unknown
  readonly verdict: string
  readonly code: string | null
  readonly checks?: readonly { readonly id: string; readonly state: string }[]
}
const getAnswers = ({ stdout }: Run): readonly Answer[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Answer)
const verify = (
  input: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = ENV,
): Promise<Run> => runFf(['token', 'verify', '--now', NOW, ...args], { input, env })
const lines = (...values: readonly unknown[]): string =>
  values.map((one) => `${JSON.stringify(one)}\n`).join('')

describe.concurrent('lines of tokens', () => {
  const steady = fixtures.filter(
    ({ token, jwks }) => token !== null && jwks.behaviour === 'up' && jwks.before === undefined,
  )

  test('each has the answer of its fixture, in order', async () => {
    const input = lines(
      ...steady.map(({ id, token, jwks }) => ({ id, token, jwks: { keys: jwks.keys } })),
    )
    const done = await verify(input)
    expect(done).toMatchObject({ status: 20, stderr: '' })
    const wanted = steady.map(({ id, expected: { prod } }) => ({
      id,
      verdict: prod.refused === undefined ? 'verified' : 'refused',
      code: prod.refused ?? null,
    }))
    expect(getAnswers(done)).toEqual(wanted)
    expect(wanted.length).toBeGreaterThan(70)
  })

  test('all verified end 0', async () => {
    const line = { id: 1, token: VALID.token, jwks: VALID.jwks.keys }
    const done = await verify(lines(line, line))
    expect(done.status).toBe(0)
    expect(getAnswers(done)).toEqual([
      { id: 1, verdict: 'verified', code: null },
      { id: 1, verdict: 'verified', code: null },
    ])
  })

  test('blank lines and a missing last line feed are ignored', async () => {
    const line = JSON.stringify({ id: 'a', token: VALID.token, jwks: VALID.jwks.keys })
    const done = await verify(`${line}\n\n  \n${line}`)
    expect(done.status).toBe(0)
    expect(getAnswers(done)).toHaveLength(2)
  })

  test('--explain shows the result of each check', async () => {
    const done = await verify(lines({ id: 1, token: VALID.token, jwks: [] }), ['--explain'])
    expect(getAnswers(done)).toEqual([
      {
        id: 1,
        verdict: 'refused',
        code: 'kid_not_found',
        checks: [
          ...['form', 'crit', 'alg'].map((id) => ({ id, state: 'pass' })),
          { id: 'key', state: 'fail' },
          ...['signature', 'claims', 'iss', 'aud', 'nbf', 'exp', 'ids'].map((id) => ({
            id,
            state: 'pending',
          })),
        ],
      },
    ])
  })

  const good = { id: 1, token: VALID.token, jwks: VALID.jwks.keys }
  test.each<[string, unknown, string]>([
    ['is no JSON', 'x', 'line_invalid'],
    ['has no token', { id: 7 }, 'line_invalid'],
    ['has a token that is a number', { ...good, id: 7, token: 1 }, 'line_invalid'],
    ['names its keys by a URL', { ...good, id: 7, jwks: 'https://127.0.0.1/jwks' }, 'line_invalid'],
    ['has invalid keys', { ...good, id: 7, jwks: { keys: [1] } }, 'line_invalid'],
    ['has no algorithms', { ...good, id: 7, algs: [] }, 'line_invalid'],
    ['has algorithms and no keys', { id: 7, token: VALID.token, algs: ['RS256'] }, 'line_invalid'],
    [
      'allows a symmetric algorithm',
      { ...good, id: 7, algs: ['RS256', 'HS256'] },
      'algorithm_not_allowable',
    ],
    ['allows none', { ...good, id: 7, algs: ['none'] }, 'algorithm_not_allowable'],
  ])('a line that %s is an error, and the others are answered', async (_situation, bad, code) => {
    const middle = bad === 'x' ? '{"token":\n' : lines(bad)
    const done = await verify(lines(good) + middle + lines(good))
    expect(done.status).toBe(2)
    const answers = getAnswers(done)
    expect(answers.map(({ verdict }) => verdict)).toEqual(['verified', 'error', 'verified'])
    expect(answers[1]?.code).toBe(code)
    expect(done.stderr).not.toMatch(STACK)
  })

  test('a line with a member twice is an error', async () => {
    const text = JSON.stringify(good).replace('{', '{"token":"x",')
    const done = await verify(`${lines(good)}${text}\n`)
    expect(done.status).toBe(2)
    expect(getAnswers(done)[1]).toMatchObject({ verdict: 'error', code: 'line_invalid' })
  })

  test('a token of a megabyte is malformed, and the next one is not', async () => {
    const done = await verify(lines({ ...good, token: 'x'.repeat(1_000_000) }, good))
    expect(done.status).toBe(20)
    expect(getAnswers(done).map(({ code }) => code)).toEqual(['token_malformed', null])
  })

  test('a line over the limit is an error, even with a valid beginning', async () => {
    const long = `${JSON.stringify(good)}${' '.repeat(4_194_304)}}}`
    const done = await verify(`${lines(good)}${long}\n${lines(good)}`)
    expect(done.status).toBe(2)
    expect(getAnswers(done).map(({ verdict }) => verdict)).toEqual([
      'verified',
      'error',
      'verified',
    ])
  })

  test('an id that a double cannot hold is an error', async () => {
    const text = JSON.stringify(good).replace('"id":1', '"id":12345678901234567890')
    const done = await verify(`${lines(good)}${text}\n`)
    expect(getAnswers(done)[1]).toEqual({ id: null, verdict: 'error', code: 'line_invalid' })
  })

  test.concurrent('are judged at the time of their arrival', async () => {
    const key = JSON.parse(await readFile(join(ROOT, 'vectors/jwt/keys.json'), 'utf8')) as {
      keys: JWK[]
    }
    const now = Math.floor(Date.now() / 1000)
    const claims = { iss: issuer, aud: 'pty-feature-flags', sub: 'U1', exp: now + 5 }
    const token = await signClaims(claims, key.keys[0] as JWK)
    const line = JSON.stringify({ id: 1, token, jwks: VALID.jwks.keys })
    const judge = spawn(process.execPath, [join(ROOT, 'dist/bin/ff.js'), 'token', 'verify'], {
      env: { PATH: process.env['PATH'], ...ENV },
    })
    const end = finished(judge)
    judge.stdin.write(`${line}\n`)
    await sleep(6_500)
    judge.stdin.end(`${line}\n`)
    expect(getAnswers(await end).map(({ code }) => code)).toEqual([null, 'token_expired'])
  })

  test.concurrent.each<[NodeJS.Signals | null, number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    [null, 124],
  ])('that never end are ended by %s with %i', async (kill, status) => {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'dist/bin/ff.js'), 'token', 'verify', '--now', NOW, '--timeout', '5'],
      { env: { PATH: process.env['PATH'], ...ENV } },
    )
    const end = finished(child)
    let answered = false
    child.stdout.once('data', () => (answered = true))
    child.stdin.write(lines(good))
    await until('the first answer', () => Promise.resolve(answered))
    if (kill !== null) child.kill(kill)
    const done = await end
    expect(done).toMatchObject({ status, signal: null })
    expect(getAnswers(done)).toHaveLength(1)
  })

  test('refuse --format and --output', async () => {
    const done = await verify(lines(good), ['--format', 'json'])
    expect(done.status).toBe(2)
    expect(toError(done).code).toBe('option_invalid')
  })

  test('the vectors of RFC 7515, 7520 and 8037 have the expected verdicts', async () => {
    const input = lines(
      ...PUBLISHED_VECTORS.map(({ id, token, jwks, algs }) => ({ id, token, jwks, algs })),
    )
    const done = await verify(input, ['--signature-only'], {})
    expect(done).toMatchObject({ status: 20, stderr: '' })
    const wanted = PUBLISHED_VECTORS.map(({ id, verdict, code }) => ({ id, verdict, code }))
    expect(getAnswers(done)).toEqual(wanted)
    expect(wanted.filter(({ verdict }) => verdict === 'verified').length).toBeGreaterThan(5)
  })

  test('--signature-only ignores the claims', async () => {
    const expired = fixtures.find(({ id }) => id === 'JWT-EX-03') as Fixture
    const line = { id: 1, token: expired.token, jwks: expired.jwks.keys }
    const [whole, signature] = await Promise.all([
      verify(lines(line)),
      verify(lines(line), ['--signature-only'], {}),
    ])
    expect([whole.status, signature.status]).toEqual([20, 0])
    expect(getAnswers(whole)[0]?.code).toBe('token_expired')
    expect(getAnswers(signature)[0]).toEqual({ id: 1, verdict: 'verified', code: null })
  })
})

describe.concurrent('one token', () => {
  test.each<[string, string, number, string]>([
    ['of two segments', 'a.b', 20, 'token_malformed'],
    ['of five segments', 'a.b.c.d.e', 20, 'token_malformed'],
    ['of a megabyte', 'a'.repeat(1_048_576), 20, 'token_malformed'],
    ['on two lines', `${VALID.token ?? ''}\n${VALID.token ?? ''}`, 20, 'token_malformed'],
    ['with white space', ` ${VALID.token ?? ''}`, 20, 'token_malformed'],
    ['as JSON', '{"payload":"e30","signatures":[]}', 20, 'token_malformed'],
    ['that is empty', '\n', 20, 'token_malformed'],
    ['of 100,000 brackets', '['.repeat(100_000), 20, 'token_malformed'],
    ['of other bytes', '\u0000\uffff\n', 20, 'token_malformed'],
    ['that is valid, without a key server', VALID.token ?? '', 22, 'jwks_unreachable'],
  ])('%s', async (_situation, input, exit, code) => {
    const done = await verify(input, ['--format', 'json'])
    expect(done).toMatchObject({ status: exit, stderr: '' })
    expect(getCheck(done).findings.map((one) => one.code)).toEqual([code])
  })

  test('that never ends is malformed', async () => {
    const child = spawn(
      'sh',
      [
        '-c',
        `exec "$0" "$1" token verify < /dev/zero`,
        process.execPath,
        join(ROOT, 'dist/bin/ff.js'),
      ],
      {
        env: { PATH: process.env['PATH'], ...ENV },
      },
    )
    const done = await finished(child)
    expect(done.status).toBe(20)
    expect(done.stdout).toContain('token_malformed')
  })

  test('that is missing is nothing to check', async () => {
    const done = await verify('')
    expect(done).toMatchObject({ status: 2, stdout: '' })
    expect(done.stderr).toMatch(ERROR_FORM('nothing_to_check', 'usage'))
  })

  test('is never shown', async () => {
    const token = VALID.token ?? ''
    for (const args of [
      [],
      ['--explain'],
      ['--explain', '--format', 'json'],
      ['--format', 'junit'],
      ['--debug'],
    ]) {
      const done = await verify(token, args)
      expect(done.stdout + done.stderr).not.toContain(token.split('.')[2])
    }
  })

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ['without an issuer', {}, 'FF_JWT_ISSUER'],
    [
      'with dev headers outside dev',
      { ...ENV, FF_ENV: 'prod', FF_ALLOW_DEV_HEADERS: 'true' },
      'FF_ENV',
    ],
    ['with dev headers and no environment', { ...ENV, FF_ALLOW_DEV_HEADERS: 'true' }, 'FF_ENV'],
    [
      'with a switch that is neither true nor false',
      { ...ENV, FF_ENV: 'dev', FF_ALLOW_DEV_HEADERS: '1' },
      'FF_ALLOW_DEV_HEADERS',
    ],
    ['with keys over plain http', { ...ENV, FF_JWKS_URL: 'http://idp.example/jwks' }, 'https'],
    ['with a symmetric algorithm', { ...ENV, FF_JWT_ALGORITHMS: 'RS256,HS256' }, 'RS256'],
    ['with no algorithm', { ...ENV, FF_JWT_ALGORITHMS: ',' }, 'RS256'],
    ['with a leeway of two minutes', { ...ENV, FF_JWT_LEEWAY: '120' }, '60'],
    ['with a negative leeway', { ...ENV, FF_JWT_LEEWAY: '-1' }, '60'],
  ])('is not judged %s', async (_situation, env, named) => {
    const done = await verify('a.b.c', [], env)
    expect(done).toMatchObject({ status: 2, stdout: '' })
    expect(done.stderr).toMatch(ERROR_FORM('setting_invalid', 'usage'))
    expect(done.stderr).toContain(named)
  })

  test('is not judged at an invalid time', async () => {
    const done = await runFf(['token', 'verify', '--now', 'yesterday'], {
      input: 'a.b.c',
      env: ENV,
    })
    expect(done.status).toBe(2)
    expect(done.stderr).toMatch(ERROR_FORM('option_invalid', 'usage'))
  })
})

describe.concurrent('the start-up check', () => {
  test.each<[string, Readonly<Record<string, string>>, number]>([
    ['prod with dev headers', { FF_ENV: 'prod', FF_ALLOW_DEV_HEADERS: 'true' }, 2],
    ['staging with dev headers', { FF_ENV: 'staging', FF_ALLOW_DEV_HEADERS: 'true' }, 2],
    ['no environment, with dev headers', { FF_ALLOW_DEV_HEADERS: 'true' }, 2],
    ['Dev with a capital, with dev headers', { FF_ENV: 'Dev', FF_ALLOW_DEV_HEADERS: 'true' }, 2],
    ['a switch of yes', { FF_ENV: 'dev', FF_ALLOW_DEV_HEADERS: 'yes' }, 2],
    ['a key server without an issuer', { FF_JWKS_URL: 'https://idp.example/jwks' }, 2],
    ['dev with dev headers', { FF_ENV: 'dev', FF_ALLOW_DEV_HEADERS: 'true' }, 0],
    ['prod without', { FF_ENV: 'prod', FF_ALLOW_DEV_HEADERS: 'false' }, 0],
  ])('%s: doctor ends %i', async (_situation, env, exit) => {
    const done = await runFf(['doctor', '--format', 'json'], {
      env: { ...(env as Record<string, string>), FF_DATABASE_URL: '' },
    })
    expect(done.status, done.stdout).toBe(exit)
    const item = getCheck(done).items.find(({ id }) => id === 'start-up')
    expect(item?.state).toBe(exit === 0 ? 'pass' : 'fail')
  })

  test('a file cannot switch checks off', async () => {
    for (const key of ['env', 'allowDevHeaders']) {
      const { mkdtemp, rm, writeFile } = await import('node:fs/promises')
      const cwd = await mkdtemp(join((await import('node:os')).tmpdir(), 'ff-token-'))
      await writeFile(join(cwd, 'ff.config.json'), JSON.stringify({ [key]: 'true' }))
      const done = await runFf(['doctor', '--format', 'json'], { cwd })
      await rm(cwd, { recursive: true })
      expect(done.status).toBe(2)
      expect(toError(done).code).toBe('setting_invalid')
    }
  })
})

describe.concurrent('ff token mint', () => {
  const DEV = { FF_ENV: 'dev' }

  test('a service with its settings accepts the token while the key is served', async () => {
    const child = startFf(
      ['token', 'mint', '--dev', '--user', 'U7', '--tenant', 'T7', '--scopes', 'a:b,c:d'],
      { env: DEV },
    )
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const end = finished(child)
    await until('the token', () => Promise.resolve(text.includes('TOKEN=')))
    const env = Object.fromEntries(
      text
        .trim()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
    const { TOKEN = '', ...settings } = env
    const judge = (input: string, more: Readonly<Record<string, string>> = {}): Promise<Run> =>
      runFf(['token', 'verify', '--format', 'json', '--explain'], {
        input,
        env: { ...settings, ...more },
      })
    const served = await judge(TOKEN)
    expect(served.status, served.stdout).toBe(0)
    expect(served.stdout).toContain('\\"U7\\"')
    const fetched = await runFf(['jwks', 'fetch', settings['FF_JWKS_URL'] ?? ''])
    expect(fetched.status).toBe(0)
    child.kill('SIGTERM')
    expect(await end).toMatchObject({ status: 0 })
    const gone = await judge(TOKEN)
    expect(gone.status).toBe(22)
    expect(getCheck(gone).findings.map(({ code }) => code)).toEqual(['jwks_unreachable'])
    // In dev with the switch an unverified token is admitted, but does not pass.
    const unverified = await judge(TOKEN, { ...DEV, FF_ALLOW_DEV_HEADERS: 'true' })
    expect(unverified.status).toBe(22)
    expect(getCheck(unverified).findings.map(({ code }) => code)).toEqual(['auth_not_verified'])
  })

  test.each<[string, readonly string[], Readonly<Record<string, string>>, string]>([
    ['in prod', ['--dev'], { FF_ENV: 'prod' }, 'setting_invalid'],
    ['without an environment', ['--dev'], {}, 'setting_invalid'],
    ['without --dev', [], DEV, 'option_invalid'],
    ['for an invalid user id', ['--dev', '--user', 'a b'], DEV, 'option_invalid'],
    ['for an invalid tenant id', ['--dev', '--tenant', 'T 1'], DEV, 'option_invalid'],
  ])('is refused %s', async (_situation, args, env, code) => {
    const done = await runFf(['token', 'mint', ...args], { env })
    expect(done).toMatchObject({ status: 2, stdout: '' })
    expect(done.stderr).toMatch(ERROR_FORM(code, 'usage'))
  })
})
