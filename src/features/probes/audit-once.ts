import { setTimeout as sleep } from 'node:timers/promises'
import { mapConcurrently } from '../../concurrency/map-concurrently.ts'
import { closeAfter } from '../../concurrency/open-all.ts'
import { FfError } from '../../errors.ts'
import type { HttpClient } from '../../ports/http.ts'
import { GENERATED_FLAG } from './testbed/generated-store.ts'
import {
  type WithResource,
  readNumberParam,
  defineProbe,
  type ProbeContext,
} from './framework/probe.ts'
import {
  isExpectedAnswer,
  type ExpectedRecord,
  compareRecords,
  type AuditedOperation,
  toOverridePath,
  buildRounds,
} from './testbed/audited-changes.ts'
import {
  type CrashTarget,
  readStoredLines,
  readAuditRecords,
  type RunningService,
  withCrashTargets,
  withRunningService,
} from './testbed/crash-targets.ts'
import { type Issuer, openIssuer } from './testbed/issuer.ts'

/** Both stores, and the share (0..1) of the item's operations and kills to run. */
interface AuditInput {
  readonly targets: readonly [CrashTarget, CrashTarget]
  readonly share: number
}
const withAudit =
  (late: boolean, share: number): WithResource<AuditInput> =>
  (context, use) =>
    withCrashTargets(context, late, (targets) => use({ targets, share }))

/** The planted fault is permanent, so a tenth of the operations shows it. */
const late = withAudit(true, 0.1)

/**
 * G1: whether the trail holds each change of an authenticated caller, and each refusal of one, exactly once, after
 * `operations` requests and `kills` kills of an `ff serve` process during writes, on a scratch file and a scratch
 * database: records missing, records too many, and kills after which a row and its record differ. The control writes
 * audit records outside the transactions of their changes and one of them twice, with a tenth of the operations.
 * Inconclusive (`proof_inconclusive`) on an unexpected status.
 */
export const auditOnce = defineProbe<AuditInput, 'missing' | 'duplicates' | 'halves'>({
  version: 2,
  site: 'scratch',
  isolation: 'parallel',
  sound: withAudit(false, 1),
  faulty: { missing: late, duplicates: late, halves: late },
  measure: ({ targets, share }, context) => {
    return closeAfter(async (keep) => {
      const issuer = await keep(openIssuer(context), ({ server }) => server.close())
      const runs = await Promise.all(
        targets.map((target) => new AuditRun(target, issuer, context).run(share)),
      )
      const all = <K extends keyof AuditCounts>(name: K): readonly AuditCounts[K][] =>
        runs.map((one) => one[name])
      const count = (lists: readonly (readonly string[])[]): number => lists.flat().length
      return {
        measured: {
          missing: count(all('missing')),
          duplicates: count(all('tooMany')),
          halves: count(all('halves')),
        },
        met: {
          service: 'ff serve in a process of its own, over HTTP on loopback',
          server: targets[1].server ?? 'none',
          records: all('records').join(', '),
          cut_off: all('cutOff').join(', '),
          of_them_written: all('written').join(', '),
        },
        sample_size: Math.min(...all('sample')),
        example: listExamples(runs)[0] ?? null,
      }
    })
  },
})

interface AuditCounts {
  readonly missing: readonly string[]
  readonly tooMany: readonly string[]
  /** Kills after which a row and its record differ, each with the first difference. */
  readonly halves: readonly string[]
  readonly records: number
  /** Changes in flight at a kill. */
  readonly cutOff: number
  /** Changes of `cutOff` that were written. */
  readonly written: number
  readonly sample: number
}

const listExamples = (runs: readonly AuditCounts[]): readonly string[] => [
  ...runs.flatMap(({ halves }) => halves),
  ...runs.flatMap(({ missing }) => missing.map((id) => `no record of the request ${id}`)),
  ...runs.flatMap(({ tooMany }) => tooMany.map((id) => `one record too many of the request ${id}`)),
]

/** Rounds of operations that run at once. */
const CONCURRENCY = 8
/** Concurrent writers at each kill. */
const WRITERS = 4
/** Milliseconds from the first answered change to the kill: different for each kill. */
const toDelayMs = (kill: number): number => (kill * 37) % 150

/** Runs operations and kills against one target, and compares its rows with its audit records. */
class AuditRun {
  private readonly target: CrashTarget
  private readonly issuer: Issuer
  private readonly context: ProbeContext
  private readonly due = new Map<string, ExpectedRecord>()
  private readonly halves: string[] = []
  private killCount = 0

  constructor(target: CrashTarget, issuer: Issuer, context: ProbeContext) {
    this.target = target
    this.issuer = issuer
    this.context = context
  }

