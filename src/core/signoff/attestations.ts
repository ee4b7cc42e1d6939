import type { ChecklistItem, SignoffRole } from '../gate/types.ts'
import type { PresentFacts } from './types.ts'

export type AttestableItem = Pick<ChecklistItem, 'id' | 'kind' | 'attest_role' | 'probe'>

/**
 * What each role has to attest: the P+A items of the role, and what its signature item names; `waivers` there is
 * every waiver, by its id.
 */
export function listRequiredAttestations(
  items: readonly AttestableItem[],
  waivers: readonly string[],
): PresentFacts['attestations'] {
  const of = (role: SignoffRole): readonly string[] =>
    items.filter(({ attest_role }) => attest_role === role).flatMap((one) => asked(one, waivers))
  return { 'platform-lead': of('platform-lead'), 'security-lead': of('security-lead') }
}

function asked({ id, kind, probe }: AttestableItem, waivers: readonly string[]): readonly string[] {
  if (kind !== 'signature') return [id]
  const named = probe.params['attests']
  if (!Array.isArray(named)) return []
  return named.flatMap((one) => (one === 'waivers' ? waivers : [String(one)]))
}
