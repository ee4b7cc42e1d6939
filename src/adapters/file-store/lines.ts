import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'
import crc32c from 'crc-32/crc32c.js'
import { type ByteLine, LineSplitter } from '../../files/line-splitter.ts'

const CHUNK_BYTES = 262_144
/** More than any line that this store writes: a value, the value twice in its audit record, and room. */
export const MAX_STORED_LINE_BYTES = 1_048_576

/** Damage: a line is longer than any that this store writes. `toStoreError` maps it to `store_corrupt`. */
export class LineTooLong extends Error {}

/**
 * Yields the lines of a file from a byte offset on, each without its newline and with its offset in the file; a last
 * line without a newline has `ended` false. Nothing for an empty file.
 * @param file the open file, which stays open, where the path may name another one by now
 * @throws LineTooLong for a line over 1 MiB; the system's error
 */
export async function* readFileLines(
  path: string,
  start = 0,
  file?: FileHandle,
): AsyncGenerator<ByteLine> {
  const lines = new LineSplitter(MAX_STORED_LINE_BYTES, start)
  const opened = file === undefined ? {} : { fd: file, autoClose: false }
  const chunks = createReadStream(path, { ...opened, start, highWaterMark: CHUNK_BYTES })
  for await (const chunk of chunks as AsyncIterable<Buffer>) {
    for (const line of lines.push(chunk)) {
      if (line.tooLong)
        throw new LineTooLong(
          `a line of ${basename(path)} is longer than ${MAX_STORED_LINE_BYTES} bytes`,
        )
      yield line
    }
  }
  yield* lines.end()
}

const formatChecksum = (sum: number): string => (sum >>> 0).toString(16).padStart(8, '0')
const checksum = (bytes: Buffer): string => formatChecksum(crc32c.buf(bytes))

/** Formats a log line: CRC-32C of the JSON as UTF-8 in eight hexadecimal digits, a space, the JSON, a newline. */
export function sealLogLine(json: string): string {
  return `${checksum(Buffer.from(json, 'utf8'))} ${json}\n`
}

/**
 * Returns the JSON text of a log line that comes without its newline; null if the checksum does not match or there is
 * none. Does not parse the JSON.
 */
export function unsealLogLine(bytes: Buffer): string | null {
  const json = bytes.subarray(9)
  const held =
    bytes.length > 9 && bytes[8] === 0x20 && bytes.toString('latin1', 0, 8) === checksum(json)
  return held ? json.toString('utf8') : null
}

const BRACE = 0x7d
/** Whether the bytes begin with a log line whose checksum matches, and which another byte than a newline follows. */
export function lacksNewline(bytes: Buffer): boolean {
  const expected = bytes.toString('latin1', 0, 8)
  let [from, sum] = [9, 0]
  for (let end = bytes.indexOf(BRACE, from) + 1; end > 0 && end < bytes.length;) {
    sum = crc32c.buf(bytes.subarray(from, end), sum)
    if (formatChecksum(sum) === expected) return true
    from = end
    end = bytes.indexOf(BRACE, from) + 1
  }
  return false
}
