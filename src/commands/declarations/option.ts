import { PLACES, type Where } from '../../core/gate/types.ts'
import { type Instant, parseInstant } from '../../core/rows/instant.ts'
import { parseListenAddress, parseTopic } from '../../core/settings/parse-address.ts'
import { FfError } from '../../errors.ts'
import type { Format } from '../../reports/index.ts'

/** Reads the text of an option. @throws FfError `option_invalid`, naming the flag */
export interface ParseOption<Value> {
  (text: string, flag: string): Value
  /** The only texts that it takes; absent where there are too many to list. */
  readonly choices?: readonly string[]
}

/** The value from commander: a text, the texts of a repeated option, true for a switch, or undefined. */
type RawOption = string | readonly string[] | boolean | undefined

type Flag = `--${string}`

/** One option of a command: the only source of its name, its type and its help. */
export interface OptionDeclaration<Flags extends Flag = Flag, Value = unknown> {
  /** In the notation of commander: `--dry-run`, `--max-diffs <n>`, `--vectors <file...>`. */
  readonly flags: Flags
  /** Its description in help, with unit and default. */
  readonly what: string
  /** True when the flag may be repeated, with one value each time. */
  readonly repeated: boolean
  /** The only values that it takes; empty for a switch, and where any text may be one. */
  readonly choices: readonly string[]
  readonly read: (given: RawOption) => Value
}

/** `--max-diffs <n>` is `maxDiffs`, as commander names it. */
type OptionName<Flags extends Flag> = Flags extends `--no-${infer Long}`
  ? CamelCase<Long>
  : Flags extends `--${infer Long} ${string}`
    ? CamelCase<Long>
    : Flags extends `--${infer Long}`
      ? CamelCase<Long>
      : never
type CamelCase<Text extends string> = Text extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Text

/** The parsed options of a command, typed from its declarations: a misspelt name does not compile. */
export type OptionsOf<Declared extends readonly OptionDeclaration[]> = {
  readonly [One in Declared[number] as OptionName<One['flags']>]: ReturnType<One['read']>
}

/** Declares a switch: reads true when given, else false. */
export const toggle = <const Flags extends Flag>(
  flags: Flags,
  what: string,
): OptionDeclaration<Flags, boolean> => ({
  flags,
  what,
  repeated: false,
  choices: [],
  read: (given) => given === true,
})

/** Declares a switch `--no-NAME`: NAME reads false when given, else true. */
export const negation = <const Flags extends `--no-${string}`>(
  flags: Flags,
  what: string,
): OptionDeclaration<Flags, boolean> => ({
  flags,
  what,
  repeated: false,
  choices: [],
  read: (given) => given !== false,
})

/** Declares an option with one value, parsed by `parse`, whose errors reading throws; reads null when not given. */
export const option = <const Flags extends Flag, Value>(
  flags: Flags,
  what: string,
  parse: ParseOption<Value>,
): OptionDeclaration<Flags, Value | null> => ({
  flags,
  what,
  repeated: false,
  choices: parse.choices ?? [],
  read: (given) => (typeof given === 'string' ? parse(given, toFlag(flags)) : null),
})

/**
 * Declares an option with one value, parsed by `parse`, whose errors reading throws; reads `otherwise` when not given.
 */
export const optionOr = <const Flags extends Flag, Value>(
  flags: Flags,
  what: string,
  { parse, otherwise }: { readonly parse: ParseOption<Value>; readonly otherwise: NoInfer<Value> },
): OptionDeclaration<Flags, Value> => ({
  flags,
  what,
  repeated: false,
  choices: parse.choices ?? [],
  read: (given) => (typeof given === 'string' ? parse(given, toFlag(flags)) : otherwise),
})

/**
 * Declares an option with one value, parsed by `parse`, whose errors reading throws. Reading also throws FfError
 * `option_invalid` when the option is missing or empty.
 */
