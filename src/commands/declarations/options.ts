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
 * Declares a command whose module reads exactly the declared options; anything else does not compile. The program
 * passes exactly these, so the returned declaration may drop their type.
 */
export const declareCommand = <
  const Declared extends readonly OptionDeclaration[],
  Read extends Readonly<Record<keyof OptionsOf<Declared>, unknown>>,
>(
  row: TypedRow<Declared, Read>,
): CommandDeclaration => row as CommandDeclaration

/** The options of every command that prints a report. */
export const REPORT = [
  option(
    '--format <format>',
    'text (the default), json, junit, sarif, github, markdown, html',
    parseReportFormat,
  ),
  list(
    '--output <format=path>',
    'write the report to a file as well; may be repeated',
    parseOutput,
  ),
  option('--timeout <seconds>', 'time limit, then exit 124; default none', parseSeconds),
]

const CHECKLIST = option(
  '--checklist <file>',
  "checklist; default the folder's own, else the packaged one",
  parseText,
)

const EVIDENCE_FOLDER = option(
  '--evidence <dir>',
  'folder of the evidence; default .ff/evidence',
  parseText,
)

export const GATE = [...REPORT, CHECKLIST, EVIDENCE_FOLDER]

export const EVIDENCE = [EVIDENCE_FOLDER]
export const EVIDENCE_LIST = [...REPORT, EVIDENCE_FOLDER]
export const EVIDENCE_SEAL = [
  EVIDENCE_FOLDER,
  toggle('--first', 'begin the log of a runner that the trust file names; works once'),
]

const DOCUMENT_FORMAT = option(
  '--format <format>',
  'text (the default) or json',
  parseChoice(['text', 'json']),
)

/** The options of a command that prints a document. */
export const DOCUMENT = [DOCUMENT_FORMAT]

export const CHECKLIST_DOCUMENT = [DOCUMENT_FORMAT, CHECKLIST]

export const CHECKLIST_DIFF = [
  ...CHECKLIST_DOCUMENT,
  toggle('--take', "write the package's value in each looser place, and nothing else"),
]

export const SIDES = [
  ...REPORT,
  option(
    '--baseline <target>',
    'first side; default file:$FF_STORE_DIR, else temporary',
    parseText,
  ),
  option(
    '--candidate <target>',
    'second side; default env:FF_DATABASE_URL, else embedded',
    parseText,
  ),
]

const DATABASE_TARGET = option(
  '--database <target>',
  'database; default env:FF_DATABASE_URL',
  parseText,
)

/** The options of a report about one database. */
export const DATABASE = [...REPORT, DATABASE_TARGET]

/** The options that select an audit trail. */
export const TRAIL = [
  DATABASE_TARGET,
  option('--store <target>', 'file store in place of the database: file:DIR', parseText),
]

export const STEPS = [
  ...DATABASE,
  option(
    '--to <version>',
    'target version; default newest for up, one lower for down',
    parseVersion,
  ),
  toggle('--dry-run', 'print the SQL and change nothing'),
]

export const STEPS_UP = [
  ...STEPS,
  toggle('--adopt', 'give the database, a copy of another one, a place of its own'),
]

export const PROBE = [
  ...GATE,
  option('--database <target>', 'new database; default env:FF_DATABASE_URL', parseText),
  option('--store <target>', 'old file store; default file:$FF_STORE_DIR', parseText),
  option('--scratch <target>', 'local server for scratch schemas; default embedded', parseText),
]

const ALLOW_SAME_KIND = toggle(
  '--allow-same-kind',
  'compare two file stores or two databases, which proves nothing about a move',
)

export const PARITY_RUN = [
  ...SIDES,
  ALLOW_SAME_KIND,
  list('--vectors <file...>', 'add matrices of the same schema', parseText),
  option('--vector <id>', 'run this vector only; such a run never ends 0', parseText),
]

export const PARITY_EXHAUSTIVE = [
  ...SIDES,
  ALLOW_SAME_KIND,
  option(
    '--cell <id>',
    'run only this MODE/SCOPE/PATH/TTL or SITUATION/MODE; never ends 0',
    parseText,
  ),
]

export const PARITY_FUZZ = [
  ...SIDES,
  ALLOW_SAME_KIND,
  optionOr('--runs <n>', 'number of random scenarios; default 300', {
    parse: wholeNumber({ most: 10_000_000 }),
    otherwise: 300,
  }),
  option(
    '--seed <n>',
    'seed of the scenarios; default from the clock',
    wholeNumber({ least: 0, most: 2 ** 31 - 1 }),
  ),
  option(
    '--time <seconds>',
    'end the search after this time; default no limit',
    wholeNumber({ most: 86_400 }),
  ),
]

export const PARITY_REPLAY = [
  ...SIDES,
  optionOr('--max-diffs <n>', 'list this many differing requests at most; default 100', {
    parse: wholeNumber({ most: 10_000 }),
    otherwise: 100,
  }),
]

export const PARITY_DIFF = [
  ...SIDES,
  optionOr('--max-diffs <n>', 'stop after this many differing rows; default 1000', {
    parse: wholeNumber({ most: 1_000_000 }),
    otherwise: 1_000,
  }),
  option(
    '--sample <share>',
    "share of the baseline's rows, such as 0.01; never ends 0",
    parseShare,
  ),
]

