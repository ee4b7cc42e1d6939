import type { ChecklistItem, SignoffRole } from './types.ts'

/** The arguments of a reason, from which its words and its command are made. */
export interface ReasonArguments {
  /** Null for a reason of the run as a whole. */
  readonly item: ReasonItem | null
  /** As the report shows it: a file, the members of an identity, a limit, or what a probe said. */
  readonly detail: string
  /** Whether this version of ff has a probe for the item. */
  readonly measurable: boolean
  /** The roles that have not signed the statement yet; none where there is no statement that waits for one. */
  readonly waiting: readonly SignoffRole[]
  /** The person who signs for a role now. */
  readonly signers: Readonly<Record<SignoffRole, string>>
}
export type ReasonItem = Pick<
  ChecklistItem,
  'id' | 'kind' | 'probe' | 'waivable' | 'remediation' | 'attest_role'
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
export const say = (text: string) => (): string => text
export const run = (command: string) => (): string => command
export const none = (): null => null

/** `ff probe run`; null for an item that no probe of this version measures. */
export const measure = ({ item, measurable }: ReasonArguments): string | null =>
  item !== null && measurable ? `ff probe run ${item.id}` : null
/** `ff probe selftest`, which tries the control of each limit; null as `measure`. */
export const control = ({ item, measurable }: ReasonArguments): string | null =>
  item !== null && measurable ? `ff probe selftest ${item.id}` : null
/** A role that has not signed yet, first that of the item; without an item the detail names it. */
export const requestOrSign = ({ item, detail, waiting, signers }: ReasonArguments): string => {
  const own = item?.attest_role ?? detail
  const role = waiting.find((one) => one === own) ?? waiting[0]
  return role === undefined
    ? 'ff signoff request'
    : `ff signoff sign --key ${signers[role]}.key.json`
}

/** The item is measured once more, which may not be enough. */
export const retry = (fix: Reason['fix']): Reason => ({ fix, next: measure })
/** The item is measured again, which ends the reason. */
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
/** The statement is about an earlier state. */
export const signAnew = (text: string): Reason => ({
  fix: say(`${text} Prepare a new statement, which both leads sign.`),
  next: run('ff signoff request'),
})
/** Signatures or statement are not as ff wrote them. */
export const spoiled = (text: string): Reason => ({
  fix: say(
    `${text} Find out who changed it with \`git log -p -- ${SIGN_OFF}\`; then restore it, or prepare a new statement.`,
  ),
  next: run('ff signoff request'),
  person: true,
})
/** Names the runner of this folder in the next version of the trust file. */
export const nameRunner = ({ signers }: ReasonArguments): string =>
  `ff trust rotate --runner .ff/runner.pub.json --key ${signers['platform-lead']}.key.json`
export const badTrust = (text: string): Reason => ({
  fix: say(
    `${text} Find out who changed it with \`git log -p -- checklists\`, and restore the version that the pin names.`,
  ),
  next: run('ff trust show'),
  person: true,
  first: true,
})
export const setPin = (text: string): Reason => ({
  fix: say(
    `${text} Set FF_TRUST_SHA256, a protected variable of CI outside the repository, to the value that \`ff trust pin\` prints.`,
  ),
  next: run('ff trust pin'),
  person: true,
  first: true,
})
export const spoiledLog = (text: string): Reason => ({
  fix: say(`${text} \`ff evidence list\` says for each log what to do.`),
  next: run('ff evidence list'),
  person: true,
  first: true,
})
export const waiver = (text: string): Reason => ({
  fix: say(text),
  next: run('ff waiver list'),
  person: true,
})
export const WRITE_PLAN = 'Write the plan of the cutover.'
export const correctClock = (text: string): Reason => ({
  fix: say(`${text} Compare the clocks with \`date -u\`, and correct the one that is wrong.`),
  next: none,
  person: true,
})
const PLAN_MEMBERS = ['environment', 'cutover_id', 'attempt', 'database']
export const lacksPlan = (detail: string): boolean =>
  detail.split('; ').some((member) => PLAN_MEMBERS.includes(member))

/** The commands that make the key of a person, and the file with its public half. */
export const formatKeyCommand = (person: string): string =>
  `\`ff key new --person ${person} --name ${person} --out ${person}.key.json && ff key show ${person}.key.json > ${person}.pub.json\``
