#!/usr/bin/env node
/** For so long what is still open may keep the process alive after the run, such as a server that is being stopped. */
const PATIENCE_MS = 5_000

// Until main has said otherwise the run has failed: a promise that never settles must not end in 0.
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
// The timer itself does not keep the process alive: where nothing is open, it never goes off.
void run.then(flushOutput).then(() => setTimeout(() => void endProcess(), PATIENCE_MS).unref())

/** Waits until the readers of stdout and stderr have taken everything, or are gone. */
async function flushOutput(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => void stream.write('', () => resolve()))
  }
}

async function endProcess(): Promise<void> {
  process.stderr.write(
    `ff: Ended with exit status ${process.exitCode}, though this was still open ${PATIENCE_MS / 1000} s after the run: ${listOpen().join(', ')}.\n`,
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

/** What keeps the process alive: handles with their addresses, then timers and requests by their types. */
function listOpen(): readonly string[] {
  // Otherwise the report looks up the name of each address and waits for it; the types do not know the member yet.
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
