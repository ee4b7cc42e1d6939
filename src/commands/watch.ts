import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { getEnding } from '../concurrency/ended.ts'
import { closeAfter, type KeepOpen } from '../concurrency/open-all.ts'
import { reportObservation } from '../core/observe/report.ts'
import {
  keepWindow,
  summarizeTraffic,
  type TrafficReading,
  type WatchedTraffic,
} from '../core/observe/traffic.ts'
import type { WatchView } from '../core/observe/watch-view.ts'
import { escapeLine } from '../core/text/terminal.ts'
import { FfError } from '../errors.ts'
import { withCutoverSides } from '../features/cutover/open-sides.ts'
import { readCutoverStatus } from '../features/cutover/read-status.ts'
import { judgeFolder, toReport } from '../features/gate/gate.ts'
import { markFiles } from '../features/observe/file-mark.ts'
import { readInstance } from '../features/observe/instances.ts'
import type { ObserveClock } from '../features/observe/record.ts'
import { readStagingRecording } from '../features/observe/recording.ts'
import { resolveStaging } from '../features/observe/staging-addresses.ts'
import { openWatchServer } from '../features/observe/watch-server.ts'
import { repeatRead, startWatch, type WatchSources } from '../features/observe/watch.ts'
import {
  formatWatchEvent,
  formatWatchPage,
  type SentParts,
  WATCH_POLICY,
} from '../reports/watch-html.ts'
import { formatWatchScreen, listWatchNews, type PrintedFacts } from '../reports/watch-text.ts'
import type { Context, Invocation } from './context.ts'
import { type CutoverCommand, runCutoverCommand } from './cutover-context.ts'
import type { OBSERVE_WATCH } from './declarations/observe-options.ts'
import { buildGateRequest } from './gate.ts'
import { useColor } from './run-report.ts'
import { loadSettings } from './settings.ts'

type WatchInvocation = Invocation<typeof OBSERVE_WATCH>

/** How often the cheap parts are read, and everything is shown. */
const CHEAP_MS = 2_000
const GATE_MS = 30_000
const RECORDING_MS = 60_000
/** Where the gate reads what changes while it is watched. */
const GATE_FOLDERS = ['.ff/evidence', 'checklists']
/** The longest that reading or judging files takes where nothing is wrong. */
const FILES_MS = 10_000
/** The longest that the instances take to answer. */
const ANSWER_MS = 5_000

/**
 * `ff observe watch`: shows cutover, instances, recording and gate until a signal, each part at its own pace and with its
 * age: in place on a terminal, else one line for each fact that changed; with `--web` as a page on loopback. Changes
 * nothing. Ends `ok` by SIGTERM, `interrupted` by Ctrl-C.
 * @throws FfError `option_invalid`, `target_invalid` for a bad `--staging`, `setting_invalid`, `listen_failed`
 */
export const runObserveWatch = (invocation: WatchInvocation): Promise<void> =>
  runCutoverCommand(invocation, (command) =>
    closeAfter(async (keep) => {
      const { context, options } = invocation
      refusePort(options)
      const sources = await openSources(invocation, command, keep)
      const clock = toClock(context)
      const controller = new AbortController()
      const signal = AbortSignal.any([command.signal, controller.signal])
      const watch = startWatch(sources, { clock, signal })
      const tools = { context, clock, signal, view: watch.view }
      const shown = options.web ? serve(tools, options.port) : print(tools, invocation.color)
      try {
        await Promise.all([shown, watch.ended])
      } finally {
        // The first error ends the other one too.
        controller.abort()
        await Promise.allSettled([shown, watch.ended])
      }
      // `--watch` of the cutover's status ends in the same way.
      context.exit = getEnding(command.signal) === 'interrupted' ? 'interrupted' : 'ok'
    }),
  )

/** @throws FfError `option_invalid` for --port without --web */
function refusePort({ web, port }: WatchInvocation['options']): void {
  if (web || port === 0) return
  throw new FfError('option_invalid', '--port goes with --web alone.', {
    hint: `Write \`ff observe watch --web --port ${port}\`, or leave --port out.`,
  })
}

const readCpu = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
const toClock = ({ now }: Pick<Context, 'now'>): ObserveClock => ({
  wall: () => now().getTime(),
  monotonic: () => performance.now(),
  // The signal ends the rest, and the caller sees it.
  rest: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
})

