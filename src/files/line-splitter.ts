const NEWLINE = 0x0a

export interface ByteLine {
  /** Without its line feed; of a line that is too long only the beginning. */
  readonly bytes: Buffer
  /** Offset of its first byte. */
  readonly offset: number
  /** Whether a line feed ended it; false for the rest of an input that ends without one. */
  readonly ended: boolean
  readonly tooLong: boolean
}

/**
 * Splits an input at line feeds, and never holds more than a chunk and `maxBytes`. A line that is longer comes out
 * once, as soon as that is known, and its rest is passed over.
 */
export class LineSplitter {
  private readonly maxBytes: number
  private offset: number
  private rest: Buffer = Buffer.alloc(0)
  /** Whether the line that is passed over has come out as too long. */
  private skipping = false

  constructor(maxBytes: number, offset = 0) {
    this.maxBytes = maxBytes
    this.offset = offset
  }

  /** The lines that end in this chunk, and one that is too long by now. */
  *push(chunk: Buffer): Generator<ByteLine> {
    let data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE)) {
      if (!this.skipping) yield this.line(data.subarray(0, end), true)
      this.skipping = false
      this.offset += end + 1
      data = data.subarray(end + 1)
    }
    if (!this.skipping && data.length > this.maxBytes) {
      yield this.line(data, false)
      this.skipping = true
    }
    if (this.skipping) this.offset += data.length
    this.rest = this.skipping ? Buffer.alloc(0) : data
  }

  /** What no line feed ended, where there is something. */
  *end(): Generator<ByteLine> {
    if (this.rest.length > 0) yield this.line(this.rest, false)
    this.rest = Buffer.alloc(0)
  }

  private line(all: Buffer, ended: boolean): ByteLine {
    const tooLong = all.length > this.maxBytes
    return {
      bytes: tooLong ? all.subarray(0, this.maxBytes) : all,
      offset: this.offset,
      ended,
      tooLong,
    }
  }
}
