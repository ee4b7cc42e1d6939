#!/usr/bin/env node
/** Time after the run for open handles to close, such as those of a stopping server. */
const CLOSE_TIMEOUT_MS = 5_000

// The status is 1 until main sets another: a promise that never settles must not end in 0.
process.exitCode = 1
const run = import('../src/main.ts')
  .then(({ main }) => main())
  .then((status) => {
    process.exitCode = status
  })
  .catch((error: unknown) => {
    process.stderr.write(
      `ff: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
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
