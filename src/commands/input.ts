import { type ByteLine, LineSplitter } from '../files/line-splitter.ts'

/** One line of standard input; of one that is too long only the beginning. */
export interface InputLine {
  readonly text: string
  readonly whole: boolean
}

/** The lines of what comes in; one that is too long is handed out as soon as it is, and its rest passed over. */
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
