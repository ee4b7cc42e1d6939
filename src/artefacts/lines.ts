import type { FileHandle } from 'node:fs/promises'
import { decodeUtf8OrNull } from '../core/text/utf8.ts'
import { type ByteLine, LineSplitter } from '../files/line-splitter.ts'
import { openToRead } from '../files/read-bounded.ts'
import type { ArtefactCode } from './problem.ts'

const CHUNK_BYTES = 262_144

/** One line of a file, numbered from 1: its text, or the code of its problem. */
export type TextLine =
  | { readonly line: number; readonly text: string }
  | { readonly line: number; readonly code: ArtefactCode; readonly text?: never }

/** An open file with its size in bytes at that time; later appends are not read. */
export interface RegularFile {
  readonly handle: FileHandle
  readonly size: number
}

/**
 * Yields the lines of a file, without line feeds and numbered from 1, up to its size when it was opened. A bad line has
 * a code in place of its text: `line_too_long`, `utf8_invalid`, or `byte_order_mark` at its start. Holds one chunk and
 * one line in memory; does not close the file.
 *
 * @param maxBytes limit of a line
 * @throws the system's error of a read
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
 * Opens a regular file, which can be read twice, unlike a pipe; the caller closes it. Never waits, also for a pipe.
 * @returns the handle and the size in bytes; null for a path of another kind
 * @throws the system's error, also for a missing path
 */
export async function openRegularFile(path: string): Promise<RegularFile | null> {
  const handle = await openToRead(path)
  const found = await handle.stat()
  if (found.isFile()) return { handle, size: found.size }
  await handle.close()
  return null
}