export const PROBE_RUN = [
  ...PROBE,
  list('--staging <service,admin>', 'instance of staging; default $FF_STAGING_URL', parseText),
  list('--allow-disrupt <ids>', 'items that may disrupt staging, such as C3,F5', parseText),
  optionOr('--repeat <n>', 'measure this often; differing results count as none; default 1', {
    parse: wholeNumber({ most: 100 }),
    otherwise: 1,
  }),
]

export const GATE_DECISION = [
  ...GATE,
  option('--decision <file>', 'write the verdict with all its inputs', parseText),
  option('--offline <file>', 'judge a file of --decision, as of now; opens no socket', parseText),
  option('--environment <name>', 'with --offline: the environment to decide about', parseText),
  option('--cutover <id>', 'with --offline: the cutover to decide about', parseText),
  option('--attempt <n>', 'with --offline: the attempt', wholeNumber({ most: 1_000_000 })),
  option('--code <digest>', 'with --offline: the code; default FF_CODE_VERSION', parseText),
]

export const PLAN_NEW = [
  option('--cutover <id>', 'id of the cutover; default flags-to-postgres', parseText),
  option('--environment <name>', 'environment that is cut over; default production', parseText),
  option('--database <target>', 'database that takes over; default env:FF_DATABASE_URL', parseText),
  option('--from <time>', 'begin of the window; default in about a day', parseInstantOption),
]

export const PLAN_CHECK = [...REPORT, CHECKLIST, DATABASE_TARGET]

export const SIGNING_KEY = [
  option('--key <file>', 'key file from ff key new; asks for its passphrase', parseText),
  option(
    '--signer-cmd <command>',
    'signing program: bytes on stdin, 64 bytes on stdout',
    parseText,
  ),
  option('--person <id>', 'with --signer-cmd: id of the key owner', parseText),
]

export const KEY_NEW = [
  required('--out <file>', 'key file to write; never overwritten', parseText),
  required('--person <id>', 'id of the key owner', parseText),
  required('--name <name>', 'full name of the person', parseText),
]

export const SIGNOFF_REVOKE = [
  required('--reason <text>', 'reason for the revocation, recorded in the trust file', parseText),
]

export const WAIVER_NEW = [
  list('--bound <measure>', 'accepted limit, such as db_p99_ms<=80; may be repeated', parseText),
  option('--code <code>', 'accepted reason code of an inconclusive item', parseText),
  required('--reason <text>', 'reason for the waiver', parseText),
  required('--risk <text>', 'risk that is accepted', parseText),
  required('--compensation <text>', 'measure that reduces the risk', parseText),
  required('--requester <id>', 'id of the requester, who cannot approve it alone', parseText),
  required(
    '--expires <time>',
    'expiry, as 2026-01-15T09:00:00.000Z, at most 14 days ahead',
    parseInstantOption,
  ),
]

export const TOKEN_VERIFY = [
  ...REPORT,
  toggle('--signature-only', 'stop before the claims'),
  option(
    '--now <time>',
    'time for the claims: 2026-01-15T09:00:00.000Z; default now',
    parseInstantOption,
  ),
  toggle('--explain', 'print the result of each check'),
]

export const TOKEN_MINT = [
  toggle('--dev', 'required: only development tokens can be minted'),
  optionOr('--user <id>', 'sub of the token; default dev-user', {
    parse: parseText,
    otherwise: 'dev-user',
  }),
  optionOr('--tenant <id>', 'tid of the token; default dev-tenant', {
    parse: parseText,
    otherwise: 'dev-tenant',
  }),
  optionOr('--scopes <list>', 'scopes of the token, separated by commas; default none', {
    parse: parseText,
    otherwise: '',
  }),
]

export const AUDIT_TAIL = [
  ...TRAIL,
  optionOr('--lines <count>', 'number of records, 0 for new ones alone; default 10', {
    parse: wholeNumber({ least: 0, most: 10_000 }),
    otherwise: 10,
  }),
  toggle('--follow', 'print new records as they arrive, until Ctrl-C'),
  optionOr('--format <format>', 'text (the default) or ndjson, without the sink members', {
    parse: parseChoice(['text', 'ndjson']),
    otherwise: 'text',
  }),
]

export const AUDIT_VERIFY = [
  ...REPORT,
  ...TRAIL,
  option('--head <file>', 'exported head; every record up to it must still be there', parseText),
  option('--export <path>', 'exported folder, or one batch, in place of a store', parseText),
  list('--runner <file>', 'public key of a signer; default the trust file', parseText),
]

export const AUDIT_EXPORT = [
  ...REPORT,
  ...TRAIL,
  required('--out <dir>', 'folder to write to, for a WORM bucket', parseText),
  option(
    '--since <seq>',
    'last record already exported; default from the head in --out',
    wholeNumber({ least: 0, most: 9_999_999_999 }),
  ),
  option('--key <file>', 'PEM key; default FF_RUNNER_KEY_FILE, else .ff/runner.pem', parseText),
  option(
    '--signer-cmd <command>',
    'signing program: bytes on stdin, 64 bytes on stdout',
    parseText,
  ),
  list('--runner <file>', 'with --signer-cmd: public key of that signer', parseText),
]

export const CONFIG_SHOW = [
  ...DOCUMENT,
  toggle('--origin', 'show the origin of each value: environment, file or default'),
]
