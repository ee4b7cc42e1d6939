import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import {
  type AuditChainHead,
  type AuditRecord,
  EMPTY_HEAD,
  hashRecord,
} from '../../../src/core/audit/record.ts'
import { canonicalize, type CanonicalJson } from '../../../src/core/json/canonical.ts'
import { parseLosslessJson } from '../../../src/core/json/read.ts'

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex')

/** A JSON text in canonical form, read without loss. */
export function canonicalText(text: string): CanonicalJson {
  const read = parseLosslessJson(text)
  if (!read.ok) throw new Error(`not JSON: ${read.code}`)
  const form = canonicalize(read.node)
  if (!form.ok) throw new Error(`not canonical: ${JSON.stringify(form.problems)}`)
  return form.text
}

/** Recomputes every hash from the first record on, and expects to end at the head. */
export function expectChain(records: readonly AuditRecord[], head: AuditChainHead): void {
  let link: AuditChainHead = EMPTY_HEAD
  for (const record of records) {
    const { hash, ...hashed } = record
    expect({ seq: record.seq, prev_hash: record.prev_hash }).toEqual({
      seq: link.seq + 1,
      prev_hash: link.hash,
    })
    expect(hashRecord(hashed, sha256)).toBe(hash)
    link = { seq: record.seq, hash }
  }
  expect(head).toEqual(link)
}

/** The records of changes, without those of migrations, which a database has first. */
export const changesIn = (records: readonly AuditRecord[]): readonly AuditRecord[] =>
  records.filter(({ target }) => !target.startsWith('migration/'))
