import type { ChecklistItem, SignoffRole } from './types.ts'

/** The arguments of a reason, from which its words and its command are made. */
export interface ReasonArguments {
  /** Null for a reason of the run as a whole. */
  readonly item: ReasonItem | null
  /** As the report shows it: a file, the members of an identity, a limit, or what a probe said. */
  readonly detail: string
  /** The roles that have not signed the statement yet; none where there is no statement that waits for one. */
  readonly waiting: readonly SignoffRole[]
  /** Whether it is about a log that the trust file has to close. */
  readonly unclosed: boolean
  /** The person who signs for a role now. */
  readonly signers: Readonly<Record<SignoffRole, string>>
}
export type ReasonItem = Pick<
  ChecklistItem,
  'id' | 'kind' | 'probe' | 'where' | 'waivable' | 'remediation' | 'attest_role'
>
/** What to do about a reason. A row of the table. */
export interface Reason {
  /** One or two sentences. Commands in backquotes work as pasted. */
  readonly fix: (given: ReasonArguments) => string
  /** The command that comes next; null where a person has to act first. */
  readonly next: (given: ReasonArguments) => string | null
  /** A step of a person outside ff: an edit, a pull request, a variable of CI, a repair of the service. */
  readonly person?: true
  /** Measuring the item again, and nothing else, ends the reason. */
  readonly again?: true
  /** Measuring again helps only after it has ended. */
  readonly earlier?: true
  /** The controls of the item run again. */
  readonly selftest?: true
  /** It stands before every item: without it no item means anything. */
  readonly first?: true
}

const SIGN_OFF = 'checklists/signoff.json'
/** Makes the words of a reason from a text that is the same for every item. */
export const say = (text: string) => (): string => text
/** Makes the next command of a reason from a command that is the same for every item. */
export const run = (command: string) => (): string => command
/** The command of a reason after which a person has to act first: always null. */
export const none = (): null => null

/** The command `ff probe run ID`; null without an item. */
export const measure = ({ item }: ReasonArguments): string | null =>
  item === null ? null : `ff probe run ${item.id}`
/** The command `ff probe run ID` that lets the item disrupt staging; null as `measure`. */
export const allowDisruption = ({ item }: ReasonArguments): string | null =>
  item === null ? null : `ff probe run ${item.id} --allow-disrupt ${item.id}`
/** The command `ff probe selftest ID`, which tries the control of each limit; null without an item. */
export const control = ({ item }: ReasonArguments): string | null =>
  item === null ? null : `ff probe selftest ${item.id}`
/**
 * The command of a signature that is missing: `ff signoff sign` with the key of a role that has not signed the
 * statement yet, first the role of the item (without an item the role that the detail names); `ff signoff request`
 * where no statement waits for one.
 */
export const requestOrSign = ({ item, detail, waiting, signers }: ReasonArguments): string => {
  const own = item?.attest_role ?? detail
  const role = waiting.find((one) => one === own) ?? waiting[0]
  return role === undefined
    ? 'ff signoff request'
    : `ff signoff sign --key ${signers[role]}.key.json`
}

/** A reason with the given words, after which `ff probe run` measures the item once more, which may not be enough. */
export const retry = (fix: Reason['fix']): Reason => ({ fix, next: measure })
/** A reason with the given words that measuring the item again with `ff probe run` ends. */
export const again = (fix: Reason['fix']): Reason => ({ fix, next: measure, again: true })
/** The control of the item runs again. */
export const controlled = (text: string): Reason => ({
  fix: say(text),
  next: control,
  selftest: true,
})
/** The probe said itself what is wrong and what to do. */
export const ANSWERED: Reason = {
  fix: ({ detail }) => detail || 'Measure it again: the record does not say why.',
  next: measure,
  person: true,
}
/** Something in the service or its surroundings is not as it has to be. */
export const BROKEN: Reason = {
  fix: ({ item }) => item?.remediation ?? '',
  // The rules of the plan say for each broken one what to write.
  next: (given) => (given.item?.probe.name === 'plan' ? 'ff plan check' : measure(given)),
  person: true,
}
/**
 * A reason whose words begin with the text: the statement is about an earlier state, both leads sign a new one, and
 * the next command is `ff signoff request`.
 */
export const signAnew = (text: string): Reason => ({
  fix: say(`${text} Prepare a new statement, which both leads sign.`),
  next: run('ff signoff request'),
})
/**
 * A reason whose words begin with the text: signatures or statement are not as ff wrote them. A person finds out who
 * changed the sign-off; the next command is `ff signoff request`.
 */
