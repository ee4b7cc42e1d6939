import type { Invocation } from '../context.ts'

/** Flags and what they mean; a flag that ends in `...>` takes several words, a `repeated` one several times one. */
export type OptionRow = readonly [flags: string, what: string, repeated?: 'repeated']

/** One command: what its help says, and the module that runs it, which is loaded when it is called. */
export interface CommandRow {
  readonly name: string
  readonly what: string
  readonly arguments?: string
  readonly options: readonly OptionRow[]
  /** Two that work as pasted. */
  readonly examples: readonly [string, string]
  readonly load: () => Promise<(invocation: Invocation) => Promise<void>>
}
export interface CommandGroup {
  /** The noun; null for commands that stand alone. */
  readonly noun: string | null
  readonly what: string
  /** The heading in `ff help`: the job that it serves. */
  readonly job: string
  readonly commands: readonly CommandRow[]
}

/** What every command that measures something takes. */
export const REPORT = [
  ['--format <format>', 'text (the default), json, junit, sarif, github, markdown, html'],
  ['--output <format=path>', 'write a file as well; may be repeated', 'repeated'],
  ['--timeout <seconds>', 'end the run after this long, with exit 124'],
] as const
export const GATE = [
  ...REPORT,
  ['--checklist <file>', "default: the folder's own, else the package's"],
  ['--evidence <dir>', 'where the evidence is; default .ff/evidence'],
] as const
export const DOCUMENT = [
  ['--format <format>', 'what stdout carries: text (the default) or json'],
  ['--checklist <file>', "default: the folder's own, else the package's"],
] as const
export const SIDES = [
  ...REPORT,
  ['--baseline <target>', 'default: file:$FF_STORE_DIR, else a temporary folder'],
  ['--candidate <target>', 'default: env:FF_DATABASE_URL if set, else embedded'],
] as const
export const DATABASE = [
  ...REPORT,
  ['--database <target>', 'default: env:FF_DATABASE_URL'],
] as const
/** Whose audit trail. */
export const TRAIL = [
  ['--database <target>', 'default: env:FF_DATABASE_URL'],
  ['--store <target>', 'a file store in its place: file:DIR'],
] as const
export const STEPS = [
  ...DATABASE,
  ['--to <version>', 'the version to come to'],
  ['--dry-run', 'print the SQL, change nothing'],
] as const
export const PROBE = [
  ...GATE,
  ['--database <target>', 'what is cut over; default: env:FF_DATABASE_URL'],
  ['--store <target>', 'what it takes over from; default: file:$FF_STORE_DIR'],
  ['--scratch <target>', 'where scratch schemas are made, on this machine; default embedded'],
] as const
