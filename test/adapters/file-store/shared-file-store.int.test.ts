import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openCutoverFolder } from '../../../src/adapters/file-store/cutover-file.ts'
import { createStore, FileStore } from '../../../src/adapters/file-store/file-store.ts'
import { endHolder, identifyProcess } from '../../../src/adapters/file-store/process-identity.ts'
import { listSegments } from '../../../src/adapters/file-store/segments.ts'
import { SharedFileStore } from '../../../src/adapters/file-store/shared-file-store.ts'
import { findWriterSocket, WriterServer } from '../../../src/adapters/file-store/writer-server.ts'
import { tryLock } from '../../../src/adapters/file-lock/file-lock.ts'
import { FfError } from '../../../src/errors.ts'
import type {
  CarriedOut,
  FileWriter,
  ManagedFileOptions,
  NamedOperation,
} from '../../../src/ports/cutover.ts'
import type { ServiceStore } from '../../../src/ports/store.ts'
import { until } from '../../support/until.ts'
import { expectChain } from '../store-contract/audit-chain.ts'
import { type AtStep, type Child, startChild } from '../store-contract/child.ts'
import { loggedRecords, temporaryFolder, TOOLS } from '../store-contract/opened-store.ts'
import { carryOut, plainOptions, withCalls } from '../store-contract/plain-shared.mjs'
import { attempt, failure, putFlag, taken } from '../store-contract/requests.ts'

let folder = ''
type Shared = Awaited<ReturnType<typeof openShared>>
let stores: Shared[] = []
let children: Child[] = []
beforeEach(async () => {
  folder = await temporaryFolder()
  await createStore(folder)
})
afterEach(async () => {
  for (const child of children.splice(0)) await child.kill()
  for (const store of stores.splice(0)) await store.close()
  await rm(folder, { recursive: true })
})
async function openShared(
  leaseMs = 500,
  more: Partial<ManagedFileOptions> = {},
): Promise<SharedFileStore & Pick<ServiceStore, 'write' | 'refuse' | 'announce'>> {
  const options = plainOptions({ leaseMs, ...more })
  const store = withCalls(await SharedFileStore.open(folder, TOOLS, options))
  stores.push(store)
  return store
}
async function startWriter(at?: AtStep): Promise<Child> {
  const child = await startChild('shared', folder, at)
  children.push(child)
  return child
}
async function closeShared(store: Shared): Promise<void> {
  stores = stores.filter((one) => one !== store)
  await store.close()
}

const query = (flag_key: string) => ({ flag_key, tenant_id: null, user_id: null })
const revision = async (store: Pick<ServiceStore, 'read'>, flag_key: string): Promise<number> =>
  (await store.read(query(flag_key))).flag?.row?.revision ?? 0

/** Reads the folder as a later start does, and verifies its chain. */
async function verifyFolder(flag: string): Promise<number> {
  const store = await FileStore.open(folder, TOOLS)
  expectChain(await loggedRecords(folder), await store.auditHead())
  const found = await revision(store, flag)
  await store.close()
  return found
}

test('a writer that a command asks answers once all that it had begun is in the log, and not while it is frozen', async () => {
  const cutover = await openCutoverFolder(folder)
  expect(await cutover.askWriter(1_000)).toBe(false)
  const writer = await startWriter({ step: 'write segment', nth: 1, signal: 'SIGSTOP' })
  expect(await writer.next()).toBe('ready')
  expect(await writer.ask('write ff.a')).toStrictEqual({ reached: 'write segment' })
  expect(await cutover.askWriter(300)).toBe(false)
  expect(await loggedRecords(folder)).toHaveLength(0)
  process.kill(writer.pid, 'SIGCONT')
  expect(await cutover.askWriter(5_000)).toBe(true)
  expect(await loggedRecords(folder)).toHaveLength(1)
})

