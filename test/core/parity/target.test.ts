import { describe, expect, test } from 'vitest'
import {
  withDatabaseName,
  isLoopback,
  isSameService,
  parseTarget,
} from '../../../src/core/parity/target.ts'

const ENV = {
  DB: 'postgres://ff:hush@db.example/ff',
  EMPTY: '',
  LOOP: 'env:DB',
  FILE: 'file:/srv/state',
}
const parse = (text: string) => parseTarget(text, ENV)

describe('parseTarget', () => {
  test.each([
    ['a temporary folder', 'file', { kind: 'file', folder: null }],
    ['a folder', 'file:/srv/state', { kind: 'file', folder: '/srv/state' }],
    ['an embedded server', 'embedded', { kind: 'embedded' }],
    ['a service', 'https://ff.example:8420/', { kind: 'http', origin: 'https://ff.example:8420' }],
    [
      'a service on loopback',
      'http://127.0.0.1:8420',
      { kind: 'http', origin: 'http://127.0.0.1:8420' },
    ],
    [
      'a service at an IPv6 address',
      'http://[::1]:80',
      { kind: 'http', origin: 'http://[::1]:80' },
    ],
    [
      'a service without a port',
      'https://ff.example',
      { kind: 'http', origin: 'https://ff.example' },
    ],
    [
      'a service at the last port',
      'https://ff.example:65535',
      { kind: 'http', origin: 'https://ff.example:65535' },
    ],
    ['a folder in a variable', 'env:FILE', { kind: 'file', folder: '/srv/state' }],
  ])('%s', (_situation, text, spec) => {
    expect(parse(text)).toEqual({ ok: true, spec })
  })

  test.each([
    ['a database', 'postgres://db.example/ff', 'postgres://db.example/ff'],
    ['the longer scheme', 'postgresql://db.example:5432/ff', 'postgres://db.example:5432/ff'],
    ['an IPv6 address', 'postgres://[::1]:5432/ff', 'postgres://[::1]:5432/ff'],
    ['a user without a password', 'postgres://ff@db.example/ff', 'postgres://db.example/ff'],
    ['several hosts', 'postgres://a:1,b:2/ff', 'postgres://a:1,b:2/ff'],
    ['hosts at long ports', 'postgres://a:5432,b:5433/ff', 'postgres://a:5432,b:5433/ff'],
    ['a socket', 'postgres:///ff?host=/var/run', 'postgres:///ff'],
    ['no database name', 'postgres://db.example', 'postgres://db.example/'],
    ['the last port', 'postgres://h:65535/ff', 'postgres://h:65535/ff'],
    ['options', 'postgres://db.example/ff?sslmode=require', 'postgres://db.example/ff'],
  ])('%s, with a name without user and options', (_situation, url, name) => {
    expect(parse(url)).toEqual({ ok: true, spec: { kind: 'postgres', url, name } })
  })

  test('a password is allowed in a variable, and is never part of the name', () => {
    expect(parse('env:DB')).toEqual({
      ok: true,
      spec: { kind: 'postgres', url: ENV.DB, name: 'postgres://db.example/ff' },
    })
  })

  test.each([
    ['an empty text', '', 'target_unknown'],
    ['an unknown word', 'sqlite', 'target_unknown'],
    ['another database', 'mysql://db.example/ff', 'target_unknown'],
    ['an empty folder name', 'file:', 'target_unknown'],
    ['P6 the URL of SQLAlchemy', 'postgresql+asyncpg://h/d', 'target_scheme_of_driver'],
    ['P6 the URL of JDBC', 'jdbc:postgresql://h/d', 'target_scheme_of_driver'],
    ['a line end in the URL of another driver', 'postgres+x://h\n', 'target_scheme_of_driver'],
    ['a scheme that only begins the same', 'postgresqlx://h/d', 'target_unknown'],
    ['the URL of JDBC after another word', 'see jdbc:postgresql://h/d', 'target_unknown'],
    ['the URL of SQLAlchemy after another word', 'see postgres+x://h/d', 'target_unknown'],
    ['a database below another', 'postgres://a b/postgres://h/d', 'target_url_malformed'],
    ['a variable that is not set', 'env:NO_SUCH', 'variable_unset'],
    ['a variable that is empty', 'env:EMPTY', 'variable_unset'],
    ['a variable without a name', 'env:', 'variable_unset'],
    ['a variable that names another', 'env:LOOP', 'target_unknown'],
    ['a service after another word', 'see https://ff.example', 'target_unknown'],
    ['a database after another word', 'see postgres://db.example/ff', 'target_unknown'],
    ['a service below another', 'https://ff.example/http://127.0.0.1', 'service_url_malformed'],
    ['a service with a path', 'https://ff.example/v1', 'service_url_malformed'],
    ['a service with a query', 'https://ff.example?token=hush', 'service_url_malformed'],
    ['a service with an invalid port', 'https://ff.example:70000', 'service_url_malformed'],
    ['a service without a host', 'http://', 'service_url_malformed'],
    ['http to another machine', 'http://ff.example:8420', 'service_not_https'],
    ['a service with a user', 'https://ff:hush@ff.example', 'secret_in_option'],
    ['a line end in the options', 'postgres://h/d?a\nb', 'target_url_malformed'],
    ['an escape that is not UTF-8', 'postgres://db.example:70000/ff', 'target_url_malformed'],
    ['an invalid port of the first host', 'postgres://a:70000,b:1/ff', 'target_url_malformed'],
    ['an escape of one digit', 'postgres://db.example/%4', 'target_url_malformed'],
    ['an escape that is none', 'postgres://db.example/%zz', 'target_url_malformed'],
    ['an escape that is no UTF-8', 'postgres://h/d?%FF=1', 'target_url_malformed'],
  ])('refuses %s', (_situation, text, refusal) => {
    expect(parse(text)).toEqual({ ok: false, refusal })
  })

  test.each([
    ['after the user', 'postgres://ff:hush@db.example/ff'],
    ['empty', 'postgres://ff:@db.example/ff'],
    ['with an at sign', 'postgres://ff:hu@sh@db.example/ff'],
    ['as an option', 'postgres://db.example/ff?password=hush'],
    ['as the second option', 'postgres://db.example/ff?sslmode=require&password=hush'],
    ['for a key file', 'postgres://db.example/ff?sslpassword=hush'],
    ['as an option with an escaped name', 'postgres://db.example/ff?pass%77ord=hush'],
  ])('a password in an option is refused: %s', (_situation, text) => {
    expect(parse(text)).toEqual({ ok: false, refusal: 'secret_in_option' })
  })

  test.each([
    ['a slash', 'postgres://ff:hu/sh@db.example/ff'],
    ['a question mark', 'postgres://ff:hu?sh@db.example/ff'],
    ['an at sign', 'postgres://ff:hu@sh@db.example/ff'],
    ['a hash', 'postgres://ff:hu#sh@db.example/ff'],
  ])(
    'no part of a password with %s reaches the name, or passes as an option',
    (_situation, url) => {
      const target = parseTarget('env:URL', { URL: url })
      const name = target.ok && target.spec.kind === 'postgres' ? target.spec.name : ''
      expect(name).not.toMatch(/hu|sh/)
      expect(parse(url).ok).toBe(false)
    },
  )

  test.each(['constructor', 'toString', '__proto__'])(
    'a variable called %s counts only when it is set',
    (name) => {
      expect(parseTarget(`env:${name}`, {})).toEqual({ ok: false, refusal: 'variable_unset' })
    },
  )
})

