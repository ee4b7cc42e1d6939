import type { ChecklistItem } from '../../core/gate/types.ts'
import { CUTOVER_PHASES, type CutoverPhase } from '../../core/cutover/phases.ts'

/** Where the rows come from. */
export type RehearsedRows =
  | { readonly kind: 'mapped'; readonly mapping: string; readonly input: string }
  | { readonly kind: 'store'; readonly folder: string }

export interface RehearsalOptions {
  readonly rows: RehearsedRows
  /** Measures only what takes seconds, and nothing of it is evidence. */
  readonly quick: boolean
  readonly sign: boolean
}

/** What `ff rehearse` does itself, in place of a person or of a platform. */
export type RehearsalAct =
  | 'copy_store'
  | 'add_role'
  | 'mark_scratch'
  | 'start_instances'
  | 'start_load'
  | 'end_load'
  | 'write_files'
  | 'fill_plan'
  | 'make_key'

/** A command of `ff` as a person runs it in the folder of the rehearsal. */
export interface RehearsedCommand {
  readonly do: 'command'
  /** The words after `ff`. */
  readonly words: readonly string[]
  /** Settings before `ff`, besides those of the rehearsal. */
  readonly settings: Readonly<Record<string, string>>
  /** Whether a person answers on a terminal, or keeps what is printed in this file. */
  readonly person: { readonly into: string | null } | null
  /** Expected on two idle cores. */
  readonly seconds: number
  /** Exit statuses with which the rehearsal goes on. */
  readonly ends: readonly number[]
  /** Whether another status ends the rehearsal; without, it is told and the way goes on. */
  readonly stops: boolean
}
export type RehearsalStep =
  | { readonly do: 'title'; readonly text: string }
  | { readonly do: 'act'; readonly act: RehearsalAct; readonly text: string }
  | RehearsedCommand

/** What this machine has the program of. */
export interface RehearsalParts {
  readonly broker: boolean
  readonly redis: boolean
  /** A PostgreSQL with its pg_dump. */
  readonly restore: boolean
}

const title = (text: string): RehearsalStep => ({ do: 'title', text })
const act = (name: RehearsalAct, text: string): RehearsalStep => ({ do: 'act', act: name, text })
const ff = (words: string, change: Partial<RehearsedCommand> = {}): RehearsedCommand =>
  ffWords(words.split(' '), change)
const ffWords = (
  words: readonly string[],
  change: Partial<RehearsedCommand> = {},
): RehearsedCommand => ({
  do: 'command',
  words,
  settings: {},
  person: null,
  seconds: 1,
  ends: [0],
  stops: true,
  ...change,
})
const byPerson = { person: { into: null } } as const

/** The folder for keys, tokens and the store, in that of the team. */
export const PRIVATE = 'private'
/** Evidence of `--quick`, which the gate does not read. */
export const QUICK_EVIDENCE = `${PRIVATE}/quick-evidence`
/** Of a runner that no trust file names. */
export const QUICK_KEY = `${PRIVATE}/quick.pem`
/** The target that probes measure with the rights of a service. */
export const SERVICE_TARGET = 'SERVICE_DATABASE_URL'
/** A private server of the version of a pg_dump that is here. */
export const RESTORE_TARGET = 'RESTORE_DATABASE_URL'
export const REPORT_FILE = 'reports/gate.json'
const LEADS = ['alice', 'bob'] as const
const [ALICE, BOB] = LEADS

/**
 * The steps of a rehearsal, in order: a title for each part, the commands of `ff` that a person runs, and what the rehearsal
 * does itself in between.
 *
 * @param items of the checklist
 */
export const listRehearsalSteps = (
  options: RehearsalOptions,
  items: readonly ChecklistItem[],
  parts: RehearsalParts,
): readonly RehearsalStep[] => [
  ...listFolderSteps(),
  ...listRowSteps(options.rows),
  ...listMoveSteps(),
  ...listPlanSteps(),
  ...listMeasureSteps(options, items, parts),
  ...(options.sign && !options.quick ? listSignSteps() : []),
  title('The verdict'),
  ff('evidence seal'),
  ff(`gate --output json=${REPORT_FILE} --output markdown=reports/gate.md`, {
    ends: [0, 21, 22],
    stops: true,
  }),
]

