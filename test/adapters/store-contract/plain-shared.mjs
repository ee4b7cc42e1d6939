// A shared file store of which a writer carries each operation out in the file alone.
import { randomUUID } from 'node:crypto'

export async function carryOut(writer, { call, request, name }) {
  const { result, digest } = await writer[call](request, name)
  if (digest !== name.request_digest)
    return { answer: { status: 'idempotency_key_reused' }, result: null }
  return { answer: { status: 'acknowledged', seq: result.head?.seq ?? 0 }, result }
}

export const plainOptions = (limits) => ({
  leaseMs: 500,
  handOverMs: 20_000,
  carryOut,
  leading: () => Promise.resolve(),
  ...limits,
})

/** Adds the calls of a service's store. */
export function withCalls(store) {
  const run = (call) => async (request) => {
    const name = { op_id: randomUUID(), request_digest: null }
    const { answer, result } = await store.submit({ call, request, name })
    if (result === null) throw Object.assign(new Error(answer.status), { code: answer.status })
    return result
  }
  return Object.assign(store, {
    write: run('write'),
    refuse: run('refuse'),
    announce: run('announce'),
  })
}
