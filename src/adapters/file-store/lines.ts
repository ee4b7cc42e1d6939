import { createReadStream } from 'node:fs'
import crc32c from 'crc-32/crc32c.js'
import { type ByteLine, LineSplitter } from '../../files/line-splitter.ts'

const CHUNK_BYTES = 262_144
/** Longer than any line this store writes: a value, twice in its audit record, and room. */
const MAX_LINE_BYTES = 1_048_576

/** A line that no writer of this store can have made. */
export class LineTooLong extends Error {}

/** Yields the lines of a file from an offset on. @throws LineTooLong */
export async function* readFileLines(path: string, start = 0): AsyncGenerator<ByteLine> {
  const lines = new LineSplitter(MAX_LINE_BYTES, start)
  const chunks = createReadStream(path, { start, highWaterMark: CHUNK_BYTES })
  for await (const chunk of chunks as AsyncIterable<Buffer>) {
    for (const line of lines.push(chunk)) {
      if (line.tooLong) throw new LineTooLong(path)
      yield line
    }
  }
  yield* lines.end()
}

const checksum = (bytes: Buffer): string => (crc32c.buf(bytes) >>> 0).toString(16).padStart(8, '0')

/** A log line: CRC-32C of the JSON, a space, the JSON, a newline. */
export function sealLogLine(json: string): string {
  return `${checksum(Buffer.from(json, 'utf8'))} ${json}\n`
}

/** The JSON of a sealed line without its newline; null where the checksum does not hold. */
export function unsealLogLine(bytes: Buffer): string | null {
  const json = bytes.subarray(9)
  const held =
    bytes.length > 9 && bytes[8] === 0x20 && bytes.toString('latin1', 0, 8) === checksum(json)
  return held ? json.toString('utf8') : null
}
