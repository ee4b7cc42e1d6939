import { createHash } from 'node:crypto'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { buildWatchView } from '../../src/core/observe/watch-view.ts'
import { formatWatchEvent, formatWatchPage, WATCH_POLICY } from '../../src/reports/watch-html.ts'
import { formatSeconds } from '../../src/reports/watch-rows.ts'
import { formatWatchScreen, listWatchNews } from '../../src/reports/watch-text.ts'
import {
  makeGate,
  makeItem,
  makeStatus,
  makeTraffic,
  makeView,
  NOTHING,
  NOW,
  readAway,
  readNow,
} from '../core/observe/watch-views.ts'

const HOSTILE = `\u001B[2J</dd></script><script>alert(1)</script><img src=x onerror='x'>\n`
const [instance] = makeStatus().instances
/** Every text that another machine or a person has given. */
const hostile = makeView({
  cutover: readNow(
    makeStatus({
      instances: [{ ...(instance as NonNullable<typeof instance>), id: HOSTILE, host: HOSTILE }],
      blocks: [{ code: 'older_epoch', detail: HOSTILE }],
    }),
  ),
  traffic: readNow(makeTraffic({ divergences: { [HOSTILE]: 3 } })),
  gate: readNow(
    makeGate({ verdict: 'no_go', items: [makeItem({ state: 'fail', title: HOSTILE })] }),
  ),
  recording: readAway(HOSTILE),
})
const SILENT = {
  traffic: readNow(
    makeTraffic({
      instances: makeTraffic().instances.map((one, at) => ({ ...one, answers: at === 0 })),
    }),
  ),
}
const SCREEN = { columns: 100, rows: 200 }
const draw = (view = makeView(), size = SCREEN): readonly string[] =>
  formatWatchScreen(view, size, { color: false })

describe('the screen', () => {
  test('has every part with its age', () => {
    const lines = draw()
    for (const title of ['Cutover', 'Instances now', '48 hours of staging', 'Gate'])
      expect(lines).toContain(`${title}  read 2 s ago`)
    expect(lines.join('\n')).toContain('ff cutover advance')
    expect(lines.join('\n')).toContain('p99 3.25 ms')
  })
  test('says nothing of divergences while an instance is silent', () => {
    expect(draw().join('\n')).toMatch(/^\+ divergences +none$/m)
    expect(draw(makeView(SILENT)).join('\n')).toMatch(/^~ divergences +not known: an instance/m)
  })
  test('marks what is old, and shows no value of what is away', () => {
    const at_ms = NOW.at_ms - 60_000
    const lines = draw(
      makeView({ cutover: readNow(makeStatus(), { at_ms }), traffic: readAway('cannot connect') }),
    )
    expect(lines).toContain('Cutover  OLD: read 1 min 0 s ago')
    expect(lines.join('\n')).toContain('cannot connect')
    expect(lines.join('\n')).not.toContain('127.0.0.1:9420')
  })
  test.each([10, 24, 59, 60, 200])(
    'fits a terminal of %i columns, but for a command',
    (columns) => {
      const commands = ['ff cutover advance', 'ff cutover rollback --to dual_write']
      const wide = draw(makeView(), { columns, rows: 500 }).filter(
        (line) => line.length > columns && !commands.includes(line),
      )
      expect(wide).toEqual([])
    },
  )
  test.each([3, 10, 24])('fits a terminal of %i rows, and says what it left out', (rows) => {
    const lines = draw(makeView(), { columns: 80, rows })
    expect(lines.length).toBeLessThan(rows)
    expect(lines.at(-1)).toMatch(/^\.\.\. \d+ more lines$/)
  })
  test('counts the rows that a long command takes', () => {
    const next = 'x'.repeat(75)
    const gate = readNow(makeGate({ verdict: 'no_go', next, fix: 'do' }))
    const lines = draw(makeView({ gate }), { columns: 10, rows: 16 })
    expect(lines).toContain(next)
    expect(lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 10)), 0)).toBe(15)
  })
  test('holds no control of a value, and colours alone', () => {
    expect(draw(hostile).join('\n')).not.toMatch(/\u001B/)
    const coloured = formatWatchScreen(hostile, SCREEN, { color: true })
    expect(coloured.map(stripVTControlCharacters)).toEqual(draw(hostile))
  })
})