describe('a read that waits for what was acknowledged before', () => {
  test('shows at a follower each change that the writer has acknowledged, at once', async () => {
    const writer = await startWriter()
    const follower = await openShared()
    for (let expected = 1; expected <= 20; expected += 1) {
      expect(await writer.ask('write ff.a')).toMatchObject({ revision: expected })
      await follower.sync()
      expect(await revision(follower, 'ff.a')).toBe(expected)
    }
  })

  test('asks the next writer where the first one is ended meanwhile', async () => {
    const writer = await startWriter()
    expect(await writer.ask('write ff.a')).toMatchObject({ revision: 1 })
    const follower = await openShared()
    const ended = writer.kill()
    await follower.sync()
    await ended
    expect(follower.isWriter).toBe(true)
    await follower.sync()
    expect(await revision(follower, 'ff.a')).toBe(1)
  })

  test('is refused where the writer does not answer in time', async () => {
    const writer = await startWriter()
    const follower = await openShared(60_000, { handOverMs: 200 })
    process.kill(writer.pid, 'SIGSTOP')
    try {
      expect(await failure(follower.sync())).toBe('backing_unavailable')
    } finally {
      process.kill(writer.pid, 'SIGCONT')
    }
  })
})

describe('a follower', () => {
  test('serves each change of the writer, and hands its own writes over', async () => {
    const writer = await startWriter()
    expect(await writer.ask('role')).toMatchObject({ code: 'writer' })
    expect(await writer.ask('write ff.a')).toMatchObject({ revision: 1 })
    const follower = await openShared()
    expect(follower.isWriter).toBe(false)
    expect(await revision(follower, 'ff.a')).toBe(1)
    expect(await failure(follower.requireWritable())).toBe('none')
    for (let wanted = 2; wanted < 50; wanted += 1) {
      expect(await taken(follower, putFlag('ff.a', { owner: `"edit ${wanted}"` }))).toMatchObject({
        revision: wanted,
      })
      // It has applied its own write before it answers.
      expect(await revision(follower, 'ff.a')).toBe(wanted)
    }
    expect(await writer.ask('write ff.a')).toMatchObject({ revision: 50 })
    await until(async () => (await revision(follower, 'ff.a')) === 50)
    expect(
      (await follower.audit({ after: null, target: null, since: null, until: null, limit: 500 }))
        .records,
    ).toHaveLength(50)
    await writer.kill()
    await until(() => follower.isWriter)
    expect(await verifyAfter(follower)).toBe(50)
  })

  test('answers a refused request, one that changes nothing, and an announcement', async () => {
    await startWriter()
    const follower = await openShared()
    const body = putFlag('ff.a', { owner: '"one"' })
    await taken(follower, body)
    const detail = { kind: 'transition', reason: 'none', to: 'active' } as const
    const same = { ...body, action: 'transition', body: null, detail } as const
    expect(await follower.write(same)).toMatchObject({ ok: true, unchanged: true })
    expect(await attempt(follower, putFlag('ff.a', { state: '"odd"' }))).toHaveProperty('refused')
    expect(await attempt(follower, { ...body, expected: 7 })).toHaveProperty('refused')
    expect(await follower.refuse({ request: body, code: 'forbidden' })).toMatchObject({
      ok: true,
      head: { seq: 2 },
    })
    const { actor, request_id, occurred_at } = body
    const one = {
      kind: 'global',
      target: 'global',
      actor,
      auth_mode: 'verified',
      request_id,
      occurred_at,
    } as const
    expect(await follower.announce(one)).toMatchObject({ ok: true, head: { seq: 3 } })
    expect(await follower.announce(one)).toMatchObject({ ok: false })
    expect(await follower.auditHead()).toMatchObject({ seq: 3 })
  })

  test('reads over compactions of the writer', async () => {
    const leader = await openShared()
    const follower = await openShared()
    const long = JSON.stringify('d'.repeat(2_000))
    for (const round of [1, 2]) {
      const before = await readSnapshotSeq()
      await Promise.all(
        Array.from({ length: 400 }, (_, at) =>
          taken(
            at % 2 === 0 ? leader : follower,
            putFlag('ff.a', { owner: long, description: long }),
          ),
        ),
      )
      await until(async () => (await readSnapshotSeq()) > before)
      await until(async () => (await revision(follower, 'ff.a')) === 400 * round)
    }
    expect((await listSegments(folder)).length).toBeGreaterThan(2)
    await closeShared(leader)
    await until(() => follower.isWriter)
    await taken(follower, putFlag('ff.a'))
    expect(await verifyAfter(follower)).toBe(801)
  })
})

