import { setImmediate as turn } from 'node:timers/promises'
import { adapters } from '../../src/composition.ts'
import { createLazySettings } from '../../src/commands/settings.ts'
import type { InstanceReading } from '../../src/core/observe/fold.ts'
import { DECISION_REASONS } from '../../src/core/observe/bounds.ts'
import type { SettingName } from '../../src/core/settings/settings.ts'
import { readInstance } from '../../src/features/observe/instances.ts'
import { observe, type ObserveClock } from '../../src/features/observe/record.ts'
import { openStagingRecording } from '../../src/features/observe/recording.ts'
import type { StagingAddress } from '../../src/features/observe/staging-addresses.ts'
import { type Service, startService } from '../../src/features/serve/serve.ts'
import { readDisk } from '../../src/features/serve/store-disk.ts'
import type { RunningVersion } from '../../src/features/team-folder/identity.ts'
import type { HttpClient } from '../../src/ports/http.ts'
import type { Telemetry } from '../../src/ports/telemetry.ts'
import { ROOT } from './run-ff.ts'

/** Of each reason, each instance and each minute: 300,000 in 48 hours of two instances and fifteen reasons. */
const EACH = 4
/** How long each side takes. */
const READ_MS = 0.2

/** A service that listens on this machine, and what counts its traffic. */
interface PlayedInstance {
  readonly service: Service
  readonly telemetry: Telemetry
  readonly client: HttpClient
}

/** Starts the real service with its admin port, and hands out its telemetry, through which traffic is played. */
async function startInstance({ version, store, settings }: StagingTerms): Promise<PlayedInstance> {
  const opened: Telemetry[] = []
  const given: Partial<Record<SettingName, string>> = {
    FF_LISTEN: '127.0.0.1:0',
    FF_ADMIN_LISTEN: '127.0.0.1:0',
    FF_ENV: 'staging',
    FF_DRAIN_DELAY: '0',
    ...settings,
  }
  const service = await startService({
    root: ROOT,
    adapters: {
      ...adapters,
      openTelemetry: async (log, readings) => {
        // A service of the database alone reports no disk, one of a cutover that of its file store.
        const disk = () => readDisk({ FF_BACKING: 'managed', FF_STORE_DIR: store })
        const telemetry = await adapters.openTelemetry(log, { ...readings, disk })
        opened.push(telemetry)
        return telemetry
      },
    },
    settings: createLazySettings((name) => given[name] ?? null),
    now: () => new Date(),
    log: await adapters.openServiceLog((bytes) => bytes.length),
    version,
  })
  const [telemetry] = opened
  if (telemetry === undefined || service.admin_origin === null)
    throw new Error('the service opened no telemetry or no admin port')
  return { service, telemetry, client: await adapters.openClient(service.admin_origin) }
}

interface StagingTerms {
  readonly version: RunningVersion
  /** A folder whose file system counts as the disk. */
  readonly store: string
  /** Of the database that the instances serve, at least. */
  readonly settings: Partial<Record<SettingName, string>>
}

type Readings = readonly (InstanceReading | null)[]

/** Two real services on one database, whose traffic is played. */
export class PlayedStaging {
  readonly addresses: readonly StagingAddress[]
  private readonly instances: readonly PlayedInstance[]
  private last: Readings = []

  private constructor(instances: readonly PlayedInstance[]) {
    this.instances = instances
    this.addresses = instances.map(({ service }) => ({
      service: service.origin,
      admin: String(service.admin_origin),
    }))
  }

  static async open(terms: StagingTerms): Promise<PlayedStaging> {
    const one = await startInstance(terms)
    return new PlayedStaging([one, await startInstance(terms)])
  }

  /** Value of FF_STAGING_URL. */
  get url(): string {
    return this.addresses.map(({ service, admin }) => `${service},${admin}`).join(' ')
  }

  /** A minute of sound traffic. */
  play(): void {
    for (const { telemetry } of this.instances)
      for (const reason of DECISION_REASONS) {
        for (const side of ['file', 'db'] as const) telemetry.shadow.answered(side, READ_MS)
        for (let one = 0; one < EACH; one += 1) telemetry.shadow.compared(reason)
      }
  }

  /** Asks each admin port over HTTP, as `ff observe start` does. */
  async read(at_ms: number): Promise<Readings> {
    this.last = await Promise.all(this.instances.map(({ client }) => readInstance(client, at_ms)))
    return this.last
  }

  /** The last readings and a minute of `play`, without a request: a page costs 5 ms of CPU. */
  derive(at_ms: number): Readings {
    this.last = this.last.map((one) => one && addMinute(one, at_ms))
    return this.last
  }

  async close(): Promise<void> {
    for (const { client, service } of this.instances) {
      client.close()
      await service.close({ hurry: true })
    }
  }
}

/** What a minute adds to the counters that a fold reads. */
function addMinute({ identity, scrape }: InstanceReading, at_ms: number): InstanceReading {
  const samples = scrape.samples.map((one) => {
    const { name, labels } = one
    if (name === 'ff_shadow_compared_total') return { ...one, value: one.value + EACH }
    const isBucket = name === 'ff_shadow_read_duration_seconds_bucket'
    const isAbove = labels['le'] === '+Inf' || Number(labels['le']) * 1000 >= READ_MS
    return isBucket && isAbove ? { ...one, value: one.value + DECISION_REASONS.length } : one
  })
  return { identity, scrape: { at_ms, samples } }
}

interface PlayTerms {
  readonly cwd: string
  /** The file of the runner's key. */
  readonly key: string
  readonly from: number
  readonly minutes: number
  /** Every which minute the admin ports are asked; the others are derived. */
  readonly every: number
}

/**
 * Records so many minutes of staging from `from` on through the clock of `observe`: no rest takes time, and the rest until a
 * whole minute plays one of traffic.
 */
export async function playObservation(
  staging: PlayedStaging,
  { cwd, key, from, minutes, every }: PlayTerms,
): Promise<void> {
  const controller = new AbortController()
  let passed = 0
  let recorded = 0
  const clock: ObserveClock = {
    wall: () => from + passed,
    monotonic: () => passed,
    rest: async (ms) => {
      staging.play()
      passed += ms
      await turn()
    },
  }
  const writer = await openStagingRecording(adapters, cwd, { path: key, make: false })
  try {
    await observe({
      writer,
      read: async (at) => (recorded % every === 0 ? staging.read(at) : staging.derive(at)),
      connections: () => Promise.resolve({ used: 10, limit: 100 }),
      disturbed: () => Promise.resolve([]),
      onMinute: () => {
        recorded += 1
        if (recorded === minutes) controller.abort('terminated')
      },
      clock,
      signal: controller.signal,
    })
  } finally {
    await writer.close()
  }
}
