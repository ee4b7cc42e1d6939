import type { LineBuffer } from './line-buffer.ts'

const [QUOTE, BACKSLASH, COMMA, COLON, SPACE] = [0x22, 0x5c, 0x2c, 0x3a, 0x20]
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d]
const [ZERO, NINE, MINUS] = [0x30, 0x39, 0x2d]
/** A double represents every integer of this many digits, so such integers are canonical already. */
const SAFE_DIGITS = 15
/** Values may be deeper; those go through the parser. */
const MAX_DEPTH = 16

/**
 * Writes the text of a `jsonb` object or list in RFC 8785 form, if removing blanks is enough: member names and strings
 * are ASCII without a backslash, names are sorted at every level (so they do not repeat), every number is an integer
 * of at most 15 characters, and the depth is at most 16. The caller has reserved room.
 *
 * @returns true once written; false if it is not enough, then nothing is written, and the caller parses the text
 */
export function writeTree(out: LineBuffer, data: Buffer, span: readonly [number, number]): boolean {
  const start = out.at
  if (new TreeWriter(out, data, span).writeAll()) return true
  out.at = start
  return false
}

class TreeWriter {
  private readonly out: LineBuffer
  private readonly data: Buffer
  private readonly end: number
  private at: number

  constructor(out: LineBuffer, data: Buffer, [from, end]: readonly [number, number]) {
    this.out = out
    this.data = data
    this.at = from
    this.end = end
  }

  writeAll(): boolean {
    return this.writeValue(0) && this.at === this.end
  }

  private writeValue(depth: number): boolean {
    const first = this.data[this.at] as number
    if (first === QUOTE) return this.copyString()
    if (first === OPEN_OBJECT) return depth < MAX_DEPTH && this.writeObject(depth)
    if (first === OPEN_LIST) return depth < MAX_DEPTH && this.writeList(depth)
    return first === MINUS || (first >= ZERO && first <= NINE)
      ? this.copyInteger()
      : this.copyWord()
  }

  private writeObject(depth: number): boolean {
    this.copyByte()
    if (this.data[this.at] === CLOSE_OBJECT) return this.copyByte()
    let [before, beforeEnd] = [0, 0]
    for (;;) {
      const name = this.at
      if (!this.copyString()) return false
      if (beforeEnd > 0 && !this.isSorted([before, beforeEnd], name)) return false
      ;[before, beforeEnd] = [name, this.at]
      if (this.data[this.at] !== COLON) return false
      this.copyByte()
      this.skipBlank()
      if (!this.writeValue(depth + 1)) return false
      if (this.data[this.at] === CLOSE_OBJECT) return this.copyByte()
      if (this.data[this.at] !== COMMA) return false
      this.copyByte()
      this.skipBlank()
    }
  }

  private writeList(depth: number): boolean {
    this.copyByte()
    if (this.data[this.at] === CLOSE_LIST) return this.copyByte()
    for (;;) {
      if (!this.writeValue(depth + 1)) return false
      if (this.data[this.at] === CLOSE_LIST) return this.copyByte()
      if (this.data[this.at] !== COMMA) return false
      this.copyByte()
      this.skipBlank()
    }
  }

  /** True if the name just read sorts after the one before; both spans include their quotes. */
  private isSorted([before, beforeEnd]: readonly [number, number], name: number): boolean {
    const { data } = this
    const shorter = Math.min(beforeEnd - before, this.at - name) - 1
    for (let offset = 1; offset < shorter; offset += 1) {
      const [a, b] = [data[before + offset] as number, data[name + offset] as number]
      if (a !== b) return a < b
    }
    return beforeEnd - before < this.at - name
  }

  /** Copies a string of ASCII without a backslash, whose bytes sort as RFC 8785 sorts names; false for any other. */
  private copyString(): boolean {
    const { data, end } = this
    let at = this.at + 1
    for (; at < end; at += 1) {
      const byte = data[at] as number
      if (byte === QUOTE) break
      if (byte === BACKSLASH || byte > 0x7e) return false
    }
    this.out.copy(data, this.at, at + 1)
    this.at = at + 1
    return true
  }

  private copyInteger(): boolean {
    const { data } = this
    let at = this.at + 1
    for (let byte = data[at] as number; byte >= ZERO && byte <= NINE; byte = data[at] as number)
      at += 1
    if (at - this.at > SAFE_DIGITS || isFractional(data[at])) return false
    this.out.copy(data, this.at, at)
    this.at = at
    return true
  }

  /** `true`, `false` or `null`. */
  private copyWord(): boolean {
    const { data, end } = this
    let { at } = this
    for (; at < end; at += 1) {
      const byte = data[at] as number
      if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_LIST) break
    }
    this.out.copy(data, this.at, at)
    this.at = at
    return true
  }

  private copyByte(): true {
    this.out.writeByte(this.data[this.at] as number)
    this.at += 1
    return true
  }

  private skipBlank(): void {
    if (this.data[this.at] === SPACE) this.at += 1
  }
}

/** True for `.`; `jsonb` prints no exponents. */
const isFractional = (byte: number | undefined): boolean => byte === 0x2e
