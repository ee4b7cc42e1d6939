import type { CommandHandler } from '../context.ts'
import type { CommandDeclaration } from './row.ts'
import {
  type OptionDeclaration,
  type OptionsOf,
  parseChoice,
  parseInstantOption,
  list,
  option,
  optionOr,
  parseOutput,
  parseReportFormat,
  required,
  parseSeconds,
  parseShare,
  parseText,
  toggle,
  parseVersion,
  wholeNumber,
} from './option.ts'

interface TypedRow<Declared extends readonly OptionDeclaration[], Read extends object> extends Omit<
  CommandDeclaration,
  'options' | 'load'
> {
  readonly options: Declared
  readonly load: () => Promise<CommandHandler<Read> & CommandHandler<NoInfer<OptionsOf<Declared>>>>
}
/**
 * A row whose module reads the options that are declared, all of them and no other: anything else does not compile.
 * The program reads exactly these, so the row may forget their type.
 */
export const declareCommand = <
  const Declared extends readonly OptionDeclaration[],
  Read extends Readonly<Record<keyof OptionsOf<Declared>, unknown>>,
>(
  row: TypedRow<Declared, Read>,
): CommandDeclaration => row as CommandDeclaration

/** The options of each command. Its help, what it parses and the type that its action reads are all made of its list. */

/** What every command that measures something takes. */
export const REPORT = [
  option(
    '--format <format>',
    'text (the default), json, junit, sarif, github, markdown, html',
    parseReportFormat,
  ),
  list('--output <format=path>', 'write a file as well; may be repeated', parseOutput),
  option('--timeout <seconds>', 'end the run after this long, with exit 124', parseSeconds),
]

const CHECKLIST = option(
  '--checklist <file>',
  "default: the folder's own, else the package's",
  parseText,
)

export const GATE = [
  ...REPORT,
  CHECKLIST,
  option('--evidence <dir>', 'where the evidence is; default .ff/evidence', parseText),
]

const DOCUMENT_FORMAT = option(
  '--format <format>',
  'what stdout carries: text (the default) or json',
  parseChoice(['text', 'json']),
)

/** What a command takes that prints a document. */
export const DOCUMENT = [DOCUMENT_FORMAT]

export const CHECKLIST_DOCUMENT = [DOCUMENT_FORMAT, CHECKLIST]

export const SIDES = [
  ...REPORT,
  option('--baseline <target>', 'default: file:$FF_STORE_DIR, else a temporary folder', parseText),
  option('--candidate <target>', 'default: env:FF_DATABASE_URL if set, else embedded', parseText),
]

const DATABASE_TARGET = option('--database <target>', 'default: env:FF_DATABASE_URL', parseText)

/** Which database. */
export const DATABASE = [...REPORT, DATABASE_TARGET]

/** Whose audit trail. */
export const TRAIL = [
  DATABASE_TARGET,
  option('--store <target>', 'a file store in its place: file:DIR', parseText),
]

export const STEPS = [
  ...DATABASE,
  option('--to <version>', 'the version to come to', parseVersion),
  toggle('--dry-run', 'print the SQL, change nothing'),
]

export const PROBE = [
  ...GATE,
  option('--database <target>', 'what is cut over; default: env:FF_DATABASE_URL', parseText),
  option('--store <target>', 'what it takes over from; default: file:$FF_STORE_DIR', parseText),
  option(
    '--scratch <target>',
    'where scratch schemas are made, on this machine; default embedded',
    parseText,
  ),
]

export const PARITY_RUN = [
  ...SIDES,
  list('--vectors <file...>', 'further matrices of the same schema', parseText),
  option('--vector <id>', 'this one alone; such a run never ends 0', parseText),
]

export const PARITY_EXHAUSTIVE = [
  ...SIDES,
  option('--cell <id>', 'this one alone, as MODE/SCOPE/PATH/TTL; never ends 0', parseText),
]

export const PARITY_FUZZ = [
  ...SIDES,
  optionOr('--runs <n>', 'how many scenes; default 300', {
    parse: wholeNumber({ most: 10_000_000 }),
    otherwise: 300,
  }),
  option(
    '--seed <n>',
    'the same seed makes the same scenes',
    wholeNumber({ least: 0, most: 2 ** 31 - 1 }),
  ),
  option('--time <seconds>', 'stop looking after this long', wholeNumber({ most: 86_400 })),
]

export const PARITY_REPLAY = [
  ...SIDES,
  optionOr('--max-diffs <n>', 'how many that differ are listed; default 100, all are counted', {
    parse: wholeNumber({ most: 10_000 }),
    otherwise: 100,
  }),
]

export const PARITY_DIFF = [
  ...SIDES,
  optionOr('--max-diffs <n>', 'stop after so many rows that differ; default 1000', {
    parse: wholeNumber({ most: 1_000_000 }),
    otherwise: 1_000,
  }),
  option(
    '--sample <share>',
    "a part of the baseline's rows, such as 0.01; never ends 0",
    parseShare,
  ),
]