export const required = <const Flags extends Flag, Value>(
  flags: Flags,
  what: string,
  parse: ParseOption<Value>,
): OptionDeclaration<Flags, Value> => ({
  flags,
  what,
  repeated: false,
  choices: parse.choices ?? [],
  read: (given) => {
    if (typeof given === 'string' && given !== '') return parse(given, toFlag(flags))
    throw new FfError('option_invalid', `The option ${toFlag(flags)} is missing.`, {
      hint: `Add ${flags}: ${what}.`,
    })
  },
})

/**
 * Declares a list, empty when not given: one value per repeated flag, or several words where the flag ends in `...>`.
 * Each value is parsed by `parse`, whose errors reading throws.
 */
export const list = <const Flags extends Flag, Value>(
  flags: Flags,
  what: string,
  parse: ParseOption<Value>,
): OptionDeclaration<Flags, readonly Value[]> => ({
  flags,
  what,
  repeated: !flags.endsWith('...>'),
  choices: parse.choices ?? [],
  read: (given) =>
    Array.isArray(given) ? given.map((one: string) => parse(one, toFlag(flags))) : [],
})

const toFlag = (flags: string): string => flags.split(' ', 1)[0] ?? flags

/** Takes any text as it is, also an empty one. */
export const parseText: ParseOption<string> = (given) => given

/**
 * Makes a parser of whole numbers from `least` (default 1) to `most`, both included, of digits only. The parser throws
 * FfError `option_invalid` for any other text.
 */
export const wholeNumber =
  ({ least = 1, most }: { readonly least?: number; readonly most: number }): ParseOption<number> =>
  (given, flag) => {
    const number = /^\d{1,10}$/.test(given) ? Number(given) : Number.NaN
    if (number >= least && number <= most) return number
    throw invalid(
      `${flag} must be a whole number from ${least} to ${most}, not ${quote(given)}.`,
      `Write ${flag} ${Math.max(least, 1)}, for example.`,
    )
  }

/**
 * Parses a number of seconds as JavaScript's `Number` reads it, with or without a fraction: above 0, at most 86400.
 * @throws FfError `option_invalid`
 */
export const parseSeconds: ParseOption<number> = (given, flag) => {
  const number = Number(given)
  if (number > 0 && number <= 86_400) return number
  throw invalid(
    `${flag} must be a number of seconds above 0 and at most 86400, not ${quote(given)}.`,
    `Write ${flag} 60, for example.`,
  )
}

/** Parses a share above 0 and below 1, written as a decimal such as 0.01 or .5. @throws FfError `option_invalid` */
export const parseShare: ParseOption<number> = (given, flag) => {
  const number = Number(given)
  if (/^0?\.\d+$/.test(given) && number > 0) return number
  throw invalid(
    `${flag} must be a decimal above 0 and below 1, not ${quote(given)}.`,
    `Write ${flag} 0.01, for example.`,
  )
}

/** Parses an existing instant in UTC with milliseconds: `2026-01-15T09:00:00.000Z`. @throws FfError `option_invalid` */
export const parseInstantOption: ParseOption<Instant> = (given, flag) => {
  const time = parseInstant(given)
  if (time !== undefined) return time
  throw invalid(
    `${flag} must be a UTC time with milliseconds, not ${quote(given)}.`,
    `Write ${flag} 2026-01-15T09:00:00.000Z, for example.`,
  )
}

/** Takes `HOST:PORT` as it is, with an IPv6 host in brackets. @throws FfError `option_invalid` */
export const parseListen: ParseOption<string> = (given, flag) => {
  if (parseListenAddress(given).ok) return given
  throw invalid(
    `${flag} must be an address and a port, not ${quote(given)}.`,
    `Write ${flag} 127.0.0.1:8420, for example.`,
  )
}

