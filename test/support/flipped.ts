/** Copies with one flipped bit: in the first byte, in the last, and in `between` bytes spread between them. */
export function* flipped(
  bytes: Buffer,
  between: number,
): Generator<readonly [at: number, changed: Buffer]> {
  for (let step = 0; step <= between + 1; step += 1) {
    const at = Math.floor((step * (bytes.length - 1)) / (between + 1))
    const changed = Buffer.from(bytes)
    changed[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
    yield [at, changed]
  }
}
