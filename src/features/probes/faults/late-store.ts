import { addMs } from '../../../core/gate/duration.ts'
import type { ScratchStore } from '../../../ports/store.ts'

/** The planted fault of C5: a store that records each write a second late; all else is unchanged. */
export const createLateStore = (store: ScratchStore): ScratchStore => ({
  kind: store.kind,
  read: (query) => store.read(query),
  write: (request) => store.write({ ...request, occurred_at: addMs(request.occurred_at, LATE_MS) }),
  load: (state) => store.load(state),
  auditHead: () => store.auditHead(),
  close: () => store.close(),
})
const LATE_MS = 1_000
