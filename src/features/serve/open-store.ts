import type { KeepOpen } from '../../concurrency/open-all.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { RunningVersion } from '../team-folder/identity.ts'
import { type Backing, openBacking } from './backing.ts'
import type { ServiceDependencies } from './dependencies.ts'
import { openManaged } from './managed-backing.ts'
import type { ManagedStore } from './managed-store.ts'
import type { ServeRequest } from './start-plan.ts'

type StoreParts = Pick<
  ServiceDependencies,
  'store' | 'managed' | 'lastKnown' | 'reader' | 'channel' | 'changes'
>

/**
 * Opens what the service serves: the store, or in a cutover both sides, and what stands around the database.
 *
 * @throws FfError as `openBacking` and `openManaged`
 */
export async function openStoreParts(
  request: ServeRequest & { readonly version: RunningVersion | null },
  target: TargetSpec | null,
  keep: KeepOpen,
): Promise<{ readonly backing: Backing; readonly held: StoreParts }> {
  const isManaged = request.settings.FF_BACKING === 'managed' && target !== null
  let managed: ManagedStore | null = null
  const findServer = (): string | null => managed?.leaseServer ?? null
  const backing = await openBacking(isManaged ? { ...request, findServer } : request, target, keep)
  const { store, lastKnown, reader, channel, changes } = backing
  if (isManaged) {
    managed = await openManaged({ serve: request, target, database: backing }, keep)
    return { backing, held: { store: managed, managed, lastKnown: null, changes } }
  }
  const cache = reader === undefined ? {} : { reader }
  const others = channel === undefined ? {} : { channel }
  return { backing, held: { store, lastKnown, changes, ...cache, ...others } }
}
