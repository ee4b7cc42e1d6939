const START_BYTES = 262_144
const ZERO = 0x30

/**
 * A growing byte buffer. It copies short pieces byte by byte, because a call of `Buffer.copy` or of an encoder costs
 * more than the piece, and a million rows have ten million pieces.
 */
export class LineBuffer {
  bytes: Buffer
  at = 0

  constructor(size = 0) {
    this.bytes = Buffer.allocUnsafe(Math.max(START_BYTES, size))
  }

  /** Makes room for `size` bytes. `writeByte`, `copy`, `writeTwoDigits` and `writeThreeDigits` do not check for room. */
  reserve(size: number): void {
    if (this.at + size <= this.bytes.length) return
    const larger = Buffer.allocUnsafe((this.at + size) * 2)
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }

  /** Appends one byte, without a check for room. */
  writeByte(byte: number): void {
    this.bytes[this.at++] = byte
  }

  /** Appends the bytes of `from` in this range, the end excluded, without a check for room. */
  copy(from: Buffer, start: number, end: number): void {
    const { bytes } = this
    let { at } = this
    if (end - start > 64) at += from.copy(bytes, at, start, end)
    else for (let next = start; next < end; next += 1) bytes[at++] = from[next] as number
    this.at = at
  }

  /** Appends a text as UTF-8, and makes room for it. */
  writeText(text: string): void {
    this.reserve(text.length * 3)
    this.at += this.bytes.write(text, this.at)
  }

  /** A number below 100 as two digits. */
  writeTwoDigits(number: number): void {
    const tens = (number * 205) >> 11
    this.bytes[this.at] = ZERO + tens
    this.bytes[this.at + 1] = ZERO + number - tens * 10
    this.at += 2
  }

  /** A number below 1,000 as three digits. */
  writeThreeDigits(number: number): void {
    const hundreds = Math.floor(number / 100)
    this.bytes[this.at++] = ZERO + hundreds
    this.writeTwoDigits(number - hundreds * 100)
  }
}
