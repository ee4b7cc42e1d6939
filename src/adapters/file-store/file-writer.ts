import type { FileWriter, NamedResult } from '../../ports/cutover.ts'
import type { AnnouncementResult, RefusalResult, WriteResult } from '../../ports/store.ts'
import { describeStep, sealBoundary } from '../store-files/seal-audit.ts'
import type { FileStore } from './file-store.ts'

/** The writer's port on an open store; every member throws as that of the store does. */
export function createFileWriter(store: FileStore): FileWriter {
  const { chain, term } = store
  return {
    term,
    get epoch() {
      return store.epoch
    },
    startEpoch: async (epoch) => {
      if (epoch !== store.epoch) await store.startEpoch(epoch)
    },
    append: (after, changes) => store.append(after, changes),
    mark: async ({ event, record: decided, said }) => {
      const rest = { auth_mode: null, action: 'audit.boundary', before: null, approval_ref: null }
      const step = {
        ...event,
        ...describeStep(decided, said),
        ...rest,
        outcome: 'applied',
      } as const
      const name = { op_id: step.request_id, request_digest: null }
      if (!store.names.isNew(name)) return
      const head = await chain.head()
      await store.append(head, [{ record: sealBoundary(step, head), name, rows: [] }])
    },
    write: async (request, name) =>
      (await store.perform({ call: 'write', name, request })) as NamedResult<WriteResult>,
    refuse: async (request, name) =>
      (await store.perform({ call: 'refuse', name, request })) as NamedResult<RefusalResult>,
    announce: async (request, name) =>
      (await store.perform({ call: 'announce', name, request })) as NamedResult<AnnouncementResult>,
    head: () => chain.head(),
    hashAt: (seq) => chain.hashAt(seq),
    changes: (after, limit) => chain.changes(after, limit),
    content: () => chain.content(),
  }
}
