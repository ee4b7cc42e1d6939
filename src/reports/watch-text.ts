import type { WatchView } from '../core/observe/watch-view.ts'
import { colorWord, foldText, getWidth, type Style } from './paint.ts'
import { formatSeconds, type WatchRow, type WatchTone } from './watch-rows.ts'
import { describeWatch, type WatchSection } from './watch-words.ts'

const STATES: Readonly<Record<WatchTone, string | null>> = {
  good: 'pass',
  bad: 'fail',
  wait: 'pending',
  plain: null,
}
/** A state is a mark too, so a reader without colour loses nothing. */
const MARKS: Readonly<Record<WatchTone, string>> = { good: '+', bad: '!', wait: '~', plain: ' ' }
const NAME_WIDTH = 20
/** Below it a name gets a line of its own. */
const NARROW = 60

/** The size of a terminal in characters. */
export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

/**
 * The view as lines that fit a screen, the last row left free for the cursor; a last line says how many more there are.
 * A command stays in one line, which the terminal wraps, so that it can be copied.
 */
export function formatWatchScreen(
  view: WatchView,
  { columns, rows }: ScreenSize,
  style: Style,
): readonly string[] {
  const lines = [
    clip(`ff observe watch  ${view.at.slice(0, 19)}Z`, columns),
    ...describeWatch(view).flatMap((section) => formatSection(section, columns, style)),
  ]
  let room = Math.max(2, rows - 1)
  const fitting = lines.findIndex((line, at) => {
    room -= Math.max(1, Math.ceil(getWidth(line) / columns))
    return room < (at === lines.length - 1 ? 0 : 1)
  })
  if (fitting === -1) return lines
  return [...lines.slice(0, fitting), clip(`... ${lines.length - fitting} more lines`, columns)]
}

const formatSection = (section: WatchSection, columns: number, style: Style): readonly string[] => [
  '',
  clip(`${section.title}${formatAge(section)}`, columns),
  ...section.rows.flatMap((row) => formatRow(row, { columns, style })),
]

/** What stands behind the title of a section. */
export function formatAge({ state, age_s }: Pick<WatchSection, 'state' | 'age_s'>): string {
  if (age_s === null) return ''
  const ago = `${formatSeconds(age_s)} ago`
  return state === 'stale' ? `  OLD: read ${ago}` : `  read ${ago}`
}

function formatRow(
  { name, text, command, tone }: WatchRow,
  { columns, style }: { readonly columns: number; readonly style: Style },
): readonly string[] {
  const isNarrow = columns < NARROW
  const indent = isNarrow ? 4 : NAME_WIDTH + 3
  const width = Math.max(1, columns - indent)
  const all = foldText(text, { indent: '', width })
    .split('\n')
    .flatMap((line) => cut(line, width))
  const body = all.length > MOST_LINES ? [...all.slice(0, MOST_LINES), '...'] : all
  const state = STATES[tone]
  const mark = state === null ? MARKS[tone] : colorWord(MARKS[tone], state, style)
  const fits = name.length <= NAME_WIDTH && !isNarrow
  const head = fits ? name.padEnd(NAME_WIDTH) : clip(name, columns - 2)
  const [first, ...rest] = fits ? body : ['', ...body]
  return [
    `${mark} ${head} ${first ?? ''}`.trimEnd(),
    ...rest.map((line) => `${' '.repeat(indent)}${line}`),
    ...(command === null ? [] : [command]),
  ]
}
/** Of one row. */
const MOST_LINES = 3

const clip = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, Math.max(0, width - 1))}>` : text

/** A word that is longer than the width goes on in the next line. */
const cut = (line: string, width: number): readonly string[] =>
  Array.from({ length: Math.max(1, Math.ceil(line.length / width)) }, (_, at) =>
    line.slice(at * width, (at + 1) * width),
  )

/** The facts that were printed, by section and name. */
export type PrintedFacts = ReadonlyMap<string, string>

/**
 * The facts of a view that the last one did not have, one line each with its time, for an output that is no terminal.
 * Numbers that move all the time are printed once a minute. Of a part that is overdue one line says so.
 *
 * @returns the lines, and the facts to compare the next view with
 */
export function listWatchNews(
  view: WatchView,
  before: PrintedFacts,
): { readonly lines: readonly string[]; readonly facts: PrintedFacts } {
  const minute = view.at.slice(0, 16)
  const isMinute = before.get(MINUTE) !== minute
  const facts = new Map([[MINUTE, minute]])
  const lines: string[] = []
  const sections = describeWatch(view)
  for (const { key, said, steady } of sections.flatMap(listFacts)) {
    const known = before.get(key)
    const isKept = known !== undefined && !steady && !isMinute
    facts.set(key, isKept ? known : said)
    if (!isKept && known !== said) lines.push(`${key}: ${said}`)
  }
  const fresh = sections.filter(({ state }) => state === 'fresh')
  const gone = [...before.keys()]
    .filter((key) => !facts.has(key) && fresh.some(({ title }) => key.startsWith(`${title}, `)))
    .map((key) => `${key}: gone`)
  const time = `${view.at.slice(0, 19)}Z`
  return { lines: [...gone, ...lines].map((line) => `${time} ${line}`), facts }
}
const MINUTE = ''

interface WatchFact {
  readonly key: string
  readonly said: string
  readonly steady: boolean
}
function listFacts({ title, state, age_s, rows }: WatchSection): readonly WatchFact[] {
  const key = `${title}, state`
  const said = state === 'stale' ? 'OLD, the next reading is overdue' : state
  if (state === 'waiting') return []
  const facts = state === 'stale' ? [] : rows
  return [
    ...(age_s === null ? [] : [{ key, said, steady: true }]),
    ...facts.map(({ name, text, command, steady }, at) => ({
      // Two facts may have one name.
      key: `${title}, ${name}${rows.findIndex((one) => one.name === name) === at ? '' : ` (${at})`}`,
      said: command === null ? text : `${command}  (${text})`,
      steady,
    })),
  ]
}
