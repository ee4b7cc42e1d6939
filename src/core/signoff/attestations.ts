import type { ChecklistItem, Role } from '../gate/types.ts'
import type { Present } from './types.ts'

export type Asked = Pick<ChecklistItem, 'id' | 'kind' | 'attest_role' | 'probe'>

/**
 * What each role has to attest: the P+A items of the role, and what its signature item names; `waivers` there is
 * every waiver, by its id.
 */
export function requiredAttestations(
  items: readonly Asked[],
  waivers: readonly string[],
): Present['attestations'] {
  const of = (role: Role): readonly string[] =>
    items.filter(({ attest_role }) => attest_role === role).flatMap((one) => asked(one, waivers))
  return { 'platform-lead': of('platform-lead'), 'security-lead': of('security-lead') }
}

function asked({ id, kind, probe }: Asked, waivers: readonly string[]): readonly string[] {
  if (kind !== 'signature') return [id]
  const named = probe.params['attests']
  if (!Array.isArray(named)) return []
  return named.flatMap((one) => (one === 'waivers' ? waivers : [String(one)]))
}
