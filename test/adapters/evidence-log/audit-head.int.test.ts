import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  openAuditSigner,
  readSignedHead,
  signHead,
} from '../../../src/adapters/evidence-log/audit-head.ts'
import { formatDetachedJws } from '../../../src/adapters/evidence-log/detached.ts'
import { computeThumbprint } from '../../../src/adapters/jose/ed25519.ts'
import { makeRunnerKey } from '../../../src/adapters/evidence-log/runner-key.ts'
import { validateSchema } from '../../../src/artefacts/schemas.ts'
import { canonicalizeValue } from '../../../src/core/json/plain.ts'
import type { AuditSigner, SignedHead } from '../../../src/ports/audit.ts'
import { NOW } from '../../core/builders.ts'

const HEAD: SignedHead = {
  count: 7,
  hash: 'a'.repeat(64),
  time: NOW,
  first_seq: 3,
  prev_hash: 'b'.repeat(64),
  file: `audit-${'3'.padStart(20, '0')}-${'7'.padStart(20, '0')}.ndjson`,
  sha256: 'c'.repeat(64),
}
const fits = (value: unknown): boolean => validateSchema('audit-head', value, '').length === 0

let folder = ''
let signer: AuditSigner
let other: AuditSigner
let kid = ''
let text = ''
const openKey = async (name: string): Promise<AuditSigner> => {
  const path = join(folder, name)
  kid = (await makeRunnerKey(path)).kid
  return openAuditSigner(path)
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-audit-head-'))
  other = await openKey('other.pem')
  signer = await openKey('own.pem')
  text = await signHead(HEAD, signer)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** The file's text with members replaced, in the one spelling that is accepted. */
const changed = (change: object): string =>
  `${canonicalizeValue({ ...(JSON.parse(text) as object), ...change })}\n`

describe('the head of an audit trail', () => {
  test('is one line of its schema, and is read back with the thumbprint of its key', () => {
    expect(fits(JSON.parse(text))).toBe(true)
    expect(text).toMatch(/^[^\n]*\n$/)
    expect(readSignedHead(text, fits)).toEqual({ ok: true, head: HEAD, kid })
  })

  test('is signed as an audit head, and holds no content in the signature', () => {
    const { signature } = JSON.parse(text) as { readonly signature: string }
    const [header = '', content] = signature.split('.')
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      alg: 'Ed25519',
      kid,
      typ: 'ff-audit-head+jws',
    })
    expect(content).toBe('')
  })

  test.each<[string, () => string, string]>([
    ['without its line feed', () => text.slice(0, -1), 'head_malformed'],
    ['without its last character', () => `${text.slice(0, -2)}\n`, 'head_malformed'],
    ['with a blank for its line feed', () => text.replace('\n', ' '), 'head_malformed'],
    ['with a blank', () => ` ${text}`, 'head_malformed'],
    ['of another kind', () => changed({ kind: 'evidence_head' }), 'head_malformed'],
    ['of a later version', () => changed({ schemaVersion: 2 }), 'head_malformed'],
    [
      'with another count',
      () => changed({ head: { ...HEAD, count: 8 } }),
      'head_signature_invalid',
    ],
    ['of another key', () => changed({ runner: other.jwk }), 'head_signature_invalid'],
  ])('is refused %s', (_what, write, code) => {
    expect(readSignedHead(write(), fits)).toEqual({ ok: false, code })
  })

  test('is refused of a key that is none, whatever the schema says', () => {
    const runner = { ...signer.jwk, x: 'AA' }
    const signed = {
      typ: 'ff-audit-head+jws',
      kid: computeThumbprint(runner),
      content: canonicalizeValue(HEAD),
    } as const
    const signature = formatDetachedJws(signed, new Uint8Array(64))
    const read = readSignedHead(changed({ runner, signature }), () => true)
    expect(read).toEqual({ ok: false, code: 'head_signature_invalid' })
  })

  test('is not written for a key that is none', async () => {
    const none = { jwk: { ...signer.jwk, x: 'AA' }, sign: signer.sign }
    await expect(signHead(HEAD, none)).rejects.toMatchObject({ code: 'signature_not_accepted' })
  })

  test('is not written where the signature is that of another key', async () => {
    const mixed = { jwk: signer.jwk, sign: other.sign }
    await expect(signHead(HEAD, mixed)).rejects.toMatchObject({ code: 'signature_not_accepted' })
  })
})
