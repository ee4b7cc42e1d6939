import { setTimeout as sleep } from 'node:timers/promises'
import { shipAudit, type ShipTotals } from '../features/audit/ship.ts'
import { loadPersistence } from '../features/migrate/load-persistence.ts'
import { openShipperServer } from '../features/serve/shipper-server.ts'
import { ShownBacklog } from '../features/serve/sink-backlog.ts'
import { getEnding } from '../concurrency/ended.ts'
import { nameEnvironment } from '../core/auth/environment.ts'
import { decideExit, type ExitName } from '../core/exit.ts'
import { sumSlots } from '../core/shipping/backlog.ts'
import { FfError } from '../errors.ts'
import type { ServiceLog } from '../ports/telemetry.ts'
import type { ShipBacklog, ShipEvent, ShipObserver, ShipStore } from '../ports/shipping.ts'
import { formatShipDocument, type ShipDocument } from '../reports/ship-text.ts'
import { resolveTrailTarget } from './audit.ts'
import type { Invocation } from './context.ts'
import type { TRAIL } from './declarations/options.ts'
import type { AUDIT_REDRIVE, AUDIT_SHIP } from './declarations/ship-options.ts'
import { printDocument } from './document.ts'
import { readKafkaOptions } from './kafka-options.ts'
import { loadSettings } from './settings.ts'

/**
 * `ff audit ship`: delivers pending records to the topic until none is left that may be sent now, or with `--follow`
 * until a signal; prints what it did and what is left. Logs to stderr. Ends `no_go` where a record is failed,
 * `inconclusive` where no broker answered, `not_ready` where records are pending; with `--follow` `ok` by SIGTERM.
 * @throws FfError `option_invalid`, `target_invalid` without FF_KAFKA_BROKERS or a store, `setting_invalid`,
 * `secret_in_option`, `place_refused`, and the errors of the store; `artefact_invalid`
 */
export async function runAuditShip(invocation: Invocation<typeof AUDIT_SHIP>): Promise<void> {
  const { context, options } = invocation
  const { adapters, env, cwd, io } = context
  const { follow } = options
  if (follow && options.once)
    throw new FfError('option_invalid', '--once and --follow exclude each other.', {
      hint: 'Give --follow to go on until SIGTERM, and --once, or neither, to end with the last record.',
    })
  const { values } = await loadSettings(env, cwd)
  const kafka = await readKafkaOptions(values)
  const controller = new AbortController()
  const stop = context.onSignal((name) => controller.abort(name))
  const { signal } = controller
  const log = await adapters.openServiceLog(io.tryStderr)
  try {
    await withShipStore(invocation, async (store, lease_ms) => {
      const topic = await adapters.openAuditTopic(kafka)
      try {
        const totals = await withMetrics(invocation, { store, log }, (observe) =>
          shipAudit({
            store,
            topic,
            lease_ms,
            tries: values.FF_SHIP_TRIES,
            follow,
            signal,
            timing: TIMING,
            observe,
          }),
        )
        const left = sumBacklog(await store.backlog())
        const document: ShipDocument = { ...totals, left }
        await printDocument(invocation, {
          json: { schemaVersion: 1, ...document },
          text: (width) => formatShipDocument(document, width),
        })
        context.exit = decideShipExit(signal, { follow, totals, left })
      } finally {
        await topic.close()
      }
    })
  } finally {
    stop()
  }
}

/**
 * `ff audit redrive`: makes the failed records of `--target`, or with `--all` every one, pending again; prints how
 * many, and ends `ok`.
 * @throws FfError `option_invalid` without either or with both; the errors of the store as `runAuditShip`
 */
