import type { Progress } from '../features/probes/framework/run-probes.ts'
import type { Context } from './context.ts'

const LINE_MS = 60_000

/** Reports progress on stderr: one line that is rewritten on a terminal, elsewhere a line a minute. */
export function createProgressLine(
  { context }: { readonly context: Context },
  what: string,
): (done: number, of: number) => void {
  const { io, now } = context
  const started = now().getTime()
  let lastAt = started
  return (done, of) => {
    const at = now().getTime()
    const left = Math.ceil(((at - started) / done) * (of - done)) / 1000
    const line = `${done} of ${of} ${what}, about ${Math.ceil(left)} s left`
    if (io.stderrIsTerminal) io.stderr(`\r\u001b[K${done === of ? '' : line}`)
    else if (at - lastAt >= LINE_MS) io.stderr(`${line}\n`)
    if (at - lastAt >= LINE_MS) lastAt = at
  }
}

/** Reports on stderr how many items of each group are done and the share of each running item, as often as the other. */
export function createGroupProgress({
  context,
}: {
  readonly context: Context
}): (progress: Progress) => void {
  const { io, now } = context
  let lastAt = now().getTime()
  let shown = ''
  return ({ groups, running }) => {
    const counts = [...groups].map(([group, [done, of]]) => `${group} ${done}/${of}`)
    const shares = [...running].map(
      ([id, [done, of]]) => `${id} ${Math.floor((100 * done) / of)} %`,
    )
    const over = [...groups.values()].every(([done, of]) => done === of)
    const line = over ? '' : [...counts, ...shares].join('  ')
    const at = now().getTime()
    if (io.stderrIsTerminal && line !== shown) io.stderr(`\r\u001b[K${line}`)
    else if (!io.stderrIsTerminal && at - lastAt >= LINE_MS) {
      io.stderr(`${line}\n`)
      lastAt = at
    }
    shown = line
  }
}
