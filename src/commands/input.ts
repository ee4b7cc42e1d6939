import { type ByteLine, LineSplitter } from '../files/line-splitter.ts'

/** One line of standard input; `whole` is false for a line over the limit, whose text is cut. */
export interface InputLine {
  readonly text: string
  readonly whole: boolean
}

/**
 * Splits chunks into lines without line feeds, a last one without it included; invalid UTF-8 becomes U+FFFD. A line
 * over `maxBytes` bytes is yielded cut, with `whole` false, as soon as it passes the limit, and its rest is skipped.
 * Nothing for empty input.
 * @throws the error of `chunks`
 */
export async function* readInputLines(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<InputLine> {
  const lines = new LineSplitter(maxBytes)
  for await (const chunk of chunks)
    for (const line of lines.push(Buffer.from(chunk))) yield toLine(line)
  for (const line of lines.end()) yield toLine(line)
}

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })
const toLine = ({ bytes, tooLong }: ByteLine): InputLine => ({
  text: UTF8.decode(bytes),
  whole: !tooLong,
})