describe('what an output that is no terminal gets', () => {
  const first = listWatchNews(makeView(), new Map())
  test('is each fact once, with its time', () => {
    expect(first.lines).toContain('2026-12-01T02:00:00Z Cutover, phase: shadow_read')
    expect(listWatchNews(makeView(), first.facts).lines).toEqual([])
  })
  test('is a fact that changed, and the end of one', () => {
    const cutover = readNow(
      makeStatus({ phase: 'db_authoritative', epoch: 9, blocks: [], instances: [] }),
    )
    const { lines } = listWatchNews(makeView({ cutover }), first.facts)
    const said = lines.map((line) => line.slice(21))
    expect(said).toContain('Cutover, phase: db_authoritative')
    expect(said).toContain('Cutover, one: gone')
    expect(said).toContain(
      'Next, back: ff cutover rollback --to shadow_read  (to the phase before)',
    )
  })
  test('is a number that moves once a minute', () => {
    const traffic = readNow(makeTraffic({ requests: 2_000 }))
    expect(listWatchNews(makeView({ traffic }), first.facts).lines).toEqual([])
    const later = { ...NOW, wall_ms: NOW.wall_ms + 60_000 }
    const { lines } = listWatchNews(makeView({ traffic }, later), first.facts)
    expect(lines.join('\n')).toContain('Instances now, requests: 2000')
  })
  test('says that a part is old or away, and no more of it', () => {
    const at_ms = NOW.at_ms - 60_000
    const traffic = readNow(makeTraffic({ divergences: { '/value': 1 } }), { at_ms })
    const { lines } = listWatchNews(makeView({ traffic, gate: readAway('x') }), first.facts)
    const said = lines.map((line) => line.slice(21))
    expect(said).toContain('Instances now, state: OLD, the next reading is overdue')
    expect(said).toContain('Gate, state: absent')
    expect(said.join('\n')).not.toContain('/value')
  })
  test('says each of two facts of one name', () => {
    const block = { code: 'older_epoch', detail: 'a' } as const
    const cutover = readNow(makeStatus({ blocks: [block, { ...block, detail: 'b' }] }))
    const { lines, facts } = listWatchNews(makeView({ cutover }), new Map())
    expect(lines.filter((line) => line.includes('older_epoch'))).toHaveLength(3)
    expect(listWatchNews(makeView({ cutover }), facts).lines).toEqual([])
  })
})

describe('the page', () => {
  const digest = (text = ''): string => createHash('sha256').update(text).digest('base64')
  test('runs its own script and style alone, and loads nothing', () => {
    const page = formatWatchPage(hostile)
    expect(WATCH_POLICY).toContain(
      `script-src 'sha256-${digest(/<script>([\s\S]*)<\/script>/.exec(page)?.[1])}'`,
    )
    expect(WATCH_POLICY).toContain(
      `style-src 'sha256-${digest(/<style>([\s\S]*)<\/style>/.exec(page)?.[1])}'`,
    )
    expect(page.match(/<script/g)).toHaveLength(1)
    expect(page).not.toMatch(/<[^>]* (src|href|style|on\w+)=/i)
    expect(page).not.toMatch(/<(img|link|iframe|object|embed|a|form|base)\b/i)
    expect(page).not.toMatch(/url\(|@import/)
  })
  test('shows a view of which nothing is read', () => {
    expect(formatWatchPage(buildWatchView(NOTHING, NOW))).toContain('it is not read yet')
  })
  test('shows each hour of the recording', () => {
    expect(formatWatchPage(makeView()).match(/<li class="clean"/g)).toHaveLength(2)
  })
})

describe('an event of the page', () => {
  const parse = ({ data }: { readonly data: string }) =>
    JSON.parse(data) as {
      sections: Record<string, string>
      said: string
      ages: Record<string, { state: string; age: string }>
    }
  test('is one line with every part first, then with those that changed', () => {
    const first = formatWatchEvent(hostile, new Map())
    expect(first.data).not.toContain('\n')
    expect(Object.keys(parse(first).sections)).toHaveLength(6)
    for (const html of Object.values(parse(first).sections)) {
      expect(html).not.toMatch(/<(script|img)/i)
      expect(html).not.toContain('\u001B')
    }
    const later = { ...NOW, at_ms: NOW.at_ms + 1_000 }
    const again = formatWatchEvent(
      makeView(),
      formatWatchEvent(makeView({}, later), new Map()).sent,
    )
    expect(parse(again).sections).toEqual({})
    expect(parse(again).ages['gate']).toEqual({ state: 'fresh', age: '  read 2 s ago' })
  })
  test.each([
    ['nothing that is not known', buildWatchView(NOTHING, NOW), 'divergences not known'],
    [
      'that nothing was compared',
      makeView({ traffic: readNow(makeTraffic({ compared: 0 })) }),
      'nothing compared',
    ],
    ['nothing that is not known of a silent instance', makeView(SILENT), 'divergences not known'],
    [
      'a divergence',
      makeView({ traffic: readNow(makeTraffic({ divergences: { '/a': 1 } })) }),
      'divergences in /a',
    ],
  ])('reads out %s', (_, view, words) => {
    expect(parse(formatWatchEvent(view, new Map())).said).toContain(words)
  })
})

test.each([
  [null, '-'],
  [0, '0 s'],
  [59.6, '60 s'],
  [61, '1 min 1 s'],
  [3_600 + 120, '1 h 2 min'],
  [2 * 86_400 + 3_600 * 5, '2 d 5 h'],
])('%s seconds are %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text)
})