  async run(share: number): Promise<AuditCounts> {
    const { context, target } = this
    const [operations = 0, kills = 0] = ['operations', 'kills'].map((name) =>
      Math.ceil(readNumberParam(context, name) * share),
    )
    await this.withService(async ({ client }) => {
      await mapConcurrently(buildRounds(operations), CONCURRENCY, async (turn) => {
        for (const one of turn) await this.ask(client, one)
      })
      await waitForRefusals(client)
    })
    for (let kill = 1; kill <= kills; kill += 1) {
      context.signal.throwIfAborted()
      await this.withService((running) => this.killDuringWrites(running, kill))
      await this.compare(kill)
      context.progress(kill, kills)
    }
    const records = await readAuditRecords(context, target)
    const cut = [...this.due].filter(([, one]) => one === 'either').map(([id]) => id)
    const recorded = new Set(records.map(({ request_id }) => request_id))
    return {
      ...compareRecords(this.due, records),
      halves: this.halves,
      records: records.length,
      cutOff: cut.length,
      written: cut.filter((id) => recorded.has(id)).length,
      sample: operations + this.killCount,
    }
  }

  private withService<T>(use: (running: RunningService) => Promise<T>): Promise<T> {
    const { context, target, issuer } = this
    return withRunningService(context, { crashTarget: target, keys: issuer.keys }, use)
  }

  /** @throws FfError `proof_inconclusive` where the status is not one that the operation expects */
  private async ask(client: HttpClient, operation: AuditedOperation): Promise<void> {
    const request_id = this.expect('either')
    const { author, due, headers, ...request } = operation
    // Refusals of one caller and code within a minute share a record, so each has a caller of its own.
    const user = due === 'refused' ? request_id : undefined
    const own = { ...this.issuer.toHeaders(author, user), ...headers, 'x-request-id': request_id }
    const { status } = await client.send({ ...request, headers: own })
    if (!isExpectedAnswer(status, due))
      throw new FfError(
        'proof_inconclusive',
        `${request.method} ${request.path} on ${this.target.name}: unexpected status ${status}.`,
        { hint: 'Run ff serve on a scratch store, and send it the same request.' },
      )
    this.due.set(request_id, due)
  }

  private expect(due: ExpectedRecord): string {
    const request_id = `probe-${this.due.size}`
    this.due.set(request_id, due)
    return request_id
  }

  private async killDuringWrites({ client, kill }: RunningService, at: number): Promise<void> {
    const change = { method: 'PUT', author: 'writer', due: 'applied' } as const
    const write = async (tenant: string, value: number): Promise<void> =>
      this.ask(client, { ...change, path: toOverridePath(tenant), body: `{"value":${value}}` })
    const first = getTenants(at).map((tenant) => write(tenant, 1))
    const writing = getTenants(at).map(async (tenant, writer): Promise<unknown> => {
      try {
        await first[writer]
        for (let value = 2; ; value += 1) await write(tenant, value)
      } catch (error) {
        return error
      }
    })
    await Promise.any(first).catch(() => undefined)
    await sleep(toDelayMs(at))
    await this.target.killDuringWrite(kill, at)
    const other = (await Promise.all(writing)).find((end) => !isCutOff(end))
    if (other !== undefined) throw other
    this.killCount += 1
  }

  private async compare(kill: number): Promise<void> {
    const { context, target } = this
    const keys = getTenants(kill).map((scope_id) => ({ scope_id, flag_key: GENERATED_FLAG }))
    const { stored, recorded } = await readStoredLines(context, target, keys)
    const [half] = [...stored, ...recorded].filter(
      (line) => !stored.has(line) || !recorded.has(line),
    )
    if (half === undefined) return
    const which = stored.has(half) ? 'a row without its record' : 'a record without its row'
    this.halves.push(`${which} on ${target.name} after the kill ${kill}: ${half}`)
  }
}

/** Refusals are recorded behind their answers: waits until the audit chain has stopped to grow, 30 s at most. */
async function waitForRefusals(client: HttpClient): Promise<void> {
  let before = ''
  for (let at = 0; at < 60; at += 1) {
    const { text } = await client.send({ method: 'GET', path: '/metrics' })
    const [head = ''] = /^ff_audit_head_seq .*$/m.exec(text) ?? []
    if (head !== '' && head === before) return
    before = head
    await sleep(500)
  }
}

const isCutOff = (error: unknown): boolean =>
  error instanceof FfError && error.code === 'target_unreachable'
const getTenants = (kill: number): readonly string[] =>
  Array.from({ length: WRITERS }, (_, writer) => `K${kill}-${writer}`)
