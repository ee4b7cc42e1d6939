// A thread that runs `ff gate` in a folder for each message, so that the attacks use every core. Answers with the exit
// status. No attack changes the build, so its digest is kept.
import { Readable } from 'node:stream'
import { parentPort } from 'node:worker_threads'
import { adapters } from '../../dist/src/composition.js'
import { main } from '../../dist/src/main.js'

let build
const quick = {
  ...adapters,
  buildDigest: async (root) => (build ??= await adapters.buildDigest(root)),
}
const io = {
  stdout: async () => undefined,
  stderr: () => undefined,
  tryStderr: (bytes) => bytes.length,
  stdin: () => Readable.from([]),
  terminal: async () => null,
  page: () => Promise.resolve(false),
  screenSize: () => null,
  stdoutIsTerminal: false,
  stderrIsTerminal: false,
}

async function judge({ args, cwd, env, now }) {
  const onSignal = () => () => undefined
  const given = { cwd, env, io, onSignal, adapters: quick, now: () => new Date(now) }
  parentPort.postMessage(await main(given, ['node', 'ff', ...args]))
}
parentPort.on('message', (order) => void judge(order))
