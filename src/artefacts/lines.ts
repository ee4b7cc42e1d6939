import type { FileHandle } from 'node:fs/promises'
import { decodeUtf8OrNull } from '../core/text/utf8.ts'
import { type ByteLine, LineSplitter } from '../files/line-splitter.ts'
import { openToRead } from '../files/read-bounded.ts'
import type { ArtefactCode } from './problem.ts'

const CHUNK_BYTES = 262_144

/** One line of a file, from 1 on: its text, or why it has none. */
export type TextLine =
  | { readonly line: number; readonly text: string }
  | { readonly line: number; readonly code: ArtefactCode; readonly text?: never }

/** A file as far as it went when it was opened: what is appended later is not of it. */
export interface RegularFile {
  readonly handle: FileHandle
  readonly size: number
}

/**
 * The lines of a file, without repairing anything, and never more of it in memory than a chunk and a line.
 *
 * @param maxBytes of a longer line only that it is too long is told
 */
export async function* readTextLines(
  { handle, size }: RegularFile,
  maxBytes: number,
): AsyncGenerator<TextLine> {
  const lines = new LineSplitter(maxBytes)
  let [line, position] = [1, 0]
  while (position < size) {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - position))
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, position)
    if (bytesRead === 0) break
    position += bytesRead
    for (const one of lines.push(chunk.subarray(0, bytesRead))) {
      yield toText(one, line)
      line += 1
    }
  }
  for (const one of lines.end()) yield toText(one, line)
}

const BYTE_ORDER_MARK = '\ufeff'

function toText({ bytes, tooLong }: ByteLine, line: number): TextLine {
  if (tooLong) return { line, code: 'line_too_long' }
  const text = decodeUtf8OrNull(bytes)
  if (text === null) return { line, code: 'utf8_invalid' }
  return text.startsWith(BYTE_ORDER_MARK) ? { line, code: 'byte_order_mark' } : { line, text }
}

/**
 * Opens what can be read twice.
 *
 * @returns null for anything but a file @throws what the system says of the path
 */
export async function openRegularFile(path: string): Promise<RegularFile | null> {
  const handle = await openToRead(path)
  const found = await handle.stat()
  if (found.isFile()) return { handle, size: found.size }
  await handle.close()
  return null
}
