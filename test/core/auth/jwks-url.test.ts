import { describe, expect, test } from 'vitest'
import { hasUserPart, isLoopbackUrl } from '../../../src/core/auth/jwks-url.ts'

describe('isLoopbackUrl', () => {
  test.each([
    ['https://localhost:8080/path', true],
    ['http://127.100.200.254/', true],
    ['http://[::1]/', true],
    ['https://localhost.evil.example/', false],
    ['https://127.0.0.1.evil.example/', false],
    ['https://evil.example/localhost', false],
  ])('%s: %s', (url, loopback) => {
    expect(isLoopbackUrl(new URL(url))).toBe(loopback)
  })
})

describe('hasUserPart', () => {
  test.each([
    ['https://user@idp.example/jwks', true],
    ['HTTPS://user:secret@idp.example', true],
    ['https://@idp.example', true],
    ['https://user:secret@not a host', true],
    ['https://idp.example/@user', false],
    ['https://idp.example', false],
    ['user@idp.example', false],
    ['see https://user@idp.example', false],
    ['://user@idp.example', false],
  ])('%s: %s', (text, has) => {
    expect(hasUserPart(text)).toBe(has)
  })
})
