/** One line of standard input; of one that is too long only the beginning. */
export interface Line {
  readonly text: string
  readonly whole: boolean
}

/** Splits what comes in at line feeds, and never holds more than `max` characters of a line. */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  max: number,
): AsyncGenerator<Line> {
  const decoder = new TextDecoder()
  let text = ''
  let dropped = 0
  const add = (more: string): void => {
    const room = Math.max(max - text.length, 0)
    text += more.slice(0, room)
    dropped += Math.max(more.length - room, 0)
  }
  const end = (): Line => {
    const line = { text, whole: dropped === 0 }
    text = ''
    dropped = 0
    return line
  }
  for await (const chunk of chunks) {
    const [first = '', ...rest] = decoder.decode(chunk, { stream: true }).split('\n')
    add(first)
    for (const next of rest) {
      yield end()
      add(next)
    }
  }
  add(decoder.decode())
  if (text !== '' || dropped > 0) yield end()
}
