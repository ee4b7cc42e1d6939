import { readFile } from 'node:fs/promises'
import { createServer, request as httpRequest, type Server } from 'node:http'
import { createRequire } from 'node:module'
import { type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shared } from '../../support/shared.ts'
import {
  ask,
  type Issuer,
  openFileTarget,
  openIssuer,
  type ServiceTarget,
  type StartedService,
  startService,
} from '../../support/service.ts'

const require = createRequire(import.meta.url)
const PROVIDER = dirname(require.resolve('@openfeature/ofrep-web-provider'))
const SDK = join(dirname(require.resolve('@openfeature/web-sdk')), '../esm')
/** A package as that of another folder sees it. */
const findFrom = (folder: string, name: string): string =>
  dirname(createRequire(join(folder, 'index.js')).resolve(name))
/** The modules of the stock client as a browser loads them. */
const MODULES: Readonly<Record<string, string>> = {
  '@openfeature/ofrep-web-provider': join(PROVIDER, 'index.esm.js'),
  '@openfeature/ofrep-core': join(findFrom(PROVIDER, '@openfeature/ofrep-core'), 'index.esm.js'),
  '@openfeature/web-sdk': join(SDK, 'index.js'),
  '@openfeature/core': join(findFrom(SDK, '@openfeature/core'), '../esm/index.js'),
}
const IMPORTS = Object.fromEntries(Object.keys(MODULES).map((name) => [name, `/${name}`]))
const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>`

/** A web server for the page, whose origin is that of its port. */
async function openPages(): Promise<Server> {
  const server = createServer((request, response) => {
    const path = MODULES[(request.url ?? '').slice(1)]
    if (path === undefined) return void response.setHeader('content-type', 'text/html').end(PAGE)
    response.setHeader('content-type', 'text/javascript')
    void readFile(path).then((text) => response.end(text))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
const getOrigin = (server: Server): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const flag = (state: string, value_type: string, values: readonly [unknown, unknown]): string =>
  JSON.stringify({
    sensitive: false,
    required_auth: 'none',
    description: 'made by a test',
    owner: 'tests',
    state,
    value_type,
    default_value: values[0],
    safe_value: values[1],
  })

/** A proxy in front of two instances: it sends streams to one, and everything else to the other. */
async function openProxy(streams: string, rest: string) {
  const evaluations: string[] = []
  const server = createServer((request, response) => {
    const { url: path = '', method, headers } = request
    const isStream = path.startsWith('/v1/changes')
    if (!isStream && method === 'POST') evaluations.push(path)
    const { hostname, port } = new URL(isStream ? streams : rest)
    const sent = httpRequest({ hostname, port, path, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    sent.once('error', () => response.destroy())
    response.once('close', () => sent.destroy())
    request.pipe(sent)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { origin: getOrigin(server), evaluations, close }
}

let target: ServiceTarget
let issuer: Issuer
let service: StartedService
let lagging: StartedService
let laggingTarget: ServiceTarget
let allowed: Server
let other: Server
let browser: Browser
beforeAll(async () => {
  const missing = await shared('chromium')
  if (missing !== null) throw new Error(missing)
  ;[target, laggingTarget, issuer, allowed, other] = await Promise.all([
    openFileTarget(),
    openFileTarget(),
    openIssuer(),
    openPages(),
    openPages(),
  ])
  const env = { ...issuer.env, FF_CORS_ORIGINS: getOrigin(allowed) }
  ;[service, lagging] = await Promise.all([
    startService({ ...target.env, ...env }),
    startService({ ...laggingTarget.env, ...env }),
  ])
  await put('ff.bool', flag('active', 'boolean', [true, false]))
  await put('ff.number', flag('active', 'number', [0.25, 0]))
  await put('ff.object', flag('active', 'object', [{ a: [1] }, {}]))
  await put('ff.text', flag('active', 'string', ['blue', '']))
  await put('ff.killed', flag('killed', 'boolean', [true, false]))
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await Promise.all([service?.stop(), lagging?.stop()])
  for (const server of [allowed, other]) server?.close()
  await Promise.all([target?.remove(), laggingTarget?.remove()])
  await issuer?.close()
})
async function put(key: string, body: string, { origin } = service): Promise<void> {
  const token = await issuer.token()
  const { status } = await ask(origin, `/v1/flags/${key}`, { method: 'PUT', token, body })
  expect([200, 201]).toContain(status)
}

/** Opens a page of this origin. @returns the page, and the statuses that the service answered it with */
async function visit(pages: Server): Promise<{ page: Page; answers: string[] }> {
  const page = await browser.newPage()
  const answers: string[] = []
  page.on('response', (response) => {
    if (response.url().startsWith(service.origin))
      answers.push(`${response.request().method()} ${response.status()}`)
  })
  await page.goto(getOrigin(pages))
  return { page, answers }
}

/** Runs in the page: the stock client, and the values that it serves. */
const OPEN_CLIENT = `window.open = async (baseUrl, context) => {
  const { OpenFeature } = await import('@openfeature/web-sdk')
  const { OFREPWebProvider } = await import('@openfeature/ofrep-web-provider')
  window.read = () => {
    const client = OpenFeature.getClient()
    return {
      bool: client.getBooleanValue('ff.bool', false),
      number: client.getNumberValue('ff.number', -1),
      object: client.getObjectValue('ff.object', {}),
      text: client.getStringValue('ff.text', 'default'),
      killed: client.getBooleanValue('ff.killed', true),
    }
  }
  window.readLive = () => OpenFeature.getClient().getBooleanValue('ff.live', true)
  window.change = (next) => OpenFeature.setContext(next)
  const fetched = await OpenFeature.setProviderAndWait(
    new OFREPWebProvider({ baseUrl, pollInterval: 0 }), context,
  ).then(() => 'ready', (error) => String(error))
  return { fetched, values: window.read() }
}`
const VALUES = { bool: true, number: 0.25, object: { a: [1] }, text: 'blue', killed: false }
const DEFAULTS = { bool: false, number: -1, object: {}, text: 'default', killed: true }
async function openClient(page: Page, { origin } = service as { origin: string }) {
  await page.evaluate(OPEN_CLIENT)
  return page.evaluate(`window.open(${JSON.stringify(origin)}, { targetingKey: 'U1' })`)
}

describe('the stock OFREP client in a page of another origin', () => {
  test('that is allowed has every value, a killed flag off, and 304 where nothing has changed', async () => {
    const { page, answers } = await visit(allowed)
    expect(await openClient(page)).toEqual({ fetched: 'ready', values: VALUES })
    const whole = (): number => answers.filter((one) => one === 'POST 200').length
    expect(whole()).toBe(1)
    await page.evaluate(`window.change({ targetingKey: 'U1', page: 'cart' })`)
    // The client serves what it holds while it asks again.
    await expect.poll(() => answers.at(-1)).toBe('POST 304')
    expect(await page.evaluate('window.read()')).toEqual(VALUES)

    await put('ff.bool', flag('killed', 'boolean', [true, false]))
    await page.evaluate(`window.change({ targetingKey: 'U1', page: 'pay' })`)
    await expect.poll(() => page.evaluate('window.read()')).toEqual({ ...VALUES, bool: false })
    // The change is also an event, so the client may ask twice at once.
    expect(whole()).toBeGreaterThan(1)
    await page.close()
  })
  test('that is not allowed sees nothing, and serves its defaults', async () => {
    const { page, answers } = await visit(other)
    const opened = await openClient(page)
    expect(opened).toMatchObject({ values: DEFAULTS })
    expect(opened).not.toMatchObject({ fetched: 'ready' })
    expect(answers).not.toContain('POST 200')
    await page.close()
  })
})

test('a kill switch reaches a page that does not poll, though the instance that evaluates hears of it late', async () => {
  for (const one of [service, lagging])
    await put('ff.live', flag('active', 'boolean', [true, false]), one)
  const killed = flag('killed', 'boolean', [true, false])
  const proxy = await openProxy(service.origin, lagging.origin)
  const { page } = await visit(allowed)
  const readLive = (): Promise<unknown> => page.evaluate('window.readLive()')
  const streamed = page.waitForResponse((response) => response.url().endsWith('/v1/changes'))
  expect(await openClient(page, proxy)).toMatchObject({ fetched: 'ready' })
  expect((await streamed).status()).toBe(200)
  // A stream begins with an event, in case that something has changed since the client has asked.
  await expect.poll(() => proxy.evaluations.length).toBe(2)
  await put('ff.live', killed)
  await expect.poll(() => proxy.evaluations.length).toBe(3)
  expect(await readLive()).toBe(true)
  await put('ff.live', killed, lagging)
  await expect.poll(readLive, { timeout: 10_000 }).toBe(false)
  expect(proxy.evaluations).toHaveLength(4)
  await page.close()
  proxy.close()
})

/** Runs in the page: a request with a token. @returns what the page can read of the response, or its error */
const ASK = `window.ask = async (url) => {
  const headers = { 'content-type': 'application/json', authorization: 'Bearer no.good.token' }
  try {
    const answer = await fetch(url, { method: 'POST', headers, body: '{"flag_key":"ff.bool"}' })
    const { code } = await answer.json()
    return { status: answer.status, code, id: answer.headers.get('x-request-id') !== null }
  } catch (error) {
    return String(error)
  }
}`
describe('a refusal of the service', () => {
  const fetchFrom = async (pages: Server, path: string): Promise<unknown> => {
    const { page } = await visit(pages)
    await page.evaluate(ASK)
    const read = await page.evaluate(`window.ask(${JSON.stringify(service.origin + path)})`)
    await page.close()
    return read
  }
  test('is read by a page of an allowed origin, with its request id', async () => {
    expect(await fetchFrom(allowed, '/v1/flags/evaluate')).toEqual({
      status: 401,
      code: 'token_malformed',
      id: true,
    })
  })
  test('is hidden from any other page', async () => {
    expect(await fetchFrom(other, '/v1/flags/evaluate')).toBe('TypeError: Failed to fetch')
  })
  test('is hidden on a path that is not for pages', async () => {
    expect(await fetchFrom(allowed, '/v1/flags')).toBe('TypeError: Failed to fetch')
  })
})
