// Loaded before a child with a file store: names each step that it takes on the disk, and sends a signal to itself at one.
//   FF_TEST_STEP  {"step": "datasync segment", "nth": 2, "signal": "SIGKILL"} in JSON: before the second such step
// A step is a call of node:fs/promises and the kind of its file. The line {"reached": step} goes out before the signal.
import { writeSync } from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const { step, nth, signal } = JSON.parse(process.env.FF_TEST_STEP)
const KINDS = [
  [/\/\.term-\d+$/, 'term'],
  [/\/log-[^/]+$/, 'segment'],
  [/\.new$/, 'snapshot'],
  [/\/\.lock$/, 'lock'],
  [/\/[^./]*$/, 'folder'],
]
const kindOf = (path) => KINDS.find(([form]) => form.test(String(path)))?.[1] ?? 'other'
let seen = 0

function reach(name) {
  if (name !== step) return
  seen += 1
  if (seen !== nth) return
  writeSync(1, `${JSON.stringify({ reached: step })}\n`)
  process.kill(process.pid, signal)
}

const { open, rename } = promises
promises.open = async (path, ...rest) => {
  const kind = kindOf(path)
  reach(`open ${kind}`)
  const file = await open(path, ...rest)
  for (const call of ['write', 'writeFile', 'sync', 'datasync']) {
    const real = file[call].bind(file)
    file[call] = (...args) => {
      reach(`${call} ${kind}`)
      return real(...args)
    }
  }
  return file
}
promises.rename = (from, to) => {
  reach(`rename ${kindOf(from)}`)
  return rename(from, to)
}
syncBuiltinESMExports()
