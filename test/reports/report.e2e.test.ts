import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runFf } from '../support/run-ff.ts'
import { shared } from '../support/shared.ts'
import { measureAgain, type SignedFolder, signedFolder } from '../support/signed-folder.ts'

const HOSTILE = `</dd><script>document.title='owned'</script><img src="https://x.example/" onerror="document.title='owned'">`
const A4_WIDTH = 794

/** Tries in the page what the policy forbids. @returns the directives that refused it */
const TRESPASS = `(async () => {
  const refused = []
  document.addEventListener('securitypolicyviolation', (one) => refused.push(one.effectiveDirective))
  const put = (name, set) => document.body.append(Object.assign(document.createElement(name), set))
  put('script', { textContent: "document.title = 'owned'" })
  put('style', { textContent: 'h1 { display: none }' })
  put('img', { src: 'https://x.example/' })
  await fetch('https://x.example/').catch(() => null)
  while (refused.length < 4) await new Promise((resolve) => setTimeout(resolve, 10))
  for (const one of document.querySelectorAll('script, body style, img')) one.remove()
  return refused
})()`

let folder: SignedFolder
let browser: Browser
let page: Page
/** The requests of the page, without the page itself, and its console messages. */
const asked: string[] = []
const said: string[] = []

beforeAll(async () => {
  const missing = await shared('chromium')
  if (missing !== null) throw new Error(missing)
  folder = await signedFolder({ waived: true })
  const failed = { result: 'fail', codes: ['change_late'], example: HOSTILE } as const
  await measureAgain(folder, 'D1', failed)
  await measureAgain(folder, 'D1', { ...failed, measured: { p99_ms: 2417, instances_missed: 0 } })
  await measureAgain(folder, 'F1', { result: 'inconclusive', codes: ['target_missing'] })
  const run = await runFf(['report', '--output', 'html=gate.html'], folder)
  expect(run.status).toBe(20)
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  page = await browser.newPage({ viewport: { width: 1100, height: 900 } })
  page.on('request', (one) => void asked.push(one.url()))
  page.on('console', (one) => void said.push(one.text()))
  await page.goto(pathToFileURL(join(folder.cwd, 'gate.html')).href)
}, 120_000)
afterAll(async () => {
  await browser?.close()
  if (folder !== undefined) await rm(folder.cwd, { recursive: true, force: true })
})

describe('the HTML report, opened from disk in a browser', () => {
  test('sends no request and violates no policy', async () => {
    await page.waitForLoadState('networkidle')
    expect(asked).toEqual([page.url()])
    expect(said).toEqual([])
  })
  test('its style applies, and no other script or style would', async () => {
    const color = await page.evaluate<string>(
      'getComputedStyle(document.querySelector("h1")).color',
    )
    expect(color).not.toBe('rgb(0, 0, 0)')
    const refused = await page.evaluate<readonly string[]>(TRESPASS)
    expect([...new Set(refused)].sort()).toEqual([
      'connect-src',
      'img-src',
      'script-src-elem',
      'style-src-elem',
    ])
    expect(await page.title()).toContain('NO-GO')
  })
  test('texts from outside are escaped', async () => {
    expect(await page.getByText(HOSTILE).first().isVisible()).toBe(true)
    expect(await page.locator('script, img').count()).toBe(0)
  })
  test('the verdict comes first, then the blockers, with failures open and the others closed', async () => {
    const ids = await page.locator('details').evaluateAll((all) => all.map(({ id }) => id))
    expect([ids.length, ids[0], ids[1]]).toEqual([42, 'D1', 'F1'])
    const top = async (what: string): Promise<number> =>
      (await page.locator(what).first().boundingBox())?.y ?? NaN
    expect(await top('h1')).toBeLessThan(await top('#D1'))
    expect(await top('#D1')).toBeLessThan(await top('#A1'))
    expect(await page.locator('#D1 dl').first().isVisible()).toBe(true)
    const closed = page.locator('#A1 dl').first()
    expect(await closed.isVisible()).toBe(false)
    await page.locator('#A1 summary').click()
    expect(await closed.isVisible()).toBe(true)
    await page.locator('#A1 summary').click()
  })
  test('the content fits the window of a computer and of a phone', async () => {
    for (const width of [1100, 390]) {
      await page.setViewportSize({ width, height: 900 })
      const over = await page.evaluate<number>(
        'document.documentElement.scrollWidth - document.documentElement.clientWidth',
      )
      expect(over).toBe(0)
    }
    await page.setViewportSize({ width: 1100, height: 900 })
  })
  test('printed, every item is open and both signatures are there', async () => {
    await page.emulateMedia({ media: 'print' })
    await page.setViewportSize({ width: A4_WIDTH, height: 900 })
    const shut = await page.evaluate<number>(
      '[...document.querySelectorAll("details > dl")].filter((one) => one.getBoundingClientRect().height < 20).length',
    )
    expect(shut).toBe(0)
    const pdf = await page.pdf({ format: 'A4' })
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
    const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0
    expect(pages).toBeGreaterThan(5)
    expect(await readFile(join(folder.cwd, 'gate.html'), 'utf8')).toContain('security-lead')
    await page.emulateMedia({ media: 'screen' })
  })
})
