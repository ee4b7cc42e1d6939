import { describe, expect, test } from 'vitest'
import type { Approval } from '../../../src/core/evaluate/approvals.ts'
import type { JsonNode } from '../../../src/core/json/read.ts'
import { serializeNode } from '../../../src/core/parity/node-text.ts'
import type { SceneWrite } from '../../../src/core/parity/scene.ts'
import {
  outcomeToNode,
  storedToNode,
  buildWriteRequest,
} from '../../../src/core/parity/scene-write.ts'
import type { CanonicalJson } from '../../../src/core/json/canonical.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import type { AnyRow, TenantOverrideRow } from '../../../src/core/rows/rows.ts'

const TIME = '2026-01-15T09:00:00.000Z' as Instant
const authored = { created_by: 'U', updated_by: 'U', created_at: TIME, updated_at: TIME }
const key = { scope_id: 'T', flag_key: 'ff.a' }
const live: TenantOverrideRow = {
  tenant_id: 'T',
  flag_key: 'ff.a',
  value: '1' as CanonicalJson,
  revision: 4,
  ...authored,
}
const { value: _, ...rest } = live
const tombstone: AnyRow = { ...rest, deleted_at: TIME }
const known: Approval = {
  approval_ref: 'APP-1-a',
  flag_key: 'ff.a',
  tenant_id: 'T',
  user_id: 'U',
  not_before: TIME,
  expires_at: TIME,
  revoked: false,
}
const given = {
  state: { flag_registry: [], tenant_override: [], user_override: [] },
  approvals: [known],
  admin: 'reachable',
} as const
const write = (more: Partial<SceneWrite>): SceneWrite => ({
  table: 'tenant_override',
  key,
  action: 'put',
  body: '{"value":1.0}',
  expected: null,
  approval: null,
  ...more,
})

describe('the request of a write', () => {
  test.each<[SceneWrite['expected'], string, AnyRow | null, number | 'absent' | null]>([
    [null, 'a row', live, null],
    ['absent', 'a row', live, 'absent'],
    ['right', 'a row', live, 4],
    ['right', 'a tombstone', tombstone, 'absent'],
    ['right', 'nothing', null, 'absent'],
    ['stale', 'a row', live, 3],
    ['stale', 'a tombstone', tombstone, 4],
    ['stale', 'nothing', null, 1],
  ])('expected %s over %s', (expected, _what, standing, revision) => {
    expect(buildWriteRequest(write({ expected }), given, standing).expected).toBe(revision)
  })

  test('is that of the scene, at its time', () => {
    expect(buildWriteRequest(write({ action: 'delete' }), given, null)).toMatchObject({
      table: 'tenant_override',
      key,
      action: 'delete',
      actor: 'fuzz',
      auth_mode: 'verified',
      request_id: 'fuzz',
      occurred_at: TIME,
      approval: null,
    })
  })

  test('keeps the body as written', () => {
    const { body } = buildWriteRequest(write({}), given, null)
    expect(body).toEqual({ members: [['value', { lexeme: '1.0' }]] })
    expect(buildWriteRequest(write({ action: 'delete', body: null }), given, null).body).toBeNull()
  })

  test('has Admin’s answer for this flag, tenant and user', () => {
    const { approval_ref, tenant_id, user_id } = known
    const approval = { approval_ref, tenant_id, user_id }
    const requestApproval = (more: object, flag_key = 'ff.a') =>
      buildWriteRequest(write({ approval, key: { ...key, flag_key } }), { ...given, ...more }, null)
        .approval?.answer.status
    expect([
      requestApproval({}),
      requestApproval({}, 'ff.b'),
      requestApproval({ admin: 'unreachable' }),
    ]).toEqual(['known', 'unknown', 'unreachable'])
  })
})

describe('the result of a write as JSON', () => {
  test.each<readonly [string, () => JsonNode, RegExp]>([
    ['a row', () => outcomeToNode({ ok: true, row: live }), /^\{"row":\{.*"value":1\}\}$/],
    [
      'problems',
      () => outcomeToNode({ ok: false, problems: [{ code: 'type_wrong', pointer: '/value' }] }),
      /^\{"problems":\[\{"code":"type_wrong","pointer":"\/value"\}\]\}$/,
    ],
    ['a failure', () => outcomeToNode({ failed: 'row_refused' }), /^\{"failed":"row_refused"\}$/],
    ['no row', () => storedToNode(null), /^null$/],
    ['a valid stored row', () => storedToNode({ row: live }), /"revision":4/],
    [
      'a broken stored row',
      () => storedToNode({ broken: [{ code: 'type_wrong', pointer: '' }] }),
      /^\{"broken":\[\{"code":"type_wrong"/,
    ],
    [
      'a stored row that is not JSON',
      () => storedToNode({ row: { ...live, value: 'no' as CanonicalJson } }),
      /^"\{.*no.*\}"$/,
    ],
  ])('%s', (_what, convert, text) => {
    expect(serializeNode(convert())).toMatch(text)
  })
})