export const PROBE_RUN = [
  ...PROBE,
  optionOr('--repeat <n>', 'measure so often; answers that differ are none', {
    parse: wholeNumber({ most: 100 }),
    otherwise: 1,
  }),
]

export const GATE_DECISION = [
  ...GATE,
  option(
    '--decision <file>',
    'write all that the verdict follows from, for a third party',
    parseText,
  ),
  option('--offline <file>', 'judge such a file, as of now; opens no socket', parseText),
]

export const SIGNING_KEY = [
  option('--key <file>', 'a key that ff key new made; its passphrase is asked for', parseText),
  option(
    '--signer-cmd <command>',
    'a program that signs: bytes on stdin, 64 bytes on stdout',
    parseText,
  ),
  option('--person <id>', 'with --signer-cmd: whose key that is', parseText),
]

export const KEY_NEW = [
  required('--out <file>', 'where it goes; never overwritten', parseText),
  required('--person <id>', 'whose it is', parseText),
  required('--name <name>', 'as people know them', parseText),
]

export const TRUST_INIT = [
  required('--platform-lead <file>', 'public key of the platform lead', parseText),
  required('--security-lead <file>', 'public key of the security lead', parseText),
  list('--runner <file>', 'public key of a runner; may be repeated', parseText),
  option('--until <time>', 'when it expires; default in 180 days', parseInstantOption),
]

export const SIGNOFF_REVOKE = [
  required('--reason <text>', 'why; it stands in the trust file', parseText),
]

export const WAIVER_NEW = [
  list('--bound <measure>', 'of a fail: p99_ms<=80; may be repeated', parseText),
  option('--code <code>', 'of an inconclusive: the reason that is covered', parseText),
  required('--reason <text>', 'why it is asked for', parseText),
  required('--risk <text>', 'what may happen', parseText),
  required('--compensation <text>', 'what is done about that', parseText),
  required('--requester <id>', 'who asks; may not approve alone', parseText),
  required('--expires <time>', 'at most 14 days ahead', parseInstantOption),
]

export const SERVING = [
  toggle(
    '--harness',
    'scratch state alone, whose rows and clock proofs put there; never for callers',
  ),
]

export const IMPORT = [
  ...DATABASE,
  option('--mapping <file>', 'the source is a JSON file, read by this mapping', parseText),
  option(
    '--into <target>',
    'with --mapping: file:DIR, a new file store in place of the database',
    parseText,
  ),
  toggle('--dry-run', 'judge every row, write none'),
]

export const TOKEN_VERIFY = [
  ...REPORT,
  toggle('--signature-only', 'stop before the claims'),
  option(
    '--now <time>',
    'judge the claims as of then: 2026-01-15T09:00:00.000Z',
    parseInstantOption,
  ),
  toggle('--explain', 'show each check in turn'),
]

export const TOKEN_MINT = [
  toggle('--dev', 'there is no other kind'),
  optionOr('--user <id>', 'its sub; default dev-user', { parse: parseText, otherwise: 'dev-user' }),
  optionOr('--tenant <id>', 'its tid; default dev-tenant', {
    parse: parseText,
    otherwise: 'dev-tenant',
  }),
  optionOr('--scopes <list>', 'with commas; default none', { parse: parseText, otherwise: '' }),
]

export const AUDIT_TAIL = [
  ...TRAIL,
  optionOr('--lines <count>', 'how many; default 10', {
    parse: wholeNumber({ most: 10_000 }),
    otherwise: 10,
  }),
  toggle('--follow', 'and those that come, until Ctrl-C'),
  optionOr('--format <format>', 'text (the default) or ndjson, without the sink members', {
    parse: parseChoice(['text', 'ndjson']),
    otherwise: 'text',
  }),
]

export const AUDIT_VERIFY = [
  ...REPORT,
  ...TRAIL,
  option(
    '--head <file>',
    'a signed head that was exported: nothing before it may be cut',
    parseText,
  ),
  option('--export <path>', 'a folder of batches, or one of them, in place of a store', parseText),
  list('--runner <file>', 'public key of a signer; default: the trust file', parseText),
]

export const AUDIT_EXPORT = [
  ...REPORT,
  ...TRAIL,
  required('--out <dir>', 'where they go: for a WORM bucket', parseText),
  option(
    '--since <seq>',
    'after which record; default: the last head in the folder',
    wholeNumber({ least: 0, most: 9_999_999_999 }),
  ),
  option('--key <file>', 'PEM key of the signer; default: FF_RUNNER_KEY_FILE', parseText),
  option(
    '--signer-cmd <command>',
    'a program that signs: bytes on stdin, 64 bytes on stdout',
    parseText,
  ),
  list('--runner <file>', 'with --signer-cmd: the public key of that', parseText),
]

export const CONFIG_SHOW = [
  ...DOCUMENT,
  toggle('--origin', 'and where it came from: environment, file or default'),
]
