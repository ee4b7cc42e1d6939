import { request } from 'node:http'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { adapters } from '../../../src/composition.ts'
import type { WatchView } from '../../../src/core/observe/watch-view.ts'
import {
  MOST_STREAMS,
  openWatchServer,
  type WatchServer,
} from '../../../src/features/observe/watch-server.ts'
import { formatWatchEvent, formatWatchPage, WATCH_POLICY } from '../../../src/reports/watch-html.ts'
import {
  makeGate,
  makeItem,
  makeStatus,
  makeTraffic,
  makeView,
  readAway,
  readNow,
} from '../../core/observe/watch-views.ts'
import { shared } from '../../support/shared.ts'

const HOSTILE = `</dd><script>document.title = 'taken'</script><img src="http://192.0.2.1/x" onerror="document.title = 'taken'">${'w'.repeat(300)}`
const OPEN = makeView()
/** A whole drill: forth, and back. */
const DRILL = (['shadow_read', 'db_authoritative', 'shadow_read'] as const).map((phase, at) =>
  makeView({ cutover: readNow(makeStatus({ phase, epoch: 7 + 2 * at, blocks: [] })) }),
)

let view: WatchView
let server: WatchServer
let browser: Browser
const failures: unknown[] = []
const open = (): Promise<WatchServer> =>
  openWatchServer(
    adapters,
    {
      policy: WATCH_POLICY,
      html: () => formatWatchPage(view),
      event: (sent: ReadonlyMap<string, string> = new Map()) => formatWatchEvent(view, sent),
    },
    { port: 0, failed: (error) => failures.push(error) },
  )
beforeAll(async () => {
  const missing = await shared('chromium')
  if (missing !== null) throw new Error(missing)
  view = OPEN
  server = await open()
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
}, 60_000)
afterEach(() => expect(failures).toEqual([]))
afterAll(async () => {
  await browser?.close()
  await server?.close()
})

/** Asks the server as no browser would. @returns the status, once the headers are there */
const ask = (
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const sent = request(server.origin + path, { method, headers }, (response) => {
      resolve(response.statusCode)
      response.destroy()
    })
    sent.once('error', reject).end()
  })

describe('the server of the page', () => {
  test.each([
    ['/', {}, 200],
    ['/events', {}, 200],
    ['/', { host: 'localhost:9000' }, 200],
    ['/', { host: 'evil.example' }, 400],
    ['/events', { host: '127.0.0.1.evil.example' }, 400],
    ['/events', { 'sec-fetch-site': 'cross-site' }, 400],
    ['/metrics', {}, 404],
  ])('answers GET %s with headers %j by %i', async (path, headers, status) => {
    expect(await ask(path, headers)).toBe(status)
  })
  test.each(['POST', 'PUT', 'DELETE', 'TRACE'])('refuses %s', async (method) => {
    expect(await ask('/', {}, method)).toBe(405)
  })
  test('takes so many readers, and one more once one has left', async () => {
    const streams = Array.from({ length: MOST_STREAMS }, () => new AbortController())
    const answers = await Promise.all(
      streams.map(({ signal }) => fetch(`${server.origin}/events`, { signal })),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(await ask('/events')).toBe(503)
    streams[0]?.abort()
    await expect.poll(() => ask('/events')).toBe(200)
    for (const one of streams) one.abort()
    await expect.poll(() => ask('/events')).toBe(200)
  })
})

/** Opens the page. @returns it, what went wrong there, and the origins that it asked */
async function visit(
  width: number,
  colorScheme: 'light' | 'dark' = 'light',
): Promise<{ page: Page; errors: string[]; asked: Set<string> }> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme })
  const errors: string[] = []
  const asked = new Set<string>()
  page.on('console', (message) => errors.push(message.text()))
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('request', (one) => asked.add(new URL(one.url()).origin))
  await page.goto(server.origin)
  await expect.poll(() => page.evaluate(`document.readyState`)).toBe('complete')
  return { page, errors, asked }
}
const show = (next: WatchView): void => {
  view = next
  server.send()
}

describe('the page in a browser', () => {
  test('follows a drill, and leaves alone what the reader has closed', async () => {
    show(OPEN)
    const { page, errors, asked } = await visit(1_280)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect(await page.locator('#next').getAttribute('open')).toBeNull()
    for (const one of DRILL) {
      show(one)
      const { phase, epoch } = (one.parts.cutover as { value: { phase: string; epoch: number } })
        .value
      await expect.poll(() => page.title()).toBe(`${phase} ${epoch} - ff`)
      expect(await page.locator('#cutover').innerText()).toContain(phase)
      expect(await page.getByRole('status').textContent()).toContain(
        `phase ${phase}, epoch ${epoch}`,
      )
    }
    expect(await page.locator('#next').getAttribute('open')).toBeNull()
    expect(await page.evaluate('document.activeElement.closest("details").id')).toBe('next')
    expect(errors).toEqual([])
    expect(asked).toEqual(new Set([server.origin]))
    await page.close()
  })

  test.each([
    [400, 'light'],
    [1_280, 'dark'],
  ] as const)('fits %i px in %s, whatever a value says, and runs none', async (width, scheme) => {
    const [instance] = makeStatus().instances
    const instances = [{ ...(instance as NonNullable<typeof instance>), id: HOSTILE }]
    const items = [makeItem({ state: 'fail', title: HOSTILE })]
    const divergences = { [HOSTILE]: 1 }
    show(OPEN)
    const { page, errors, asked } = await visit(width, scheme)
    show(
      makeView({
        cutover: readNow(makeStatus({ instances })),
        traffic: readNow(makeTraffic({ divergences })),
        gate: readNow(makeGate({ verdict: 'no_go', items, next: HOSTILE })),
        recording: readAway(HOSTILE),
      }),
    )
    await expect.poll(() => page.locator('#gate').innerText()).toContain('onerror=')
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
    expect(await page.title()).toBe('shadow_read 7 - ff')
    expect(errors).toEqual([])
    expect(asked).toEqual(new Set([server.origin]))
    await page.close()
  })

  test('says that it is old once nothing answers', async () => {
    const { page } = await visit(400)
    expect(await page.getByRole('alert').isVisible()).toBe(false)
    await server.close()
    await expect.poll(() => page.getByRole('alert').isVisible(), { timeout: 10_000 }).toBe(true)
    await page.close()
    server = await open()
  })
})
