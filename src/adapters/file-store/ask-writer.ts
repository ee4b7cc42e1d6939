import { withDeadline } from '../../concurrency/deadline.ts'
import { connectToWriter } from './writer-connection.ts'
import { findWriterSocket } from './writer-server.ts'

/**
 * Asks the writer of a folder, from a process that follows nothing, to end what it had begun to append.
 *
 * @returns whether it has answered within `boundMs`: a frozen one, or one that was replaced, does not
 * @throws the system's error for the folder
 */
export async function askWriter(folder: string, boundMs: number): Promise<boolean> {
  const socket = await findWriterSocket(folder)
  if (socket === null) return false
  let answer: (answered: boolean) => void = () => undefined
  const answered = new Promise<boolean>((resolve) => {
    answer = resolve
  })
  const channel = await connectToWriter(folder, socket, ({ kind }) => {
    if (kind === 'synced') answer(true)
  })
  if (channel === null) return false
  try {
    channel.send({ sync: 1, settles: true })
    const ended = channel.ended.then(() => false)
    return await withDeadline(Promise.race([answered, ended]), boundMs, () => false)
  } finally {
    channel.end()
  }
}
