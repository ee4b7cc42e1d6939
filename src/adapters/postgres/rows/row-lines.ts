import { canonicalize, canonicalizeNumber } from '../../../core/json/canonical.ts'
import { parseLosslessJson } from '../../../core/json/read.ts'
import { measureDepth } from '../../../core/rows/decode-row.ts'
import { MAX_VALUE_BYTES, MAX_VALUE_DEPTH } from '../../../core/rows/grammar.ts'
import type { TableName } from '../../../core/rows/rows.ts'
import type { RowBatch } from '../../../ports/rows.ts'
import { LineBuffer } from './line-buffer.ts'
import type { SelectedColumn } from './select-rows.ts'
import { InstantWriter } from './write-instant.ts'
import { writeTree } from './write-tree.ts'

/** Signature, flags and extension length (PostgreSQL manual, COPY, binary format); the server sends no extension. */
const HEADER_BYTES = 19
/** The longest JSON escape of one byte: `\u0000`. */
const GROWTH = 6
/** More than the member names and the frame of a row. */
const FRAME_BYTES = 2_048
const QUOTE = 0x22
const BACKSLASH = 0x5c
const [LINE_FEED, CARRIAGE_RETURN, BLANK] = [0x0a, 0x0d, 0x20]
const OPEN = Buffer.from('{"row":{')

/**
 * Converts a binary COPY of one table into the lines of a snapshot. Copies most bytes without parsing them. A line is
 * `unsure` if the database does not guarantee that its row fits the row schema.
 */
export class RowLines {
  private readonly table: TableName
  private readonly columns: readonly SelectedColumn[]
  private readonly tail: Buffer
  private readonly instants = new InstantWriter()
  private rest: Buffer = Buffer.alloc(0)
  private headerRead = false
  private out = new LineBuffer()
  private sure = true

  constructor(table: TableName, columns: readonly SelectedColumn[]) {
    this.table = table
    this.columns = columns
    this.tail = Buffer.from(`},"table":"${table}"}\n`)
  }

  /**
   * Returns the lines of all rows that are complete, without bytes if none is; keeps the rest for the next chunk.
   * `unsure` lists the byte offsets of the lines that need a check.
   */
  push(chunk: Buffer): RowBatch {
    const data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    this.out = new LineBuffer(data.length * 3)
    const unsure: number[] = []
    let from = this.headerRead || data.length < HEADER_BYTES ? 0 : HEADER_BYTES
    this.headerRead ||= from > 0
    if (this.headerRead) {
      for (;;) {
        const start = this.out.at
        this.sure = true
        const end = this.writeRow(data, from)
        if (end < 0) {
          this.out.at = start
          break
        }
        if (!this.sure) unsure.push(start)
        from = end
      }
    }
    this.rest = data.subarray(from)
    return { table: this.table, bytes: this.out.bytes.subarray(0, this.out.at), unsure }
  }

  /** @returns the offset behind the row; -1 for an incomplete row and for the trailer, then the caller discards the output */
  private writeRow(data: Buffer, from: number): number {
    const { out } = this
    const size = data.length
    if (from + 2 > size || data.readInt16BE(from) < 0) return -1
    out.reserve(FRAME_BYTES)
    out.copy(OPEN, 0, OPEN.length)
    let at = from + 2
    let first = true
    for (const column of this.columns) {
      if (at + 4 > size) return -1
      const length = data.readInt32BE(at)
      at += 4
      if (length < 0) continue
      if (at + length > size) return -1
      out.reserve(length * GROWTH + FRAME_BYTES)
      const name = first ? column.first : column.next
      out.copy(name, 0, name.length)
      first = false
      this.writeField(column, data, [at, at + length])
      at += length
    }
    out.copy(this.tail, 0, this.tail.length)
    return at
  }

  private writeField({ kind }: SelectedColumn, data: Buffer, [from, end]: Span): void {
    if (kind === 'plain') return this.out.copy(data, from, end)
    if (kind === 'word') return this.writeQuoted(data, from, end)
    if (kind === 'instant') {
      this.sure =
        this.instants.write(this.out, data.readInt32BE(from), data.readUInt32BE(from + 4)) &&
        this.sure
      return
    }
    if (kind === 'prose') return this.writeProse(data, from, end)
    if (kind === 'value') {
      const start = this.out.at
      this.writeValue(data, from, end)
      this.sure &&= this.out.at - start <= MAX_VALUE_BYTES // The DDL has no limit for this.
      return
    }
    this.sure = false
    this.writeRaw(data, from, end)
  }

  /** A `json` column may have line breaks between its tokens; writes them as blanks. */
  private writeRaw(data: Buffer, from: number, end: number): void {
    for (let at = from; at < end; at += 1) {
      const byte = data[at] as number
      this.out.writeByte(byte === LINE_FEED || byte === CARRIAGE_RETURN ? BLANK : byte)
    }
  }

  private writeQuoted(data: Buffer, from: number, end: number): void {
    this.out.writeByte(QUOTE)
    this.out.copy(data, from, end)
    this.out.writeByte(QUOTE)
  }

  private writeProse(data: Buffer, from: number, end: number): void {
    for (let at = from; at < end; at += 1) {
      const byte = data[at] as number
      if (byte < 0x20 || byte === QUOTE || byte === BACKSLASH)
        return this.out.writeText(JSON.stringify(data.toString('utf8', from, end)))
    }
    this.writeQuoted(data, from, end)
  }

  /** `jsonb` prints objects and lists with blanks, and members sorted by length; other values are in RFC 8785 form. */
  private writeValue(data: Buffer, from: number, end: number): void {
    const first = data[from] as number
    if (first === 0x7b || first === 0x5b) {
      if (!writeTree(this.out, data, [from, end]))
        this.writeCanonical(data.toString('utf8', from, end))
      return
    }
    if (first === 0x2d || (first >= 0x30 && first <= 0x39)) {
      const lexeme = data.toString('latin1', from, end)
      this.sure &&= canonicalizeNumber(lexeme) === lexeme
    }
    this.out.copy(data, from, end)
  }

  private writeCanonical(text: string): void {
    const read = parseLosslessJson(text)
    const form = read.ok ? canonicalize(read.node, { at: '', origin: 'stored' }) : null
    this.sure &&= form?.ok === true && read.ok && measureDepth(read.node) <= MAX_VALUE_DEPTH
    this.out.writeText(form?.ok === true ? form.text : text) // A value without a canonical form is written unchanged.
  }
}

type Span = readonly [from: number, end: number]
