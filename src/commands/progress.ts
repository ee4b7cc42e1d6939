import type { Progress } from '../features/probes/framework/run-probes.ts'
import type { Context } from './context.ts'

const LINE_MS = 60_000

/** On a terminal one line that counts, elsewhere a line a minute (page 8). */
export function createProgressLine(
  { context }: { readonly context: Context },
  what: string,
): (done: number, of: number) => void {
  const { io, now } = context
  const started = now().getTime()
  let told = started
  return (done, of) => {
    const at = now().getTime()
    const left = Math.ceil(((at - started) / done) * (of - done)) / 1000
    const line = `${done} of ${of} ${what}, about ${Math.ceil(left)} s left`
    if (io.stderrIsTerminal) io.stderr(`\r\u001b[K${done === of ? '' : line}`)
    else if (at - told >= LINE_MS) io.stderr(`${line}\n`)
    if (at - told >= LINE_MS) told = at
  }
}

/** How many items of each group are done, and how far those are that say so: on a terminal at once, elsewhere once a minute. */
export function createGroupProgress({
  context,
}: {
  readonly context: Context
}): (progress: Progress) => void {
  const { io, now } = context
  let told = now().getTime()
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
    else if (!io.stderrIsTerminal && at - told >= LINE_MS) {
      io.stderr(`${line}\n`)
      told = at
    }
    shown = line
  }
}