function listFolderSteps(): readonly RehearsalStep[] {
  const key = (person: string, kind: 'key' | 'pub'): string => `${PRIVATE}/${person}.${kind}.json`
  const people = LEADS.flatMap((person) => [
    ffWords(
      ['key', 'new', '--person', person, '--name', `${person} of the rehearsal`].concat([
        '--out',
        key(person, 'key'),
      ]),
      byPerson,
    ),
    ff(`key show ${key(person, 'key')}`, { person: { into: key(person, 'pub') } }),
  ])
  return [
    title('A folder, two people, and a runner'),
    ff('init'),
    ...people,
    ff(
      `trust init --platform-lead ${key(ALICE, 'pub')} --security-lead ${key(BOB, 'pub')} --runner .ff/runner.pub.json`,
    ),
    ff('trust pin'),
    ff('evidence seal --first'),
  ]
}

const listRowSteps = (rows: RehearsedRows): readonly RehearsalStep[] => [
  title('The rows, and the service on them'),
  rows.kind === 'store'
    ? act('copy_store', `copies the rows of ${rows.folder} into ${PRIVATE}/store`)
    : ffWords(
        ['import', rows.input, '--mapping', rows.mapping].concat([
          '--into',
          `file:${PRIVATE}/store`,
        ]),
      ),
  ff('migrate up'),
  act('add_role', 'creates a role for the service, a member of ff_app alone'),
  act('mark_scratch', 'marks the phase record as that of a scratch copy: its steps need no GO'),
  act('start_instances', 'starts `ff serve` twice with FF_BACKING=managed'),
]

/** From `complete`: the file is filled first, and an instance has it open before the authority changes. */
const back = (phase: CutoverPhase): readonly RehearsedCommand[] =>
  ['db_authoritative', phase].map((to) => ff(`cutover rollback --to ${to}`, { seconds: 4 }))
const ADVANCES = CUTOVER_PHASES.length - 1
const step = (words: string): RehearsedCommand => ff(words, { seconds: 4 })
function listMoveSteps(): readonly RehearsalStep[] {
  const forth = Array.from({ length: ADVANCES }, () => step('cutover advance'))
  return [
    title('Forth, back, and forth again, under load'),
    act('start_load', 'evaluates a flag at both instances, 20 times a second'),
    ff('cutover plan'),
    ...forth,
    ff('cutover rollback --plan'),
    ...back('file'),
    ...forth,
    ...back('shadow_read'),
    act('end_load', 'ends the load'),
    ff('cutover status'),
  ]
}

const listPlanSteps = (): readonly RehearsalStep[] => [
  title('The plan'),
  act('write_files', 'writes checklists/runbook.md, and checklists/rollback_triggers.json'),
  ff('plan new --cutover rehearsal --environment rehearsal'),
  act('fill_plan', 'fills in the rest of checklists/plan.json'),
  ff('plan check'),
]

/** What a probe needs of the machine that npm does not bring, by its name. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  restore: 'needs a PostgreSQL with its pg_dump and pg_restore, as Debian installs it',
  'cache-keys': 'needs redis-server',
}
/** What nothing measures in a rehearsal: the part that is missing, by the name of the probe. */
export const MISSING_PARTS: Readonly<Record<string, string>> = {
  'switch-back': 'the six minutes of its controls',
  'admin-blast-radius': 'a program that makes Admin fail',
  'dual-write': 'a program that makes the database fail',
  alerts: 'a program that makes Admin fail',
  capacity: 'a phase in which the database decides',
}
/** Items that time alone decides: 48 hours of staging. */
const OF_TIME: ReadonlySet<string> = new Set(['observation', 'leak'])
export type Unmeasured = 'needs_time' | 'needs_part' | 'too_long'
/** Why a rehearsal does not measure an item; null where it does. */
export function findUnmeasured(
  { id, kind, probe, where }: Pick<ChecklistItem, 'id' | 'kind' | 'probe' | 'where'>,
  quick: boolean,
): Unmeasured | null {
  if (OF_TIME.has(probe.name)) return 'needs_time'
  if (kind !== 'signature' && Object.hasOwn(MISSING_PARTS, probe.name)) return 'needs_part'
  return quick && (where === 'staging' || getSeconds(id) > QUICK_S) ? 'too_long' : null
}

