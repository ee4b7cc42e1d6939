import { paritySelftest } from '../app/selftest/parity-selftest.ts'
import type { Invocation } from './context.ts'
import { toRequest } from './parity.ts'
import { runReport } from './run-report.ts'

const LINE_MS = 60_000

export const selftest = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async (signal) => {
    const request = await toRequest(invocation, signal)
    const progress = progressTo(invocation)
    return paritySelftest({ ...request, progress })
  })

/** On a terminal one line that counts, elsewhere a line a minute (page 8). */
function progressTo({ context }: Invocation): (done: number, of: number) => void {
  const { io, now } = context
  const started = now().getTime()
  let told = started
  return (done, of) => {
    const at = now().getTime()
    const left = Math.ceil(((at - started) / done) * (of - done)) / 1000
    const line = `${done} of ${of} faults, about ${Math.ceil(left)} s left`
    if (io.stderrIsTerminal) io.stderr(`\r\u001b[K${done === of ? '' : line}`)
    else if (at - told >= LINE_MS) io.stderr(`${line}\n`)
    if (at - told >= LINE_MS) told = at
  }
}