describe('a writer that carries operations out by a protocol', () => {
  const operation = (op_id: string): NamedOperation => ({
    call: 'write',
    request: putFlag('ff.a'),
    name: { op_id, request_digest: null },
  })

  test('is told that it leads before the first operation, and that it ends while it has the lock', async () => {
    const events: string[] = []
    const leader = await openShared(500, {
      leading: async (writer) => {
        events.push(writer === null ? 'ends' : `leads ${(await writer.head()).seq}`)
        expect(await tryLock(join(folder, '.lock'))).toBeNull()
      },
      carryOut: (writer, one) => {
        events.push(one.name.op_id)
        return carryOut(writer, one)
      },
    })
    await leader.submit(operation('one'))
    await closeShared(leader)
    expect(events).toEqual(['leads 0', 'one', 'ends'])
  })

  test('answers a follower by the second side, not by its line', async () => {
    let copied: () => void = () => undefined
    const isCopied = new Promise<void>((resolve) => {
      copied = resolve
    })
    const leader = await openShared(500, {
      carryOut: async (writer, one) => {
        const done = await carryOut(writer, one)
        await isCopied
        return done
      },
    })
    const follower = await openShared()
    let answered = false
    const done = follower.submit(operation('one')).finally(() => (answered = true))
    await until(async () => (await revision(follower, 'ff.a')) === 1)
    expect([answered, follower.isCurrent(), leader.isCurrent()]).toEqual([false, true, true])
    copied()
    expect(await done).toMatchObject({ answer: { status: 'acknowledged', seq: 1 } })
  })

  test.each([
    [
      'that goes on without an answer',
      'outcome_unknown',
      () => new Promise<never>(() => undefined),
    ],
    [
      'whose second side is behind',
      'mirror_behind',
      async (writer: FileWriter, one: NamedOperation): Promise<CarriedOut> => {
        const { result } = await carryOut(writer, one)
        return { answer: { status: 'mirror_behind', seq: 1 }, result }
      },
    ],
  ])('%s leaves %s at the follower', async (_how, status, run) => {
    await openShared(500, { carryOut: run })
    const follower = await openShared(500, { handOverMs: 500 })
    expect((await follower.submit(operation('one'))).answer.status).toBe(status)
  })

  test('has two requests under one key, at followers at once, write once: the other one is told', async () => {
    await openShared()
    const followers = [await openShared(), await openShared()]
    const ask = (follower: Shared, request_digest: string): Promise<string> =>
      follower
        .submit({ ...operation('one'), name: { op_id: 'one', request_digest } })
        .then(({ answer }) => answer.status)
    const [first, second] = followers as [Shared, Shared]
    const answers = await Promise.all([
      ask(first, 'd1'),
      ask(first, 'd1'),
      ask(first, 'd2'),
      ask(second, 'd3'),
    ])
    expect(answers.filter((one) => one === 'idempotency_key_reused').length).toBeGreaterThan(1)
    expect(answers.filter((one) => one === 'acknowledged').length).toBeGreaterThan(0)
    expect(await first.auditHead()).toMatchObject({ seq: 1 })
  })

  test('that ends after it made more changes than are remembered leaves the outcome unknown', async () => {
    let made: () => void = () => undefined
    const isMade = new Promise<void>((resolve) => {
      made = resolve
    })
    const leader = await openShared(500, {
      carryOut: async (writer, one) => {
        await carryOut(writer, one)
        const later = Array.from({ length: 4_001 }, (_, at) => operation(`later ${at}`))
        await Promise.all(later.map((other) => carryOut(writer, other)))
        made()
        return new Promise<never>(() => undefined)
      },
    })
    const follower = await openShared()
    const code = failure(follower.submit(operation('one')))
    await isMade
    await closeShared(leader)
    expect(await code).toBe('outcome_unknown')
    expect(follower.isWriter).toBe(true)
    expect(await verifyAfter(follower)).toBe(4_002)
  })

  test('an error of it reaches the follower', async () => {
    const refusal = new FfError('phase_refused', 'No.', { hint: 'Wait.' })
    await openShared(500, { carryOut: () => Promise.reject(refusal) })
    const follower = await openShared()
    expect(await failure(follower.submit(operation('one')))).toBe('phase_refused')
  })

  test('that cannot lead gives the lock up, and the next process leads', async () => {
    let asked = 0
    const leading = (writer: FileWriter | null): Promise<void> => {
      if (writer !== null) asked += 1
      return asked === 1 && writer !== null ? Promise.reject(new Error('no')) : Promise.resolve()
    }
    const store = await openShared(500, { leading })
    expect((await store.submit(operation('one'))).answer.status).toBe('acknowledged')
    expect(asked).toBe(2)
  })
})

