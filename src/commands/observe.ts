import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { getEnding } from '../concurrency/ended.ts'
import { closeAfter } from '../concurrency/open-all.ts'
import { reportObservation } from '../core/observe/report.ts'
import { FfError } from '../errors.ts'
import {
  findRecordingFolder,
  openStagingRecording,
  readStagingRecording,
} from '../features/observe/recording.ts'
import { readDisturbances } from '../features/observe/disturbances.ts'
import { readInstance } from '../features/observe/instances.ts'
import { observe } from '../features/observe/record.ts'
import { resolveStaging } from '../features/observe/staging-addresses.ts'
import { loadPersistence } from '../features/migrate/load-persistence.ts'
import { formatObservation } from '../reports/observe-text.ts'
import type { Invocation } from './context.ts'
import type { DOCUMENT } from './declarations/options.ts'
import type { OBSERVE_START } from './declarations/observe-options.ts'
import { printDocument } from './document.ts'
import { parseTargetOrThrow } from '../features/parity/resolve-target.ts'
import { loadSettings } from './settings.ts'

/**
 * `ff observe start`: records a minute of staging after the other until SIGTERM, signed with the runner's key, and logs
 * each to stderr. Ends `ok` by SIGTERM, `interrupted` by Ctrl-C.
 * @throws FfError `target_invalid` without instances, `setting_invalid`, `secret_in_option`, `evidence_locked` where another
 *   observer records, `evidence_untrusted`, `evidence_unwritable`, `disk_full`, `runner_key_invalid`, `key_file_loose`
 */
export async function runObserveStart(invocation: Invocation<typeof OBSERVE_START>): Promise<void> {
  const { context, options } = invocation
  const { adapters, cwd, env, io, now, root } = context
  const { values } = await loadSettings(env, cwd)
  const instances = resolveStaging(options.staging, values, env)
  if (instances.length === 0)
    throw new FfError('target_invalid', 'No instance of staging is named.', {
      hint: 'Name each with --staging SERVICE,ADMIN, or all of them in FF_STAGING_URL.',
    })
  if (new Set(instances.map(({ admin }) => admin)).size < instances.length)
    throw new FfError('target_invalid', 'Two instances of staging have the same admin port.', {
      hint: 'Name each instance once, with the origin of its own admin port: one named twice would count twice.',
    })
  const named = options.database
  const database = named === null ? values.FF_DATABASE_URL : parseTargetOrThrow(named, env)
  const { versions } = await loadPersistence(root)
  const { FF_RUNNER_KEY_FILE } = values
  const path = FF_RUNNER_KEY_FILE ?? join(cwd, '.ff', 'runner.pem')
  const key = { path, make: FF_RUNNER_KEY_FILE === null }
  const folder = findRecordingFolder(cwd)
  const controller = new AbortController()
  const stop = context.onSignal((name) => controller.abort(name))
  const { signal } = controller
  const log = await adapters.openServiceLog(io.tryStderr)
  try {
    await closeAfter(async (keep) => {
      const writer = await keep(openStagingRecording(adapters, cwd, key))
      const clients = await Promise.all(
        instances.map(({ admin }) => keep(adapters.openClient(admin))),
      )
      log.info({ folder, instances: clients.length }, 'records staging')
      await observe({
        writer,
        signal,
        read: (at) => Promise.all(clients.map((client) => readInstance(client, at))),
        connections: async () =>
          database === null
            ? null
            : readOrNull(() => adapters.readConnectionUse(database, versions)),
        disturbed: (since, until) => readDisturbances(folder, since, until),
        onMinute: ({ minute, compared, divergences, errors, restarts }) =>
          log.info({ minute, compared, divergences, errors, restarts }, 'recorded a minute'),
        clock: {
          wall: () => now().getTime(),
          monotonic: () => performance.now(),
          // The signal ends the rest, and the caller sees it.
          rest: (ms) => sleep(ms, undefined, { signal }).catch(() => undefined),
        },
      })
    })
  } finally {
    stop()
  }
  const ending = getEnding(signal)
  context.exit = ending === null || ending === 'terminated' ? 'ok' : ending
}

/** A database that is away leaves the minute without its connections. */
async function readOrNull<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof FfError)) throw error
    return null
  }
}

/**
 * `ff observe status`: prints how many hours of the recording are clean, what began the time again, and what is missing.
 * Ends `ok` where the observation is complete, else `not_ready`.
 * @throws FfError `evidence_untrusted` for an altered recording, `evidence_unreadable`
 */
export async function runObserveStatus(invocation: Invocation<typeof DOCUMENT>): Promise<void> {
  const { context } = invocation
  const read = await readStagingRecording(context.adapters, context.cwd)
  const report = reportObservation(read.minutes, context.now().getTime())
  await printDocument(invocation, {
    json: { schemaVersion: 1, recorded_by: read.kid, ...report },
    text: (width) => formatObservation(report, width),
  })
  context.exit = report.complete ? 'ok' : 'not_ready'
}
