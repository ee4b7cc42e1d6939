import type { ServedStore } from '../../../ports.ts'

/** A store that lists the wrong way round. A store has a state of its own, so its methods are called on it. */
export const reversed = (store: ServedStore): ServedStore => ({
  kind: store.kind,
  read: (query) => store.read(query),
  readMany: (query) => store.readMany(query),
  page: async (query) => (await store.page(query)).toReversed(),
  write: (request) => store.write(request),
  refuse: (refused) => store.refuse(refused),
  auditHead: () => store.auditHead(),
  close: () => store.close(),
})