async function openSources(
  invocation: WatchInvocation,
  command: CutoverCommand,
  keep: KeepOpen,
): Promise<WatchSources> {
  const { context } = invocation
  const files = { cost: readCpu, longest_ms: FILES_MS }
  return {
    cutover: toCutoverSource(context, command),
    traffic: await openTrafficSource(invocation, keep),
    recording: {
      ...files,
      mark: null,
      every_ms: RECORDING_MS,
      run: repeatRead(async () => {
        const { minutes } = await readStagingRecording(context.adapters, context.cwd)
        return reportObservation(minutes, context.now().getTime())
      }),
    },
    gate: {
      ...files,
      // New evidence may end a GO: it is not waited out.
      mark: () => markFiles(GATE_FOLDERS.map((folder) => join(context.cwd, folder))),
      every_ms: GATE_MS,
      run: repeatRead(async () =>
        toReport(
          await judgeFolder(await buildGateRequest(context, {}), context.adapters),
          context.now,
        ),
      ),
    },
  }
}

const toCutoverSource = (
  { adapters }: Context,
  { both, clock, leaseMs }: CutoverCommand,
): WatchSources['cutover'] => ({
  every_ms: CHEAP_MS,
  // Renewals are watched for half a lease.
  longest_ms: leaseMs / 2 + ANSWER_MS,
  cost: null,
  mark: null,
  run: async (put, signal) => {
    const request = await both()
    const findWriter = () => adapters.findLockHolder(request.folder)
    await withCutoverSides(request, async (sides) => {
      const tools = { sides, clock, leaseMs, signal, host: hostname(), findWriter }
      while (!signal.aborted) await put(await readCutoverStatus(tools))
    })
  },
})

async function openTrafficSource(
  { context, options }: WatchInvocation,
  keep: KeepOpen,
): Promise<WatchSources['traffic']> {
  const { adapters, cwd, env } = context
  const { values } = await loadSettings(env, cwd)
  const instances = resolveStaging(options.staging, values, env)
  const admins = instances.map(({ admin }) => admin)
  const clients = await Promise.all(admins.map((admin) => keep(adapters.openClient(admin))))
  let before: readonly TrafficReading[] = []
  const read = async (): Promise<WatchedTraffic> => {
    if (clients.length === 0)
      throw new FfError('target_invalid', 'No instance of staging is named.', {
        hint: 'Name each with --staging SERVICE,ADMIN, or all of them in FF_STAGING_URL.',
      })
    const at_ms = performance.now()
    const readings = await Promise.all(clients.map((client) => readInstance(client, at_ms)))
    const last = { at_ms, readings }
    before = keepWindow(before, at_ms)
    const traffic = summarizeTraffic(admins, { before, last })
    before = [...before, last]
    return traffic
  }
  return {
    every_ms: CHEAP_MS,
    longest_ms: ANSWER_MS,
    cost: null,
    mark: null,
    run: repeatRead(read),
  }
}

interface ShowTools {
  readonly context: Context
  readonly view: () => WatchView
  readonly clock: ObserveClock
  readonly signal: AbortSignal
}

/** Draws over the last screen on a terminal, else prints what is new. */
async function print(
  { context: { io, env }, view, clock, signal }: ShowTools,
  color: boolean | null,
): Promise<void> {
  const style = { color: useColor({ env, io }, color) }
  // What the terminal shows moves up out of the way.
  await io.stdout('\n'.repeat(io.screenSize()?.rows ?? 0))
  let facts: PrintedFacts = new Map()
  while (!signal.aborted) {
    const size = io.screenSize()
    if (size === null) {
      const news = listWatchNews(view(), facts)
      facts = news.facts
      if (news.lines.length > 0) await io.stdout(`${news.lines.join('\n')}\n`)
    } else await io.stdout(drawScreen(formatWatchScreen(view(), size, style)))
    await clock.rest(CHEAP_MS, signal)
  }
}

const [TO_TOP, CLEAR_LINE, CLEAR_BELOW] = ['\u001B[H', '\u001B[K', '\u001B[J']
const drawScreen = (lines: readonly string[]): string =>
  `${TO_TOP}${lines.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`

async function serve({ context, view, clock, signal }: ShowTools, port: number): Promise<void> {
  const { adapters, io } = context
  const page = {
    policy: WATCH_POLICY,
    html: () => formatWatchPage(view()),
    event: (sent: SentParts | undefined) => formatWatchEvent(view(), sent ?? new Map()),
  }
  const failed = (error: unknown) => io.stderr(`${escapeLine(`bug: ${String(error)}`)}\n`)
  const server = await openWatchServer(adapters, page, { port, failed })
  try {
    await io.stdout(`Watch at ${server.origin}/\n`)
    while (!signal.aborted) {
      await clock.rest(CHEAP_MS, signal)
      server.send()
    }
  } finally {
    await server.close()
  }
}
