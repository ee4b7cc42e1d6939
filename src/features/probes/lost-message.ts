import { setTimeout as sleep } from 'node:timers/promises'
import { STALENESS_MS } from '../../core/feed/subscriber.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { withHeldFeed } from './faults/held-feed.ts'
import { defineProbe, fromValue, type ProbeContext } from './framework/probe.ts'
import {
  type CachedService,
  type CachedServices,
  type DecorateInstance,
  withCachedServices,
} from './testbed/cached-services.ts'
import { type MessageLoss, withMessageLoss } from './testbed/lost-messages.ts'

/** How the second instance is cut off: its messages vanish, or its connections are ended, and open again. */
type Cut = 'silent' | 'ended'
interface LossInput {
  /** Changes the adapters of the second instance. */
  readonly decorate: (adapters: Adapters, loss: MessageLoss) => Adapters
  readonly cuts: readonly Cut[]
}

const CUTS: readonly Cut[] = ['silent', 'ended', 'silent', 'ended']
/** Changes during each cut. */
const TENANTS = Array.from({ length: 20 }, (_, at) => `T-lost-${at}`)
const LOOK_EVERY_MS = 50
/** Past the bound, so that a stale answer there is seen. */
const LOOK_MS = STALENESS_MS + 500

/** The planted fault: the second instance does not see in the database what it missed; entries live longer than this. */
const unaware = fromValue((): LossInput => ({
  decorate: (adapters, loss) => withHeldFeed(adapters, loss, Infinity),
  cuts: ['silent'],
}))

/**
 * D2: answers of the second of two instances of the service in this process, on a scratch database with a Redis of their
 * own, from when it is cut off from messages and notifications while the first one changes rows that the second has
 * cached: answers that are stale past the bound (four heartbeats), and cuts after which it has all changes nevertheless.
 * In the control it sees nothing new in the database either.
 *
 * Inconclusive (`proof_inconclusive`) where a change is not acknowledged, nothing was cached before a cut, or nothing was
 * lost during a silent one; also (error of the database) where no connection was there to be ended.
 */
export const lostMessage = defineProbe<LossInput, 'stale_past_bound' | 'resyncs'>({
  version: 1,
  site: 'scratch',
  isolation: 'exclusive',
  sound: fromValue((): LossInput => ({ decorate: (adapters) => adapters, cuts: CUTS })),
  faulty: { stale_past_bound: unaware, resyncs: unaware },
  measure: ({ decorate, cuts }, context) => {
    const loss: MessageLoss = { isOn: false, lost: 0 }
    const both: DecorateInstance = (adapters, instance) =>
      instance.at === 0 ? adapters : withMessageLoss(decorate(adapters, loss), loss)
    return withCachedServices(context, { count: 2, decorate: both }, async (services) => {
      const rounds: LossRound[] = []
      for (const cut of cuts) {
        rounds.push(
          await runRound(services, { cut, loss, from: rounds.length * TENANTS.length }, context),
        )
        context.progress(rounds.length, cuts.length)
      }
      const stale = rounds.flatMap((round) => round.stale)
      return {
        measured: {
          stale_past_bound: stale.length,
          resyncs: rounds.filter(({ isSynced }) => isSynced).length,
        },
        met: {
          service: '2 instances in this process, over HTTP on loopback, on a scratch database',
          server: `PostgreSQL ${services.database.server}`,
          redis: `Redis ${services.redis.version}`,
          cuts: cuts.length,
          messages_lost: loss.lost,
          slowest_ms: Math.round(Math.max(...rounds.map(({ took_ms }) => took_ms))),
        },
        sample_size: rounds.reduce((sum, { answers }) => sum + answers, 0),
        example: stale[0] ?? null,
      }
    })
  },
})

interface LossRound {
  readonly answers: number
  readonly stale: readonly string[]
  /** Whether the second instance answered each new value within the time. */
  readonly isSynced: boolean
  readonly took_ms: number
}

async function runRound(
  services: CachedServices,
  { cut, loss, from }: { readonly cut: Cut; readonly loss: MessageLoss; readonly from: number },
  { signal }: ProbeContext,
): Promise<LossRound> {
  const [writer, cutOff] = services.instances as readonly [CachedService, CachedService]
  const change = async (tenant: string, value: number): Promise<void> => {
    if (!(await writer.put(tenant, value))) throw makeInconclusive('a change was not acknowledged')
  }
  for (const [at, tenant] of TENANTS.entries()) await change(tenant, from + at + 1)
  await warm(cutOff)
  const before = loss.lost
  await begin(services, cut, loss)
  for (const [at, tenant] of TENANTS.entries()) await change(tenant, -(from + at + 1))
  const look = await watch(services, cutOff, signal)
  loss.isOn = false
  if (cut === 'silent' && loss.lost === before) throw makeInconclusive('no message was lost')
  return look
}

const WARM_ROUNDS = 40

/** Asks for all tenants until the instance answers each from its cache. */
async function warm(instance: CachedService): Promise<void> {
  for (let round = 0; round < WARM_ROUNDS; round += 1) {
    const before = await instance.count('ff_cache_loads_total')
    for (const tenant of TENANTS) await instance.ask(tenant)
    if ((await instance.count('ff_cache_loads_total')) === before) return
    await sleep(LOOK_EVERY_MS)
  }
  throw makeInconclusive('the instance did not answer from its cache')
}

async function begin(
  { redis, database }: CachedServices,
  cut: Cut,
  loss: MessageLoss,
): Promise<void> {
  if (cut === 'silent') loss.isOn = true
  else {
    await database.run(END_LISTENERS)
    await redis.cutSubscribers()
  }
}
/** What a connection for notifications has sent last. */
const IS_LISTENER = `datname = current_database() AND query LIKE 'SELECT pg_notify($1%'`

/** Ends both connections for notifications, once they are there: an ended one is opened again after a second. */
const END_LISTENERS = `DO $$ BEGIN
FOR try IN 1..100 LOOP
  PERFORM pg_stat_clear_snapshot();
  IF (SELECT count(*) FROM pg_stat_activity WHERE ${IS_LISTENER}) = 2 THEN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${IS_LISTENER};
    RETURN;
  END IF;
  PERFORM pg_sleep(0.05);
END LOOP;
RAISE EXCEPTION 'the instances do not listen';
END $$`

/** Asks for all tenants until each answer is new, or the time is over. */
async function watch(
  { ledger }: CachedServices,
  instance: CachedService,
  signal: AbortSignal,
): Promise<LossRound> {
  const began = performance.now()
  const passed = (): number => performance.now() - began
  const stale: string[] = []
  let answers = 0
  let waiting = TENANTS
  while (waiting.length > 0 && passed() < LOOK_MS && !signal.aborted) {
    const old: string[] = []
    for (const tenant of waiting) {
      const asked = await instance.ask(tenant)
      if (!asked.ok) throw makeInconclusive(`the instance answered ${asked.why}`)
      answers += 1
      if (!ledger.allows(tenant, asked.answer))
        stale.push(`${tenant} was answered ${asked.answer.value}`)
      if (asked.answer.value !== ledger.last(tenant)?.value) old.push(tenant)
    }
    waiting = old
    if (waiting.length > 0) await sleep(LOOK_EVERY_MS)
  }
  return { answers, stale, isSynced: waiting.length === 0, took_ms: passed() }
}

const makeInconclusive = (what: string): FfError =>
  new FfError('proof_inconclusive', `The loss of messages was not measured: ${what}.`, {
    hint: 'Run ff probe run again on an idle or a faster machine.',
  })
