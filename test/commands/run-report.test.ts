import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Context } from '../../src/commands/context.ts'
import { GRACE_MS, runReportCommand } from '../../src/commands/run-report.ts'
import type { CheckReport } from '../../src/core/report/types.ts'
import { buildCheckReport } from '../../src/core/report/check-report.ts'
import type { Adapters } from '../../src/ports/adapters.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

interface Started {
  readonly context: Context
  readonly written: string[]
  /** SIGINT. */
  readonly interrupt: () => void
}
function start(): Started {
  const written: string[] = []
  let interrupt = (): void => undefined
  const context: Context = {
    root: '/',
    cwd: '/',
    env: {},
    now: () => new Date(),
    nodeVersion: process.version,
    io: {
      stdout: (text) => Promise.resolve(void written.push(text)),
      stderr: () => undefined,
      tryStderr: () => 0,
      stdin: () => process.stdin,
      terminal: () => Promise.resolve(null),
      page: () => Promise.resolve(false),
      stdoutIsTerminal: false,
      screenSize: () => null,
      stderrIsTerminal: false,
    },
    adapters: {} as Adapters,
    onSignal: (heard) => {
      interrupt = () => heard('interrupted')
      return () => undefined
    },
    onReload: () => () => undefined,
    exit: 'internal',
  }
  return { context, written, interrupt: () => interrupt() }
}

/** Work that needs this long to clean up after the abort. */
const cleaningUp =
  (ms: number) =>
  (signal: AbortSignal): Promise<CheckReport> =>
    new Promise((resolve) =>
      signal.addEventListener('abort', () =>
        setTimeout(() => {
          const exitName = signal.reason as 'interrupted' | 'timeout'
          const report = buildCheckReport('parity_diff', [])
          resolve({ ...report, verdict: 'cancelled', exitName })
        }, ms),
      ),
    )
const run = (
  { context }: Started,
  work: (signal: AbortSignal) => Promise<CheckReport>,
  timeout: number | null = null,
): Promise<unknown> =>
  runReportCommand(
    {
      context,
      words: [],
      color: null,
      repeat: (text) => text,
      options: { format: 'json', output: [], timeout },
    },
    work,
  ).catch((error: unknown) => error)

test.each([0, 2_001, GRACE_MS - 1])(
  'a run that cleans up for %i ms after Ctrl-C writes its partial report',
  async (ms) => {
    const started = start()
    const ended = run(started, cleaningUp(ms))
    await vi.advanceTimersByTimeAsync(0)
    started.interrupt()
    await vi.advanceTimersByTimeAsync(ms)
    expect(await ended).toBeUndefined()
    expect(started.context.exit).toBe('interrupted')
    expect(JSON.parse(started.written.join(''))).toMatchObject({ verdict: 'cancelled' })
  },
)

test('a run that cleans up slowly after --timeout writes its partial report', async () => {
  const started = start()
  const ended = run(started, cleaningUp(20_000), 3)
  await vi.advanceTimersByTimeAsync(23_000)
  expect(await ended).toBeUndefined()
  expect(started.context.exit).toBe('timeout')
  expect(JSON.parse(started.written.join(''))).toMatchObject({ verdict: 'cancelled' })
})

test('a run that hangs after Ctrl-C is abandoned as interrupted', async () => {
  const started = start()
  const ended = run(started, () => new Promise(() => undefined))
  await vi.advanceTimersByTimeAsync(0)
  started.interrupt()
  await vi.advanceTimersByTimeAsync(GRACE_MS)
  expect(await ended).toMatchObject({ code: 'interrupted', exitName: 'interrupted' })
  expect(started.written).toEqual([])
})
