import { open } from 'node:fs/promises'
import { connect } from 'node:net'
import type { HandedOperation, SyncRequest, WriterMessage } from './hand-over.ts'
import { LineChannel } from './line-channel.ts'
import { toSocketPath, type WriterSocket } from './writer-server.ts'

/** The connection of a follower to the writer. */
export type WriterChannel = LineChannel<HandedOperation | SyncRequest, WriterMessage>

/** Connects to a writer; null where its process is gone. @throws the system's error for the folder */
export async function connectToWriter(
  folder: string,
  { name }: WriterSocket,
  receive: (message: WriterMessage, from: WriterChannel) => void,
): Promise<WriterChannel | null> {
  const held = await open(folder, 'r')
  try {
    const socket = connect(toSocketPath(held, name))
    const channel: WriterChannel = new LineChannel(socket, (message) => receive(message, channel))
    const isOpen = await Promise.race([
      new Promise<boolean>((resolve) => void socket.once('connect', () => resolve(true))),
      channel.ended.then(() => false),
    ])
    return isOpen ? channel : null
  } finally {
    await held.close()
  }
}
