#!/usr/bin/env node
/** Time after the run for open handles to close, such as those of a stopping server. */
const CLOSE_TIMEOUT_MS = 5_000

/** `inconclusive`; no module can be loaded to look it up. */
const INCONCLUSIVE = 22
/** What the system can refuse before the program has started, by code and call. */
const START_HINTS: Readonly<Record<string, string>> = {
  'ENOENT uv_cwd': 'The working folder was deleted: change to another one, `cd /`, and run again.',
  'EACCES uv_cwd':
    'You may not read the working folder: change to another one, `cd /`, and run again.',
  'EMFILE open': 'Allow more open files, `ulimit -n 1024`, and run the same command again.',
  'ENFILE open': 'The machine has too many open files: end other programs, and run again.',
}
function findHint(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return null
  return START_HINTS[`${String(error.code)} ${String(error.syscall)}`] ?? null
}

// The status is 1 until main sets another: a promise that never settles must not end in 0.
process.exitCode = 1
const run = import('../src/main.ts')
  .then(({ main }) => main())
  .then((status) => {
    process.exitCode = status
  })
  .catch((error: unknown) => {
    const hint = findHint(error)
    if (hint !== null) process.exitCode = INCONCLUSIVE
    process.stderr.write(
      hint === null
        ? `ff: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`
        : `ff: The program cannot start: ${(error as Error).message}.\n${hint}\n[system_refused, exit inconclusive]\n`,
    )
  })
// The timer does not keep the process alive by itself: with nothing open it never fires.
void run.then(flushOutput).then(() => setTimeout(() => void endProcess(), CLOSE_TIMEOUT_MS).unref())

/** Waits until stdout and stderr are flushed, or their readers are gone. */
async function flushOutput(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => void stream.write('', () => resolve()))
  }
}

async function endProcess(): Promise<void> {
  process.stderr.write(
    `ff: Ended with exit status ${process.exitCode}, though this was still open ${CLOSE_TIMEOUT_MS / 1000} s after the run: ${listOpen().join(', ')}.\n`,
  )
  await flushOutput()
  // oxlint-disable-next-line unicorn/no-process-exit -- The status and all output are out; a leak must not hang a job.
  process.exit()
}

interface Handle {
  readonly type: string
  readonly is_active: boolean
  readonly is_referenced: boolean
  readonly fd?: number
  readonly pid?: number
  readonly localEndpoint?: Endpoint
  readonly remoteEndpoint?: Endpoint
}
type Endpoint = string | { readonly host: string; readonly port: number } | null

/** Lists the resources that keep the process alive: handles with their addresses, then timers and requests by type. */
function listOpen(): readonly string[] {
  // Without it the report waits for a reverse DNS lookup of each address. The types lack the member.
  Object.assign(process.report, { excludeNetwork: true })
  const { libuv } = process.report.getReport() as { readonly libuv: readonly Handle[] }
  const handles = libuv.filter(
    ({ is_active, is_referenced, fd }) => is_active && is_referenced && fd !== 1 && fd !== 2,
  )
  const others = process.getActiveResourcesInfo().filter((type) => !HANDLE_TYPES.test(type))
  return [...handles.map(describeHandle), ...others]
}
const HANDLE_TYPES = /^(TCP|Pipe|TTY|UDP|Process)/

function describeHandle({ type, fd, pid, localEndpoint, remoteEndpoint }: Handle): string {
  const ends = [localEndpoint, remoteEndpoint].flatMap((end) => (end == null ? [] : [end]))
  const shown = ends.map((end) => (typeof end === 'string' ? end : `${end.host}:${end.port}`))
  return [type, ...shown, ...(pid === undefined ? [] : [pid]), ...(fd === 0 ? ['stdin'] : [])].join(
    ' ',
  )
}
