import type { ChecklistItem } from '../../core/gate/types.ts'
import { auditAppendOnly } from './audit-append-only.ts'
import { auditContinuity } from './audit-continuity.ts'
import { adminBlastRadius } from './admin-blast-radius.ts'
import { auditOnce } from './audit-once.ts'
import { adminBreaker } from './admin-breaker.ts'
import { adminContract } from './admin-contract.ts'
import { adminFailures } from './admin-failures.ts'
import { adminTimeout } from './admin-timeout.ts'
import { apiParity } from './api-parity.ts'
import { alerts } from './alerts.ts'
import { backfillComplete } from './backfill-complete.ts'
import { backfillRepeat } from './backfill-repeat.ts'
import { cacheKeys } from './cache-keys.ts'
import { cacheOutage } from './cache-outage.ts'
import { capacity } from './capacity.ts'
import { commandProbe } from './command.ts'
import { dualWrite } from './dual-write.ts'
import { jwksOutage } from './jwks-outage.ts'
import { keyRotation } from './key-rotation.ts'
import { modeMatrixProbe } from './mode-matrix.ts'
import { parityBreadth } from './parity-breadth.ts'
import { selftestCatches } from './parity-selftest.ts'
import { parityVectors } from './parity-vectors.ts'
import { concurrentEdits } from './concurrent-edits.ts'
import { contentEqual } from './content-equal.ts'
import { lostMessage } from './lost-message.ts'
import { migrationRoundTrip } from './migration-round-trip.ts'
import { leak } from './leak.ts'
import { observation } from './observation.ts'
import { plan } from './plan.ts'
import { propagation } from './propagation.ts'
import { privileges } from './privileges.ts'
import type { Probe } from './framework/probe.ts'
import { tokenClaims } from './token-claims.ts'
import { tokenForgeries } from './token-forgeries.ts'
import { restore } from './restore.ts'
import { rollbackLossless } from './rollback-lossless.ts'
import { rollbackTriggers } from './rollback-triggers.ts'
import { schemaConstraints } from './schema-constraints.ts'
import { schemaHead } from './schema-head.ts'
import { signals } from './signals.ts'
import { defineSignoffProbe } from './signoff-role.ts'
import { switchBack } from './switch-back.ts'

/** Every probe by its name in the checklist. A new probe is one file and one line here. */
export const PROBES: Readonly<Record<string, Probe>> = {
  alerts,
  command: commandProbe,
  'admin-contract': adminContract,
  'admin-timeout': adminTimeout,
  'admin-failures': adminFailures,
  'admin-blast-radius': adminBlastRadius,
  'admin-breaker': adminBreaker,
  'api-parity': apiParity,
  'jwks-outage': jwksOutage,
  'key-rotation': keyRotation,
  'mode-matrix': modeMatrixProbe,
  'parity-breadth': parityBreadth,
  'parity-selftest': selftestCatches,
  'parity-vectors': parityVectors,
  'cache-keys': cacheKeys,
  'cache-outage': cacheOutage,
  capacity,
  'lost-message': lostMessage,
  observation,
  leak,
  plan,
  'token-claims': tokenClaims,
  'token-forgeries': tokenForgeries,
  'schema-head': schemaHead,
  'schema-constraints': schemaConstraints,
  'migration-round-trip': migrationRoundTrip,
  privileges,
  propagation,
  'backfill-complete': backfillComplete,
  'content-equal': contentEqual,
  'backfill-repeat': backfillRepeat,
  'concurrent-edits': concurrentEdits,
  restore,
  'rollback-triggers': rollbackTriggers,
  'audit-append-only': auditAppendOnly,
  'audit-continuity': auditContinuity,
  'audit-once': auditOnce,
  'dual-write': dualWrite,
  'rollback-lossless': rollbackLossless,
  'switch-back': switchBack,
  signals,
  'signoff-platform': defineSignoffProbe('platform-lead'),
  'signoff-security': defineSignoffProbe('security-lead'),
}

/** The probe of an item, or the code and the missing part of an item without one. */
export type ProbeLookup =
  | { readonly ok: true; readonly item: ChecklistItem; readonly probe: Probe }
  | {
      readonly ok: false
      readonly item: ChecklistItem
      readonly code: string
      readonly needs: string
    }

/**
 * Finds the probe of an item by its name; never throws. Not ok with code `command_refused` where a command of the team
 * stands in an item that cannot be waived, else `not_measured_yet` where no such probe exists or where name and kind do
 * not both say `command`; `needs` then names the missing part.
 */
export function findProbe(item: ChecklistItem): ProbeLookup {
  const { name } = item.probe
  if (item.kind === 'command' && item.waivable === 'no')
    return {
      ok: false,
      item,
      code: 'command_refused',
      needs: 'its own probe: the item cannot be waived',
    }
  const found = Object.hasOwn(PROBES, name) ? PROBES[name] : undefined
  if (found !== undefined && (name === 'command') === (item.kind === 'command'))
    return { ok: true, item, probe: found }
  return { ok: false, item, code: 'not_measured_yet', needs: `the probe ${name}` }
}