async function readSnapshotSeq(): Promise<number> {
  const [header = ''] = (await readFile(join(folder, 'snapshot.ndjson'), 'utf8')).split('\n')
  return (JSON.parse(header) as { readonly seq: number }).seq
}
async function verifyAfter(store: Shared): Promise<number> {
  await closeShared(store)
  return verifyFolder('ff.a')
}

describe('a writer that leaves', () => {
  test.each([
    ['drains', async (writer: Child) => writer.end()],
    ['is killed', async (writer: Child) => void (await writer.kill())],
    ['is frozen', async (writer: Child) => void process.kill(writer.pid, 'SIGSTOP')],
  ])('when it %s, a follower takes over, and no write is lost or doubled', async (_how, leave) => {
    const writer = await startWriter()
    const followers = [await openShared(), await openShared()]
    let edits = 0
    const write = (store: Shared): Promise<unknown> => {
      edits += 1
      return taken(store, putFlag('ff.a', { owner: `"edit ${edits}"` }))
    }
    const stream = async (store: Shared): Promise<void> => {
      for (let at = 0; at < 40; at += 1) await write(store)
    }
    const streams = followers.map(stream)
    await until(async () => (await revision(followers[0] as Shared, 'ff.a')) >= 10)
    await leave(writer)
    await Promise.all(streams)
    expect(followers.filter(({ isWriter }) => isWriter)).toHaveLength(1)
    for (const store of followers) {
      await until(async () => (await revision(store, 'ff.a')) === edits)
      expect(await failure(store.requireWritable())).toBe('none')
    }
    // A frozen one was ended.
    await writer.kill()
    for (const store of followers) await closeShared(store)
    expect(await verifyFolder('ff.a')).toBe(edits)
  })

  test.each([
    ['write segment', 3],
    ['datasync segment', 3],
  ])('killed before %s %i, with a handed-over write: it is made once', async (step, nth) => {
    const writer = await startWriter({ step, nth, signal: 'SIGKILL' })
    expect(await writer.next()).toBe('ready')
    const follower = await openShared()
    for (let wanted = 1; wanted <= 6; wanted += 1)
      expect(await taken(follower, putFlag('ff.a', { owner: `"edit ${wanted}"` }))).toMatchObject({
        revision: wanted,
      })
    expect(follower.isWriter).toBe(true)
    expect(await verifyAfter(follower)).toBe(6)
  })
})

