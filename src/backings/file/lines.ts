import { createReadStream } from 'node:fs'
import crc32c from 'crc-32/crc32c.js'

const NEWLINE = 0x0a
/** Longer than any line this store writes: a value, twice in its audit record, and room. */
const MAX_LINE_BYTES = 1_048_576

export interface Line {
  readonly bytes: Buffer
  /** False for the last piece of a file that does not end in a newline. */
  readonly ended: boolean
  /** Offset of the line's first byte. */
  readonly offset: number
}
/** A line that no writer of this store can have made. */
export class LineTooLong extends Error {}

/** Yields the lines of a file from an offset on, never holding more than one chunk and one line. */
export async function* readLines(path: string, start = 0): AsyncGenerator<Line> {
  let rest: Buffer = Buffer.alloc(0)
  let offset = start
  for await (const chunk of createReadStream(path, {
    start,
    highWaterMark: 262_144,
  }) as AsyncIterable<Buffer>) {
    let data: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE)) {
      yield { bytes: data.subarray(0, end), ended: true, offset }
      offset += end + 1
      data = data.subarray(end + 1)
    }
    if (data.length > MAX_LINE_BYTES) throw new LineTooLong(path)
    rest = data
  }
  if (rest.length > 0) yield { bytes: rest, ended: false, offset }
}

const checksum = (bytes: Buffer): string => (crc32c.buf(bytes) >>> 0).toString(16).padStart(8, '0')

/** A log line: CRC-32C of the JSON, a space, the JSON, a newline. */
export function sealLine(json: string): string {
  return `${checksum(Buffer.from(json, 'utf8'))} ${json}\n`
}

/** The JSON of a sealed line without its newline; null where the checksum does not hold. */
export function openLine(bytes: Buffer): string | null {
  const json = bytes.subarray(9)
  const held =
    bytes.length > 9 && bytes[8] === 0x20 && bytes.toString('latin1', 0, 8) === checksum(json)
  return held ? json.toString('utf8') : null
}
