const NEWLINE = 0x0a

/** One line of an input, as bytes. */
export interface ByteLine {
  /** Without the line feed; the first `maxBytes` of a line that is too long. */
  readonly bytes: Buffer
  /** Offset of the first byte in the input. */
  readonly offset: number
  /** Whether a line feed ended it; false for a rest without one, and for a line reported early as too long. */
  readonly ended: boolean
  /** Whether the line exceeds `maxBytes`. */
  readonly tooLong: boolean
}

/**
 * Splits an input at line feeds, holding at most one chunk and `maxBytes`. A line over `maxBytes` is reported once, as
 * soon as its length is known, and its rest is skipped.
 */
export class LineSplitter {
  private readonly maxBytes: number
  private offset: number
  private rest: Buffer = Buffer.alloc(0)
  /** Whether the current line was reported as too long and is being skipped. */
  private skipping = false

  constructor(maxBytes: number, offset = 0) {
    this.maxBytes = maxBytes
    this.offset = offset
  }

  /** Yields the lines that end in this chunk, and the current one, with `ended` false, once it is too long. */
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

  /**
   * Yields the rest of the input, with `ended` false; nothing if the input ends with a line feed or the rest was
   * skipped.
   */
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
