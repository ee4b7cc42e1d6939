import { expect, test } from 'vitest'
import { ADMIN_CONTRACT_SHA256, formatAdminContract } from '../../../src/core/admin/contract.ts'
import { readArtefact, sha256 } from '../builders.ts'

const schema = (name: string) =>
  JSON.parse(readArtefact(`contracts/schemas/${name}.schema.json`)) as object & {
    readonly $defs: Record<string, object>
  }
const SCHEMAS = {
  request: schema('admin-check-request'),
  response: schema('admin-check-response'),
  common: schema('common'),
}

test('the contract is the one that is pinned: whoever changes it agrees it with Admin first', () => {
  expect(sha256(formatAdminContract(SCHEMAS))).toBe(ADMIN_CONTRACT_SHA256)
})

test('every form that the messages name is a part of it, and no other', () => {
  const { request, response, common } = SCHEMAS
  const named = [...JSON.stringify([request, response]).matchAll(/\$defs\/([a-z_]+)/g)]
  const forms = new Set(named.map(([, name]) => name as string))
  expect(forms.size).toBeGreaterThan(3)
  for (const name of Object.keys(common.$defs)) {
    const changed = { ...common, $defs: { ...common.$defs, [name]: {} } }
    const differs =
      formatAdminContract({ ...SCHEMAS, common: changed }) !== formatAdminContract(SCHEMAS)
    expect([name, differs]).toEqual([name, forms.has(name)])
  }
})

test('a form that is gone is a difference too', () => {
  expect(formatAdminContract({ ...SCHEMAS, common: { $defs: {} } })).not.toBe(
    formatAdminContract(SCHEMAS),
  )
})
