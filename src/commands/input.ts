/** One line of standard input; of one that is too long only the beginning. */
export interface Line {
  readonly text: string
  readonly whole: boolean
}

/** Splits text at line feeds, and never holds more than `max` characters of a line. */
class LineSplitter {
  private readonly max: number
  private text = ''
  /** Whether the line that comes was too long, and has been handed out. */
  private skipping = false

  constructor(max: number) {
    this.max = max
  }

  push(more: string): readonly Line[] {
    const [first = '', ...rest] = more.split('\n')
    return [...this.add(first), ...rest.flatMap((part) => [...this.end(), ...this.add(part)])]
  }

  /** The line that has no line feed at its end, where there is one. */
  rest(): readonly Line[] {
    return this.text === '' ? [] : this.end()
  }

  private add(part: string): readonly Line[] {
    if (this.skipping) return []
    this.text += part
    if (this.text.length <= this.max) return []
    const text = this.text.slice(0, this.max)
    this.text = ''
    this.skipping = true
    return [{ text, whole: false }]
  }

  private end(): readonly Line[] {
    const ended = this.skipping ? [] : [{ text: this.text, whole: true }]
    this.text = ''
    this.skipping = false
    return ended
  }
}

/** The lines of what comes in; one that is longer than `max` is handed out as soon as it is, and its rest passed over. */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  max: number,
): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const splitter = new LineSplitter(max)
  for await (const chunk of chunks) yield* splitter.push(decoder.decode(chunk, { stream: true }))
  yield* splitter.push(decoder.decode())
  yield* splitter.rest()
}
