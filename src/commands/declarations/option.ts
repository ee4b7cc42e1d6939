import { type Instant, parseInstant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { Format } from '../../reports/index.ts'

/** Reads the text of an option. @throws FfError `option_invalid`, naming the flag */
export type ParseOption<Value> = (text: string, flag: string) => Value

/** What commander hands over: a text, the texts of a repeated option, true for a switch, or nothing. */
type Given = string | readonly string[] | boolean | undefined

type Flag = `--${string}`

/** One option of a command. Its name and its type follow from here; nothing else declares them. */
export interface OptionDeclaration<Flags extends Flag = Flag, Value = unknown> {
  /** As commander has them: `--dry-run`, `--max-diffs <n>`, `--vectors <file...>`. */
  readonly flags: Flags
  readonly what: string
  /** Whether the flag may be given several times, one value each time. */
  readonly repeated: boolean
  readonly read: (given: Given) => Value
}

/** `--max-diffs <n>` is `maxDiffs`, as commander names it. */
type OptionName<Flags extends Flag> = Flags extends `--${infer Long} ${string}`
  ? CamelCase<Long>
  : Flags extends `--${infer Long}`
    ? CamelCase<Long>
    : never
type CamelCase<Text extends string> = Text extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Text

/** The options of a command by the list that it declares. Each is there, so one that is misspelt is missing. */
export type OptionsOf<Declared extends readonly OptionDeclaration[]> = {
  readonly [One in Declared[number] as OptionName<One['flags']>]: ReturnType<One['read']>
}

/** A switch: true when given. */
export const toggle = <const Flags extends Flag>(
  flags: Flags,
  what: string,
): OptionDeclaration<Flags, boolean> => ({
  flags,
  what,
  repeated: false,
  read: (given) => given === true,
})

/** Null when not given. */
export const option = <const Flags extends Flag, Value>(
  flags: Flags,
  what: string,
  parse: ParseOption<Value>,
): OptionDeclaration<Flags, Value | null> => ({
  flags,
  what,
  repeated: false,
  read: (given) => (typeof given === 'string' ? parse(given, toFlag(flags)) : null),
})

/** A value of its own when not given. */
export const optionOr = <const Flags extends Flag, Value>(
  flags: Flags,
  what: string,
  { parse, otherwise }: { readonly parse: ParseOption<Value>; readonly otherwise: NoInfer<Value> },
): OptionDeclaration<Flags, Value> => ({
  flags,
  what,
  repeated: false,
  read: (given) => (typeof given === 'string' ? parse(given, toFlag(flags)) : otherwise),
})

/** Refused when not given, or empty. */
export const required = <const Flags extends Flag, Value>(
  flags: Flags,
  what: string,
  parse: ParseOption<Value>,
): OptionDeclaration<Flags, Value> => ({
  flags,
  what,
  repeated: false,
  read: (given) => {
    if (typeof given === 'string' && given !== '') return parse(given, toFlag(flags))
    throw new FfError('option_invalid', `${toFlag(flags)} was not given.`, {
      hint: `Add ${flags}: ${what}.`,
    })
  },
})

/** Several values: one each time where the flag is repeated, several words where it ends in `...>`. */
export const list = <const Flags extends Flag, Value>(
  flags: Flags,
  what: string,
  parse: ParseOption<Value>,
): OptionDeclaration<Flags, readonly Value[]> => ({
  flags,
  what,
  repeated: !flags.endsWith('...>'),
  read: (given) =>
    Array.isArray(given) ? given.map((one: string) => parse(one, toFlag(flags))) : [],
})

const toFlag = (flags: string): string => flags.split(' ', 1)[0] ?? flags

export const parseText: ParseOption<string> = (given) => given

/** A whole number within bounds, both included. */
export const wholeNumber =
  ({ least = 1, most }: { readonly least?: number; readonly most: number }): ParseOption<number> =>
  (given, flag) => {
    const number = /^\d{1,10}$/.test(given) ? Number(given) : Number.NaN
    if (number >= least && number <= most) return number
    throw invalid(`"${given}" is no number for ${flag}.`, `Give a whole one, ${least} to ${most}.`)
  }

/** Seconds, which may have a fraction: more than 0, at most a day. */
export const parseSeconds: ParseOption<number> = (given) => {
  const number = Number(given)
  if (number > 0 && number <= 86_400) return number
  throw invalid(`"${given}" is not a number of seconds.`, 'Give more than 0 and at most 86400.')
}

/** More than 0 and less than 1. */
export const parseShare: ParseOption<number> = (given, flag) => {
  const number = Number(given)
  if (/^0?\.\d+$/.test(given) && number > 0) return number
  throw invalid(`"${given}" is no share for ${flag}.`, 'Give a part of one, such as 0.01.')
}

export const parseInstantOption: ParseOption<Instant> = (given) => {
  const time = parseInstant(given)
  if (time !== undefined) return time
  throw invalid(`"${given}" is not a time.`, 'Write it as 2026-01-15T09:00:00.000Z.')
}

/** The version of a migration. */
export const parseVersion: ParseOption<number> = (given) => {
  if (/^[0-9]{1,4}$/.test(given)) return Number(given)
  throw invalid(
    `"${given}" is not a version.`,
    'Versions are the numbers that migration files begin with.',
  )
}

/** One of the formats that a command has. */
export const parseChoice =
  <const Name extends string>(names: readonly Name[]): ParseOption<Name> =>
  (given) => {
    const found = names.find((one) => one === given)
    if (found !== undefined) return found
    throw invalid(
      `"${given}" is no format for this command.`,
      `The formats are ${names.join(', ')}.`,
    )
  }

/** By name alone: what writes a report is loaded when there is one. */
const REPORT_FORMATS: Readonly<Record<Format, true>> = {
  text: true,
  json: true,
  junit: true,
  sarif: true,
  github: true,
  markdown: true,
  html: true,
}
/** A format that every report has. */
export const parseReportFormat = parseChoice(Object.keys(REPORT_FORMATS) as Format[])

/** A report as a file: `json=report.json`. */
export interface Output {
  readonly format: Format
  readonly path: string
}
export const parseOutput: ParseOption<Output> = (given, flag) => {
  const [format = '', ...rest] = given.split('=')
  const path = rest.join('=')
  if (path === '')
    throw invalid(`"${given}" is not FORMAT=PATH.`, 'Write json=report.json, for one.')
  return { format: parseReportFormat(format, flag), path }
}

const invalid = (message: string, hint: string): FfError =>
  new FfError('option_invalid', message, { hint })