test.each([
  ['embedded', true],
  ['file:x', true],
  ['http://127.0.0.1:8420', true],
  ['https://ff.example', false],
  ['postgres://ff@127.0.0.1:5432/ff', true],
  ['postgres://localhost/ff', true],
  ['postgres://127.0.10.200/ff', true],
  ['postgres://not-localhost/ff', false],
  ['postgres://[::1]:5432/ff', true],
  ['postgres:///ff?host=%2Frun%2Fpg', true],
  ['postgres://127.0.0.1/ff?sslmode=require', true],
  ['postgres://127.0.0.1,127.0.0.2/ff', true],
  ['postgres://127.0.0.1,db.example/ff', false],
  ['postgres://127.0.0.1/ff?host=db.example', false],
  ['postgres://127.0.0.1.evil.example/ff', false],
  ['postgres://127.0.0.1@db.example/ff', false],
  ['postgres:///ff', false],
])('%s is on this machine: %s', (text, expected) => {
  const parsed = parseTarget(text, {})
  expect(parsed.ok && isLoopback(parsed.spec)).toBe(expected)
})

test.each([
  ['postgres://u@h:1/one?host=%2Frun', 'postgres://u@h:1/two?host=%2Frun', 'postgres://h:1/two'],
  ['postgres://u@/one', 'postgres://u@/two', 'postgres:///two'],
  ['postgresql://h', 'postgresql://h/two', 'postgres://h/two'],
  ['postgres://h?sslmode=require', 'postgres://h/two?sslmode=require', 'postgres://h/two'],
])('another database on the server of %s', (from, url, name) => {
  const parsed = parseTarget(from, {})
  const spec = parsed.ok && parsed.spec.kind === 'postgres' ? parsed.spec : null
  expect(spec && withDatabaseName(spec, 'two')).toEqual({ kind: 'postgres', url, name })
})

test.each([
  ['http://127.0.0.1:1', 'http://127.0.0.1:1/', true],
  ['https://Flags.example', 'https://flags.example:443', true],
  ['http://127.0.0.1:80', 'http://127.0.0.1', true],
  ['http://127.0.0.1:1', 'http://127.0.0.1:2', false],
  ['http://127.0.0.1:443', 'https://127.0.0.1', false],
  ['file:x', 'file:x', false],
  ['http://127.0.0.1:1', 'file:x', false],
  ['file:x', 'http://127.0.0.1:1', false],
])('%s and %s are one service: %s', (one, other, expected) => {
  const [a, b] = [parseTarget(one, {}), parseTarget(other, {})]
  expect(a.ok && b.ok && isSameService(a.spec, b.spec)).toBe(expected)
})

test('a malformed URL is not on this machine', () => {
  expect(isLoopback({ kind: 'postgres', url: 'nowhere at all', name: 'x' })).toBe(false)
})
