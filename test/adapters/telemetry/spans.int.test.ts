import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SamplingDecision,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startSpan } from '../../../src/adapters/telemetry/spans.ts'
import { adapters } from '../../../src/composition.ts'
import { formatCheckAnswer, parseCheckRequest } from '../../../src/core/admin/messages.ts'
import type { ApprovalQuery } from '../../../src/core/evaluate/types.ts'
import { SAMPLE_FLAG } from '../../../src/features/serve/sample.ts'
import { type Issuer, openIssuer } from '../../support/service.ts'
import { askFlag, getService, type RunningService } from '../../support/service-here.ts'

const [TRACE, SPAN] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
const CALLER = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'vendor=1' }
const SENSITIVE = { flag_key: SAMPLE_FLAG, approval_ref: 'APP-1-A' }

/** The headers of each request to Admin, which knows no approval. */
const asked: IncomingHttpHeaders[] = []
let admin: Server
let service: RunningService
let issuer: Issuer
let token: string
beforeAll(async () => {
  admin = createServer((request, response) => {
    asked.push(request.headers)
    void text(request).then((body) => {
      const question = parseCheckRequest(body) as ApprovalQuery
      response.setHeader('content-type', 'application/json')
      response.end(formatCheckAnswer(question, { status: 'unknown' }, 'unknown'))
    })
  }).listen(0, '127.0.0.1')
  await once(admin, 'listening')
  issuer = await openIssuer()
  token = await issuer.token()
  service = await getService({
    settings: {
      ...issuer.env,
      FF_ADMIN_URL: `http://127.0.0.1:${(admin.address() as AddressInfo).port}`,
      FF_ADMIN_LISTEN: '127.0.0.1:0',
    },
    deps: {
      openSampleStore: ({ flag_registry: [flag, ...flags], ...overrides }, tools) => {
        const sensitive = flag === undefined ? [] : [{ ...flag, sensitive: true }]
        return adapters.openSampleStore(
          { ...overrides, flag_registry: [...sensitive, ...flags] },
          tools,
        )
      },
    },
  })
})
afterEach(() => {
  asked.length = 0
})
afterAll(async () => {
  await service.close()
  admin.close()
  await issuer.close()
  trace.disable()
})

const askSensitive = (headers: object = {}): Promise<Response> =>
  askFlag(service.origin, SENSITIVE, { authorization: `Bearer ${token}`, ...headers })

describe('without an SDK', () => {
  test('the trace of the caller is handed on to Admin as it is', async () => {
    expect((await askSensitive(CALLER)).status).toBe(200)
    expect(asked).toEqual([expect.objectContaining(CALLER)])
  })
  test.each([
    ['no trace', {}],
    ['an invalid trace', { traceparent: `00-${TRACE}-${SPAN}`, tracestate: 'vendor=1' }],
    ['a state without a trace', { tracestate: 'vendor=1' }],
  ])('%s is handed on as none', async (_name, headers) => {
    await askSensitive(headers)
    expect(asked).toHaveLength(1)
    expect(asked[0]).not.toHaveProperty('traceparent')
    expect(asked[0]).not.toHaveProperty('tracestate')
  })
})

describe('with an SDK', () => {
  const exporter = new InMemorySpanExporter()
  let decision = SamplingDecision.RECORD_AND_SAMPLED
  beforeAll(() => {
    const sampler = { shouldSample: () => ({ decision }), toString: () => 'of this test' }
    const spanProcessors = [new SimpleSpanProcessor(exporter)]
    trace.setGlobalTracerProvider(new BasicTracerProvider({ sampler, spanProcessors }))
  })
  afterEach(() => exporter.reset())
  const finished = async (count: number): Promise<readonly ReadableSpan[]> => {
    await expect.poll(() => exporter.getFinishedSpans().length).toBe(count)
    return exporter.getFinishedSpans()
  }

  test('a request is one span of its caller, and Admin is called within it', async () => {
    await askSensitive(CALLER)
    const [span] = await finished(1)
    expect(span).toMatchObject({
      name: 'POST /v1/flags/evaluate',
      kind: SpanKind.SERVER,
      parentSpanContext: { traceId: TRACE, spanId: SPAN, isRemote: true },
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v1/flags/evaluate',
        'http.response.status_code': 200,
        'ff.flags': 1,
      },
    })
    const own = span?.spanContext()
    expect(own?.traceId).toBe(TRACE)
    expect(asked[0]).toMatchObject({
      traceparent: `00-${TRACE}-${own?.spanId}-01`,
      tracestate: 'vendor=1',
    })
  })
  test('a request without a trace begins one', async () => {
    await askSensitive()
    const [span] = await finished(1)
    const { traceId, spanId } = span?.spanContext() ?? {}
    expect(span?.parentSpanContext).toBeUndefined()
    expect(asked[0]?.['traceparent']).toBe(`00-${traceId}-${spanId}-01`)
  })
  test('a span holds the number of flags, the code of a refusal, and nothing of the request', async () => {
    const ofrep = `${service.origin}/ofrep/v1/evaluate/flags`
    const headers = { 'content-type': 'application/json' }
    await fetch(ofrep, { method: 'POST', headers, body: '{"context":{}}' })
    await fetch(`${ofrep}/secret-key`, { method: 'POST', headers, body: '{"context":{}}' })
    await fetch(`${service.origin}/secret-path?secret=1`)
    const spans = await finished(3)
    expect(spans.map(({ name, attributes, status }) => [name, attributes, status.code])).toEqual([
      [
        'POST /ofrep/v1/evaluate/flags',
        expect.objectContaining({ 'ff.flags': 2, 'http.response.status_code': 200 }),
        SpanStatusCode.UNSET,
      ],
      [
        'POST /ofrep/v1/evaluate/flags/:key',
        expect.objectContaining({ 'error.type': 'flag_unknown', 'http.response.status_code': 404 }),
        SpanStatusCode.UNSET,
      ],
      [
        'GET',
        {
          'http.request.method': 'GET',
          'error.type': 'route_unknown',
          'http.response.status_code': 404,
        },
        SpanStatusCode.UNSET,
      ],
    ])
    expect(JSON.stringify(spans.map(({ name, attributes }) => [name, attributes]))).not.toMatch(
      /secret/,
    )
  })
  test('a failure of the service is an error of the span', async () => {
    const request = { method: 'GET', route: '/a', trace: null }
    startSpan(request).end({ status: 503, code: 'backing_unavailable', flags: null })
    const [span] = await finished(1)
    expect(span?.status.code).toBe(SpanStatusCode.ERROR)
  })
  test('that records nothing, the trace goes on as not recorded', async () => {
    decision = SamplingDecision.NOT_RECORD
    await askSensitive(CALLER)
    expect(exporter.getFinishedSpans()).toEqual([])
    expect(asked[0]?.['traceparent']).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`))
  })
})