/** Takes a name of a topic as it is. @throws FfError `option_invalid` */
export const parseTopicName: ParseOption<string> = (given, flag) => {
  if (parseTopic(given).ok) return given
  throw invalid(
    `${flag} must be a topic: at most 249 letters, digits, dots, hyphens and underscores, not ${quote(given)}.`,
    `Write ${flag} ptt.audit.trail, for example.`,
  )
}

const parseNumberedOffset = wholeNumber({ least: 0, most: 9_999_999_999 })
/** Parses an offset of a topic, or `earliest`. @throws FfError `option_invalid` */
export const parseOffset: ParseOption<number | 'earliest'> = (given, flag) =>
  given === 'earliest' ? given : parseNumberedOffset(given, flag)

/**
 * Parses the version of a migration, one to four digits, to a number; 0 is allowed.
 *
 * @throws FfError `option_invalid`
 */
export const parseVersion: ParseOption<number> = (given, flag) => {
  if (/^[0-9]{1,4}$/.test(given)) return Number(given)
  throw invalid(
    `${flag} must be the version of a migration, of one to four digits, not ${quote(given)}.`,
    'List the versions with `ff migrate status`.',
  )
}

/**
 * Makes a parser of one of these names, in exact case. The parser throws FfError `option_invalid`, listing the names.
 */
export const parseChoice = <const Name extends string>(names: readonly Name[]): ParseOption<Name> =>
  Object.assign(
    (given: string, flag: string): Name => {
      const found = names.find((one) => one === given)
      if (found !== undefined) return found
      throw invalid(
        `${flag} must name a format of this command, not ${quote(given)}.`,
        `The formats are ${names.join(', ')}.`,
      )
    },
    { choices: names },
  )

/** Names only: a reporter is loaded when there is a report. */
const REPORT_FORMATS: Readonly<Record<Format, true>> = {
  text: true,
  json: true,
  junit: true,
  sarif: true,
  github: true,
  markdown: true,
  html: true,
}
/** A format that every report can be written in. */
export const parseReportFormat = parseChoice(Object.keys(REPORT_FORMATS) as Format[])

/** A report written to a file: `json=report.json`. */
export interface Output {
  readonly format: Format
  readonly path: string
}
/**
 * Parses `FORMAT=PATH`, split at the first `=`, to a report format and a path.
 * @throws FfError `option_invalid` without a path or for an unknown format
 */
export const parseOutput: ParseOption<Output> = (given, flag) => {
  const [format = '', ...rest] = given.split('=')
  const path = rest.join('=')
  if (path === '')
    throw invalid(
      `${flag} must be FORMAT=PATH, not ${quote(given)}.`,
      `Write ${flag} json=report.json, for example.`,
    )
  return { format: parseReportFormat(format, flag), path }
}

/** A public key file of a runner, and where the runner may measure. */
export interface RunnerFile {
  readonly path: string
  readonly places: readonly Where[]
}
/**
 * Parses `FILE` or `FILE:PLACE,...` to a path and places; the last `:` splits where only lower-case letters and commas
 * follow. Without places the runner may measure everywhere.
 * @throws FfError `option_invalid` for a place that does not exist, is empty or stands twice
 */
export const parseRunnerFile: ParseOption<RunnerFile> = (given, flag) => {
  const [, path, named = ''] = /^(.+):([a-z,]*)$/.exec(given) ?? []
  if (path === undefined) return { path: given, places: PLACES }
  const words = named.split(',')
  const places = PLACES.filter((one) => words.includes(one))
  if (places.length === words.length) return { path, places }
  throw invalid(
    `${flag} must be FILE or FILE:PLACE,..., with each place once, not ${quote(given)}.`,
    `Write ${flag} ci.pub.json:scratch,staging, for example; the places are ${PLACES.join(', ')}.`,
  )
}

/** Quotes at most 120 characters; the reporter of errors escapes them. */
const quote = (given: string): string =>
  given.length > 120 ? `"${given.slice(0, 120)}..."` : `"${given}"`

const invalid = (message: string, hint: string): FfError =>
  new FfError('option_invalid', message, { hint })
