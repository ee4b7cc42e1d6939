import { describe, expect, test } from 'vitest'
import { parseJwksUrl } from '../../../src/core/auth/jwks-url.ts'

describe('parseJwksUrl', () => {
  test.each([
    ['https://idp.pty.example/jwks.json', 'https://idp.pty.example/jwks.json'],
    ['https://10.0.0.1/', 'https://10.0.0.1/'],
    ['http://127.0.0.1:8080/jwks', 'http://127.0.0.1:8080/jwks'],
    ['http://127.255.255.254/', 'http://127.255.255.254/'],
    ['http://127.1/', 'http://127.0.0.1/'],
    ['http://localhost:1/', 'http://localhost:1/'],
    ['http://LOCALHOST/', 'http://localhost/'],
    ['http://[::1]:1/', 'http://[::1]:1/'],
  ])('%s', (text, href) => {
    expect(parseJwksUrl(text)?.href).toBe(href)
  })

  test.each([
    ['nothing', ''],
    ['no scheme', 'idp.pty.example/jwks.json'],
    ['a path', '/jwks.json'],
    ['http elsewhere', 'http://idp.pty.example/jwks.json'],
    ['http to any address of this machine', 'http://0.0.0.0/'],
    ['http to a private address', 'http://10.0.0.1/'],
    ['http to the address of cloud metadata', 'http://169.254.169.254/'],
    ['a name that begins like loopback', 'http://127.0.0.1.evil.example/'],
    ['a name that ends like it', 'http://evil-localhost/'],
    ['a domain under localhost', 'http://a.localhost/'],
    ['localhost as a domain', 'http://localhost.evil.example/'],
    ['localhost with a dot', 'http://localhost./'],
    ['an address like 127', 'http://128.0.0.1/'],
    ['loopback as a user', 'http://127.0.0.1@evil.example/'],
    ['loopback in disguise', 'http://[::ffff:127.0.0.1]/'],
    ['a user', 'https://user@idp.pty.example/'],
    ['a password', 'https://:secret@idp.pty.example/'],
    ['a file', 'file:///etc/passwd'],
    ['data', 'data:application/json,{"keys":[]}'],
    ['a web socket', 'wss://idp.pty.example/'],
    ['ftp', 'ftp://127.0.0.1/'],
    ['no host', 'https://'],
    ['a port that is none', 'http://127.0.0.1:65536/'],
  ])('null: %s', (_situation, text) => {
    expect(parseJwksUrl(text)).toBeNull()
  })
})
