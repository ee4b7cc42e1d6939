import { withDeadline } from '../../concurrency/deadline.ts'
import { FfError } from '../../errors.ts'
import type { CarriedOut, NamedOperation } from '../../ports/cutover.ts'
import { fromSentError } from './hand-over.ts'
import { noWriterError, toStoreError } from './store-error.ts'
import { connectToWriter } from './writer-connection.ts'
import { findWriterSocket } from './writer-server.ts'

/**
 * Hands one change to the writer of a folder, as a follower does, from a process that follows nothing. Waits for no
 * successor: the caller gives the change again.
 *
 * @throws FfError `backing_unavailable` without a writer, `outcome_unknown` where it ends or is silent for `boundMs`; that
 *   of the side that refused the change
 */
export async function handToWriter(
  folder: string,
  operation: NamedOperation,
  boundMs: number,
): Promise<CarriedOut> {
  const { op_id } = operation.name
  let settle: (done: () => CarriedOut) => void = () => undefined
  const said = new Promise<() => CarriedOut>((resolve) => {
    settle = resolve
  })
  const channel = await connect(folder, (message) => {
    if (message.kind === 'done' && message.op_id === op_id) settle(() => message.done)
    if (message.kind === 'failed' && message.op_id === op_id)
      settle(() => {
        throw fromSentError(message.error)
      })
  })
  if (channel === null) throw noWriterError(folder)
  const lost = (): CarriedOut => {
    throw lostError(folder)
  }
  channel.send({ ...operation, since: null })
  const ended = channel.ended.then(() => lost)
  try {
    return (await withDeadline(Promise.race([said, ended]), boundMs, () => lost))()
  } finally {
    channel.end()
  }
}

async function connect(
  folder: string,
  receive: Parameters<typeof connectToWriter>[2],
): ReturnType<typeof connectToWriter> {
  try {
    const socket = await findWriterSocket(folder)
    return socket === null ? null : await connectToWriter(folder, socket, receive)
  } catch (error) {
    throw toStoreError(error, folder)
  }
}

const lostError = (folder: string): FfError =>
  new FfError('outcome_unknown', `The process that writes to ${folder} gave no answer.`, {
    hint: 'It may have ended, or be of an earlier version; `ff cutover status` shows it. Then run the command again.',
  })
