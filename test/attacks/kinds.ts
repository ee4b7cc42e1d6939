import type { Files } from './folder.ts'

/** Something that is no regular file: a pipe without a writer, an endless device, a file too large to read. */
export type Odd = 'pipe' | 'device' | 'endless file'
/** The new content of a file; null deletes it. */
export type Change = Buffer | Odd | null

/** One way to change the files of a gate. */
export interface Attack {
  /** The changed file; of several, the first. */
  readonly file: string
  readonly kind: string
  /** The place or the source of the change. */
  readonly what: string
  readonly changes: ReadonlyMap<string, Change>
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
const BASE64URL = `${LETTERS.toUpperCase()}${LETTERS}0123456789-_`
const next = (alphabet: string, one: string): string =>
  alphabet[(alphabet.indexOf(one) + 1) % alphabet.length] ?? one

/** Classes of bytes: where they are, and what each becomes. */
const FLIPS: Readonly<Record<string, readonly [found: RegExp, change: (one: string) => string]>> = {
  digit: [/[0-9]/g, (one) => next('0123456789', one)],
  letter: [/[A-Za-z]/g, (one) => next(one < 'a' ? LETTERS.toUpperCase() : LETTERS, one)],
  quote: [/"/g, () => "'"],
  brace: [/[{}[\]]/g, (one) => ({ '{': '[', '[': '{', '}': ']' })[one] ?? '}'],
  'line feed': [/\n/g, () => ' '],
  // Also its last character, of which four bits mean nothing.
  signature: [/(?<="(?:signature|jws)": ?"[^"]*)[\w-]/g, (one) => next(BASE64URL, one)],
  'end of a signature': [
    /(?<="(?:signature|jws)": ?"[^"]*)[\w-](?=")/g,
    (one) => next(BASE64URL, one),
  ],
  bit: [/[^]/g, (one) => String.fromCodePoint((one.codePointAt(0) ?? 0) ^ 1)],
}

/** At most so many of a list, spread over it, with its first and its last. */
function spread<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all
  if (most === 1) return [all[all.length >> 1] as T]
  return Array.from(
    { length: most },
    (_, at) => all[Math.floor((at * (all.length - 1)) / (most - 1))] as T,
  )
}

type Variants = (text: string, most: number) => readonly (readonly [what: string, text: string])[]

const flip =
  ([found, change]: readonly [RegExp, (one: string) => string]): Variants =>
  (text, most) =>
    spread([...text.matchAll(found)], most).map(({ 0: one, index }) => [
      `byte ${index}`,
      `${text.slice(0, index)}${change(one)}${text.slice(index + 1)}`,
    ])

/** Each line with its line feed. */
const toLines = (text: string): readonly string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? []
const byLine =
  (change: (lines: readonly string[], at: number) => readonly string[]): Variants =>
  (text, most) => {
    const lines = toLines(text)
    const places = spread([...lines.keys()], most)
    return places.map((at) => [`line ${at + 1}`, change(lines, at).join('')])
  }

/** The ways to change one file alone, by kind. */
const ALONE: Readonly<Record<string, Variants>> = {
  ...Object.fromEntries(Object.entries(FLIPS).map(([name, one]) => [`flipped ${name}`, flip(one)])),
  'cut before a line': byLine((lines, at) => lines.slice(0, at)),
  'cut within a line': byLine((lines, at) => [
    ...lines.slice(0, at),
    (lines[at] ?? '').slice(0, (lines[at] ?? '').length >> 1),
  ]),
  'a line less': byLine((lines, at) => lines.toSpliced(at, 1)),
  'a line twice': byLine((lines, at) => lines.toSpliced(at, 0, lines[at] ?? '')),
  'two lines swapped': byLine((lines, at) =>
    lines.toSpliced(at, 2, ...lines.slice(at, at + 2).toReversed()),
  ),
  'space added': (text) => [
    ['in front', ` ${text}`],
    ['at the end', `${text} `],
    ['a line feed at the end', `${text}\n`],
    ['after the first comma', text.replace(',', ', ')],
  ],
}

const ODD: readonly Odd[] = ['pipe', 'device', 'endless file']

/** The ways to change one file, without those that leave it as it is. At most so many of each kind. */
export function* changeAlone(files: Files, file: string, most: number): Generator<Attack> {
  const bytes = files.get(file) ?? Buffer.alloc(0)
  const text = bytes.toString('latin1')
  const one = (kind: string, what: string, change: Change): Attack => ({
    file,
    kind,
    what,
    changes: new Map([[file, change]]),
  })
  for (const [kind, variants] of Object.entries(ALONE))
    for (const [what, changed] of variants(text, most))
      if (changed !== text) yield one(kind, what, Buffer.from(changed, 'latin1'))
  yield one('deleted', '', null)
  yield one('emptied', '', Buffer.alloc(0))
  for (const odd of ODD) yield one(odd, '', odd)
}

/** Each file that differs in another folder, each pair of them, and all of them, taken from there. */
export function* takeFrom(
  files: Files,
  others: ReadonlyMap<string, Files>,
  kind: string,
): Generator<Attack> {
  for (const [what, other] of others) {
    const differing = [...new Set([...files.keys(), ...other.keys()])].filter(
      (name) => files.get(name)?.equals(other.get(name) ?? Buffer.of()) !== true,
    )
    const take = (...names: readonly string[]): Attack['changes'] =>
      new Map(names.map((name) => [name, other.get(name) ?? null]))
    for (const [at, file] of differing.entries()) {
      yield { file, kind, what, changes: take(file) }
      for (const second of differing.slice(at + 1))
        yield {
          file,
          kind: `${kind}, with another file`,
          what: `${what}, ${second}`,
          changes: take(file, second),
        }
    }
    yield { file: 'the whole folder', kind, what, changes: take(...differing) }
  }
}

/** Each file in the place of each other file, and both swapped. */
export function* swap(files: Files): Generator<Attack> {
  const all = [...files]
  const put = (file: string, what: string): Attack => ({
    file,
    kind: 'another file in its place',
    what,
    changes: new Map([[file, files.get(what) ?? null]]),
  })
  for (const [at, [file, bytes]] of all.entries())
    for (const [other, content] of all.slice(at + 1)) {
      const changes = new Map([
        [file, content],
        [other, bytes],
      ])
      yield { file, kind: 'swapped with another file', what: other, changes }
      yield put(file, other)
      yield put(other, file)
    }
}
