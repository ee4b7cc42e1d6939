import type { Progress } from '../features/probes/framework/run-probes.ts'
import type { Context } from './context.ts'

const LINE_MS = 60_000

/**
 * Makes a function that reports progress on stderr, with the seconds left: on a terminal one line that each call
 * rewrites and the last clears, elsewhere at most a line a minute.
 *
 * @param what the plural noun of the counted things
 */
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

/**
 * Makes a function that reports on stderr how many items of each group are done and the percentage of each running
 * item: on a terminal one line rewritten at each change, elsewhere at most a line a minute.
 */
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