export async function runAuditRedrive(invocation: Invocation<typeof AUDIT_REDRIVE>): Promise<void> {
  const { target, all } = invocation.options
  if ((target === null) === !all)
    throw new FfError('option_invalid', 'A redrive needs either --target or --all.', {
      hint: 'Run `ff audit redrive --all` to make every failed record pending again.',
    })
  await withShipStore(invocation, async (store) => {
    const redriven = await store.redrive(target)
    await printDocument(invocation, {
      json: { schemaVersion: 1, redriven },
      text: () => `${redriven} failed record${redriven === 1 ? ' is' : 's are'} pending again\n`,
    })
  })
}

/** Runs `use` with an observer that logs, and counts for the metrics of `--admin-listen`. @throws FfError `listen_failed` */
async function withMetrics<T>(
  { context, options }: Invocation<typeof AUDIT_SHIP>,
  { store, log }: { readonly store: ShipStore; readonly log: ServiceLog },
  use: (observe: ShipObserver) => Promise<T>,
): Promise<T> {
  const { adapters } = context
  const logged = createLogObserver(log)
  if (options.adminListen === null) return use(logged)
  const backlog = new ShownBacklog(() => store.backlog(), log)
  const telemetry = await adapters.openShipTelemetry(log, () => backlog.read())
  const server = await openShipperServer(adapters, telemetry, options.adminListen)
  try {
    log.info({ origin: server.origin }, 'serves liveness and metrics')
    return await use((event) => {
      logged(event)
      telemetry.observe(event)
    })
  } finally {
    await server.drain(0)
  }
}

async function withShipStore(
  invocation: Invocation<typeof TRAIL>,
  use: (store: ShipStore, lease_ms: number) => Promise<void>,
): Promise<void> {
  const { adapters, env, cwd, root } = invocation.context
  const { values } = await loadSettings(env, cwd)
  const { versions, migrations } = await loadPersistence(root)
  const lease_ms = values.FF_SHIP_LEASE * 1_000
  const store = await adapters.openShipStore(await resolveTrailTarget(invocation), {
    versions,
    migrations,
    environment: nameEnvironment(values),
    lease_ms,
    send_ms: values.FF_KAFKA_TIMEOUT * 1_000,
  })
  try {
    await use(store, lease_ms)
  } finally {
    await store.close()
  }
}

const TIMING = {
  now: () => performance.now(),
  // The signal ends the rest, and the caller sees it.
  rest: (ms: number, signal: AbortSignal) =>
    sleep(ms, undefined, { signal }).catch(() => undefined),
  random: Math.random,
} as const

const sumBacklog = ({ slots, failed }: ShipBacklog): ShipDocument['left'] => ({
  ...sumSlots(slots),
  failed,
})

/** `--follow` ends by SIGTERM, so SIGTERM is a success. */
function decideShipExit(
  signal: AbortSignal,
  run: {
    readonly follow: boolean
    readonly totals: ShipTotals
    readonly left: ShipDocument['left']
  },
): ExitName {
  const ending = getEnding(signal)
  if (run.follow && ending === 'terminated') return 'ok'
  const { totals, left } = run
  return decideExit(
    ending ?? 'ok',
    left.failed > 0 ? 'no_go' : 'ok',
    totals.unavailable === null ? 'ok' : 'inconclusive',
    left.pending > 0 ? 'not_ready' : 'ok',
  )
}

/** Logs what a person may have to act on. */
function createLogObserver(log: ServiceLog): ShipObserver {
  return (event: ShipEvent): void => {
    if (event.kind === 'suspended' || event.kind === 'store_failed' || event.kind === 'lost') {
      const { kind, ...fields } = event
      log.warn(fields, WORDS[kind])
    }
    if (event.kind !== 'marked') return
    for (const { kind, ...mark } of event.marks) {
      if (kind === 'failed') log.error({ slot: event.slot, ...mark }, 'audit record failed')
      if (kind === 'waiting') log.warn({ slot: event.slot, ...mark }, 'audit record waits')
    }
  }
}
const WORDS = {
  suspended: 'no broker answers',
  store_failed: 'the store of audit records failed',
  lost: 'another process has taken the slot over',
} as const