export const spoiled = (text: string): Reason => ({
  fix: say(
    `${text} Find out who changed it with \`git log -p -- ${SIGN_OFF}\`; then restore it, or prepare a new statement.`,
  ),
  next: run('ff signoff request'),
  person: true,
})
/**
 * The command that names the runner of this folder in the next version of the trust file: `ff trust rotate` with the
 * key of the platform lead.
 */
export const nameRunner = ({ signers }: ReasonArguments): string =>
  `ff trust rotate --runner .ff/runner.pub.json --key ${signers['platform-lead']}.key.json`
/**
 * A reason whose words begin with the text: the trust file or what belongs to it is not to be trusted. A person
 * restores the version that the pin names; the next command is `ff trust show`. It stands before every item.
 */
export const badTrust = (text: string): Reason => ({
  fix: say(
    `${text} Find out who changed it with \`git log -p -- checklists\`, and restore the version that the pin names.`,
  ),
  next: run('ff trust show'),
  person: true,
  first: true,
})
/**
 * A reason whose words begin with the text: a person has to set FF_TRUST_SHA256 outside the repository; the next
 * command is `ff trust pin`. It stands before every item.
 */
export const setPin = (text: string): Reason => ({
  fix: say(
    `${text} Set FF_TRUST_SHA256, a protected variable of CI outside the repository, to the value that \`ff trust pin\` prints.`,
  ),
  next: run('ff trust pin'),
  person: true,
  first: true,
})
/**
 * A reason whose words begin with the text: an evidence log is not whole. The next command is `ff evidence list`,
 * which says for each log what to do. It stands before every item.
 */
export const spoiledLog = (text: string): Reason => ({
  fix: say(`${text} \`ff evidence list\` says for each log what to do.`),
  next: run('ff evidence list'),
  person: true,
  first: true,
})
/**
 * A reason with the given text as words: the waiver of the item does not count. A person has to act; the next
 * command is `ff waiver list`.
 */
export const waiver = (text: string): Reason => ({
  fix: say(text),
  next: run('ff waiver list'),
  person: true,
})
export const WRITE_PLAN = 'Write the plan of the cutover.'
/** A reason whose words begin with the text: a clock is wrong, and a person has to correct it. It has no command. */
export const correctClock = (text: string): Reason => ({
  fix: say(`${text} Compare the clocks with \`date -u\`, and correct the one that is wrong.`),
  next: none,
  person: true,
})
const PLAN_MEMBERS = ['environment', 'cutover_id', 'attempt', 'database']
const VERSION_MEMBERS = ['code', 'schema_head', 'config_digest', 'checklist_digest']
/** Whether a detail, members of the identity separated by `; `, names one of these. */
const namesOneOf = (members: readonly string[], detail: string): boolean =>
  detail.split('; ').some((member) => members.includes(member))
/**
 * What to do by the members of the identity that the detail lists: those of the plan, then those of this process. A detail
 * that lists none is what a record says of the target or of instances.
 */
export const IDENTITY_NOT_SAID: Reason = {
  fix: (given) => {
    if (namesOneOf(PLAN_MEMBERS, given.detail)) return WRITE_PLAN
    return namesOneOf(VERSION_MEMBERS, given.detail)
      ? 'Set FF_CODE_VERSION to the digest of the image that is deployed, or keep the folder in a git work tree of at most 1 GiB.'
      : ANSWERED.fix(given)
  },
  next: (given) => {
    if (namesOneOf(PLAN_MEMBERS, given.detail)) return 'ff plan new'
    return namesOneOf(VERSION_MEMBERS, given.detail)
      ? 'ff config show --origin'
      : ANSWERED.next(given)
  },
  person: true,
  earlier: true,
}
/** For an item of staging what its probe needs, for any other the database of the plan. */
export const MEASURED_ELSEWHERE: Reason = {
  fix: ({ item, detail }) =>
    item?.where === 'staging'
      ? `It counts on the staging that the plan names alone: ${detail}. \`ff probe explain ${item.id}\` says how to point its probe there, and GET /identity of each instance names the database for "staging_database" in checklists/plan.json.`
      : 'It was measured on another database than the plan names. Point FF_DATABASE_URL at that one, or correct the plan: `ff plan check` compares the two.',
  next: ({ item }) => (item?.where === 'staging' ? `ff probe explain ${item.id}` : 'ff plan check'),
  person: true,
  earlier: true,
}

/**
 * The commands, in one pair of backquotes, that make the key of a person and the file with its public half:
 * `PERSON.key.json` and `PERSON.pub.json`.
 */
export const formatKeyCommand = (person: string): string =>
  `\`ff key new --person ${person} --name ${person} --out ${person}.key.json && ff key show ${person}.key.json > ${person}.pub.json\``
