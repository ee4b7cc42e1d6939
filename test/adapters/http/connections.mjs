/**
 * A client in a thread of its own, so that it works while the server does. Opens connections and says `connected`. Sends
 * their requests at once where `eager`, else at `send`, shortly after it has said `sending`. Says how many ended how once
 * all of them have ended.
 */
import { connect } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

const { port, count, everyMs, eager } = workerData
const GET = 'GET /slow HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'
const ends = {}
const sockets = []
let left = count

function end(how) {
  ends[how] = (ends[how] ?? 0) + 1
  left -= 1
  if (left === 0) parentPort.postMessage(ends)
}
function open(connected) {
  const socket = connect({ port, host: '127.0.0.1' })
  let [answer, failure] = ['', null]
  sockets.push(socket)
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
  socket.on('error', (error) => (failure = error.code))
  socket.on('connect', () => {
    if (eager) socket.write(GET)
    connected()
  })
  socket.on('close', () => end(answer.startsWith('HTTP/1.1 200') ? 'answered' : (failure ?? 'cut')))
}

parentPort.on('message', () => {
  parentPort.postMessage('sending')
  setTimeout(() => sockets.forEach((socket) => socket.write(GET)), 50)
})
let connected = 0
const note = () => {
  connected += 1
  if (connected === count) parentPort.postMessage('connected')
}
if (everyMs === 0) for (let at = 0; at < count; at += 1) open(note)
else {
  let opened = 0
  const timer = setInterval(() => {
    open(note)
    opened += 1
    if (opened === count) clearInterval(timer)
  }, everyMs)
}