function listMeasureSteps(
  { quick }: RehearsalOptions,
  items: readonly ChecklistItem[],
  parts: RehearsalParts,
): readonly RehearsalStep[] {
  const measured = items.filter((item) => findUnmeasured(item, quick) === null)
  const ship = parts.broker && !quick ? [ff('audit ship', { stops: false })] : []
  return [
    title(
      quick
        ? `A sample: ${measured.length} of ${items.length} items; nothing of it is evidence`
        : `The measurements: ${measured.length} of ${items.length} items`,
    ),
    ...(quick
      ? [act('make_key', 'makes a key that no trust file names: what it signs counts for nothing')]
      : []),
    ...measured
      .toSorted((a, b) => rank(a) - rank(b))
      .flatMap((item) => [
        ...(item.probe.name === 'audit-continuity' ? ship : []),
        ...(item.probe.name === OF_CACHE ? [step('cutover advance')] : []),
        ...(quick || !item.controls.some(({ run }) => run === 'selftest')
          ? []
          : [
              ff(`probe selftest ${item.id}`, {
                seconds: getSeconds(item.id),
                stops: false,
              }),
            ]),
        measure(item, { quick, parts }),
      ]),
  ]
}

/** Of the answers from Redis, which there are once the database decides: the cutover goes on for it. */
const OF_CACHE = 'cache-keys'
const RANKS: Readonly<Record<string, number>> = { signals: -1, [OF_CACHE]: 2 }
/** H1 makes the flag that F1 asks for. What ages within the hour comes at the end, and what needs another phase after it. */
const rank = ({ max_age, probe }: ChecklistItem): number =>
  RANKS[probe.name] ?? Number(max_age === 'PT1H')

const measure = (
  { id, where, effect, probe }: Pick<ChecklistItem, 'id' | 'where' | 'effect' | 'probe'>,
  { quick, parts }: { readonly quick: boolean; readonly parts: RehearsalParts },
): RehearsedCommand =>
  ffWords(
    [
      'probe',
      'run',
      id,
      '--database',
      `env:${SERVICE_TARGET}`,
      ...(probe.name === 'restore' && parts.restore ? ['--scratch', `env:${RESTORE_TARGET}`] : []),
      ...(where === 'staging' && effect === 'disrupt' ? ['--allow-disrupt', id] : []),
      ...(quick ? ['--evidence', QUICK_EVIDENCE] : []),
    ],
    {
      settings: quick ? { FF_RUNNER_KEY_FILE: QUICK_KEY } : {},
      seconds: getSeconds(id),
      // Records that no trust file names count as inconclusive.
      ends: quick || Object.hasOwn(PROGRAMS, probe.name) ? [0, 22] : [0],
      stops: false,
    },
  )

const listSignSteps = (): readonly RehearsalStep[] => [
  title('The signatures'),
  ff('signoff request'),
  ...LEADS.map((person) => ff(`signoff sign --key ${PRIVATE}/${person}.key.json`, byPerson)),
  ff('signoff verify'),
]

/** Seconds that an item takes with its controls on two idle cores, by id; 2 where it is not named. */
const SECONDS: Readonly<Record<string, number>> = {
  A1: 6,
  A5: 10,
  B3: 12,
  C1: 6,
  C4: 6,
  D1: 55,
  D2: 12,
  D3: 28,
  D4: 15,
  E2: 117,
  E3: 46,
  F2: 9,
  F4: 12,
  G1: 40,
  G3: 5,
  H1: 10,
  I2: 20,
  I3: 5,
}
const getSeconds = (id: string): number => SECONDS[id] ?? 2
/** What takes longer is no part of a sample. */
const QUICK_S = 4

/** Seconds that all commands take together on two idle cores. */
export const sumSeconds = (steps: readonly RehearsalStep[]): number =>
  steps.reduce((sum, one) => sum + (one.do === 'command' ? one.seconds : 0), 0)
