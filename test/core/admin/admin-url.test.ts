import { describe, expect, test } from 'vitest'
import { parseAdminUrl, buildCheckUrl } from '../../../src/core/admin/admin-url.ts'
import { hasUserPart, isLoopbackUrl } from '../../../src/core/auth/jwks-url.ts'

describe('the URL of Admin', () => {
  test.each([
    ['https://admin.pty.example', 'https://admin.pty.example/v1/sensitive/check'],
    ['https://admin.pty.example/', 'https://admin.pty.example/v1/sensitive/check'],
    ['https://pty.example/admin', 'https://pty.example/admin/v1/sensitive/check'],
    ['https://pty.example/admin//', 'https://pty.example/admin/v1/sensitive/check'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/v1/sensitive/check'],
  ])('%s', (text, checkUrl) => {
    const url = parseAdminUrl(text)
    expect(url && buildCheckUrl(url).href).toBe(checkUrl)
  })

  test.each([
    ['http elsewhere', 'http://admin.pty.example'],
    ['a user', 'https://u@admin.pty.example'],
    ['a password', 'https://u:secret@admin.pty.example'],
    ['a query', 'https://admin.pty.example/?a'],
    ['an empty query', 'https://admin.pty.example/?'],
    ['a fragment', 'https://admin.pty.example/#a'],
    ['no URL', 'admin'],
    ['loopback in the name', 'http://127.0.0.1.evil.example'],
  ])('refuses %s', (_what, text) => {
    expect(parseAdminUrl(text)).toBeNull()
  })
})

test.each([
  ['http://localhost:1', true],
  ['https://127.0.0.9', true],
  ['https://admin.example', false],
  ['https://10.0.0.1', false],
])('%s stays on this machine: %s', (text, own) => {
  expect(isLoopbackUrl(new URL(text))).toBe(own)
})

test.each([
  ['https://u@h', true],
  ['https://u:p@h/x', true],
  ['HTTPS://:p@', true],
  ['https://h/a@b', false],
  ['h', false],
])('%s has a user part: %s', (text, has) => {
  expect(hasUserPart(text)).toBe(has)
})