test('only the process that was named and holds the lock is ended', async () => {
  const [writer, other] = [await startWriter(), spawn('sleep', ['60'])]
  const lock = join(folder, '.lock')
  const holder = await identifyProcess(writer.pid)
  const sleeper = await identifyProcess(other.pid ?? 0)
  if (holder === null || sleeper === null) throw new Error('a process has ended')
  expect(await endHolder(sleeper, lock)).toBe(false)
  expect(await endHolder({ ...holder, start: '1' }, lock)).toBe(false)
  expect(await writer.ask('role')).toMatchObject({ code: 'writer' })
  expect(await endHolder(holder, lock)).toBe(true)
  await writer.kill()
  expect(await identifyProcess(writer.pid)).toBeNull()
  expect(await endHolder(holder, lock)).toBe(false)
  expect(other.kill()).toBe(true)
})

test('a writer that was frozen while it took over removes no socket of its successor', async () => {
  const self = await identifyProcess(process.pid)
  if (self === null) throw new Error('a process has ended')
  const head = { seq: 0, hash: '0'.repeat(64) }
  const listen = (term: number): Promise<WriterServer> =>
    WriterServer.listen(folder, {
      term,
      process: self,
      head,
      run: () => Promise.resolve(null),
      confirm: () => Promise.resolve(),
      settle: () => Promise.resolve(),
    })
  const servers = [await listen(3), await listen(5), await listen(4)]
  expect(await findWriterSocket(folder)).toMatchObject({ term: 5 })
  for (const server of servers) await server.close()
})

test('an operation that is handed over twice is made once, and one that may be forgotten is not made', async () => {
  const writer = await startWriter()
  expect(await writer.ask('write ff.a')).toMatchObject({ revision: 1 })
  const socket = await findWriterSocket(folder)
  const send = async (op_id: string, since: number | null): Promise<readonly string[]> => {
    const connection = connect(join(folder, socket?.name ?? ''))
    const name = { op_id, request_digest: null }
    const operation = { name, since, call: 'write', request: putFlag('ff.a') }
    connection.write(`${JSON.stringify(operation)}\n`.repeat(2))
    const kinds: string[] = []
    for await (const line of createInterface({ input: connection })) {
      const message = JSON.parse(line) as { readonly kind: string; readonly op_id?: string }
      if (message.op_id === op_id) kinds.push(message.kind)
      if (kinds.length === 2) break
    }
    connection.destroy()
    return kinds
  }
  expect(await send('one', null)).toEqual(['done', 'done'])
  expect(await send('one', 1)).toEqual(['done', 'done'])
  expect(await send('two', -1)).toEqual(['failed', 'failed'])
  expect(await send('three', 1)).toEqual(['done', 'done'])
  expect(await writer.ask('write ff.a')).toMatchObject({ revision: 4 })
})

test('a message that is too long, no JSON, or unknown does not hurt the writer', async () => {
  const writer = await startWriter()
  const follower = await openShared()
  const socket = await findWriterSocket(folder)
  for (const text of ['{}\n', 'null\n', '7\n', '{"call":"later"}\n', 'x'.repeat(3_000_000)]) {
    const connection = connect(join(folder, socket?.name ?? ''))
    connection.on('error', () => undefined) // The writer may end it.
    connection.write(text)
    await once(connection, 'data')
    connection.destroy()
  }
  expect(await taken(follower, putFlag('ff.a'))).toMatchObject({ revision: 1 })
  expect(await writer.ask('role')).toMatchObject({ code: 'writer' })
})

test('a change of the writer is served by a follower within 20 ms, as a rule', async () => {
  const writer = await startWriter()
  const follower = await openShared(5_000)
  const late: number[] = []
  for (let wanted = 1; wanted <= 50; wanted += 1) {
    const seen = (async () => {
      while ((await revision(follower, 'ff.a')) < wanted) await setImmediate()
      return process.hrtime.bigint()
    })()
    const { ns } = (await writer.ask('write ff.a')) as { readonly ns: string }
    late.push(Number((await seen) - BigInt(ns)) / 1e6)
  }
  // `npm run bench` holds the 99th percentile to it, on a machine that does nothing else.
  expect(late.toSorted((a, b) => a - b)[25]).toBeLessThan(20)
})
