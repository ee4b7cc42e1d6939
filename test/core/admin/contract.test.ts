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

test('the contract matches its pin: a change is agreed with Admin first', () => {
  expect(sha256(formatAdminContract(SCHEMAS))).toBe(ADMIN_CONTRACT_SHA256)
})

test('the contract holds exactly the forms that the messages use', () => {
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

test('a missing form changes the contract too', () => {
  expect(formatAdminContract({ ...SCHEMAS, common: { $defs: {} } })).not.toBe(
    formatAdminContract(SCHEMAS),
  )
})
