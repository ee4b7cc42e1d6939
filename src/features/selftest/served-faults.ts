import type { RouteRequest, RouteResponse, Route } from '../../ports/http.ts'
import { type PlantedFault, inService, type WrapRoute, type FaultSide } from './fault.ts'

type Handle = Route['handle']
/** Made anew for each service: it may keep what it saw. */
type Make = () => WrapRoute
const at =
  (id: string, make: () => (handle: Handle) => Handle): Make =>
  () => {
    const change = make()
    return (route) => (route.id === id ? change(route.handle) : route.handle)
  }

const evaluating = (make: () => (handle: Handle) => Handle): Make => at('flags.evaluate', make)
/** The answer is another. */
const saying = (change: (text: string) => string): Make =>
  evaluating(() => (handle) => async (call) => {
    const reply = await handle(call)
    return { ...reply, text: change(reply.text) }
  })
/** The service takes the question for another. */
const asked = (change: (call: RouteRequest) => Partial<RouteRequest>): Make =>
  evaluating(() => (handle) => (call) => handle({ ...call, ...change(call) }))
/** What the service works with is another. @param change of a scene, as JSON */
const standing = (change: (scene: object) => object): Make =>
  at('harness.scene', () => (handle) => (call) => {
    const scene: unknown = JSON.parse(call.body)
    return handle({ ...call, body: JSON.stringify(change(scene as object)) })
  })

const ANONYMOUS = { token: null, dev_headers: null } as const
const without = (body: string, left: string): string => {
  const members = Object.entries(JSON.parse(body) as object)
  return JSON.stringify(Object.fromEntries(members.filter(([name]) => name !== left)))
}
const inOwnName = (text: string, id: string): string =>
  text.replace(/("request_id":")[^"]+/, (_, name: string) => name + id)

type ServedFaultRow = readonly [
  name: string,
  models: string,
  make: Make,
  sides?: readonly FaultSide[],
]
const BOTH: readonly FaultSide[] = ['baseline', 'candidate']
const PLANTED: readonly ServedFaultRow[] = [
  [
    'environment-forgotten',
    'a service that takes every place for production',
    standing((scene) => ({ ...scene, environment: 'prod' })),
    BOTH,
  ],
  ['token-dropped', 'the token is lost on the way', asked(() => ({ credential: ANONYMOUS })), BOTH],
  [
    'who-by-connection',
    'who came first is believed for all that follow',
    evaluating(() => {
      let first: RouteRequest['credential'] | null = null
      return (handle) => (call) => {
        first ??= call.credential
        return handle({ ...call, credential: first })
      }
    }),
    BOTH,
  ],
  [
    'cached-by-caller',
    'an answer about another flag, out of a cache',
    evaluating(() => {
      const kept = new Map<string, RouteResponse>()
      return (handle) => async (call) => {
        const caller = JSON.stringify(call.credential)
        const reply = kept.get(caller) ?? (await handle(call))
        kept.set(caller, reply)
        return { ...reply, text: inOwnName(reply.text, call.request_id) }
      }
    }),
    BOTH,
  ],
  [
    'answer-behind',
    'the answer to the question before',
    evaluating(() => {
      let before: RouteResponse | null = null
      return (handle) => async (call) => {
        const reply = await handle(call)
        const told = before ?? reply
        before = reply
        return { ...told, text: inOwnName(told.text, call.request_id) }
      }
    }),
  ],
  [
    'rows-stale',
    'what came after the first rows is not seen',
    at('harness.rows', () => {
      let loaded = false
      return (handle) => async (call) => {
        const reply = await handle(loaded ? { ...call, body: NO_ROWS } : call)
        loaded = true
        return reply
      }
    }),
  ],
  [
    'clock-behind',
    'a service whose clock is wrong by a day',
    standing((scene) => ({ ...scene, now: dayBefore(scene) })),
    BOTH,
  ],
  [
    'approvals-forgotten',
    'no approval reaches the service',
    standing((scene) => ({ ...scene, approvals: [] })),
    BOTH,
  ],
  [
    'admin-always-there',
    'an Admin that is away is not noticed',
    standing((scene) => ({ ...scene, admin: 'reachable' })),
    BOTH,
  ],
  [
    'keys-forgotten',
    'a service that was started without keys',
    standing((scene) => ({ ...scene, keys: null })),
    BOTH,
  ],
  [
    'approval-dropped',
    'what a question says of an approval is not read',
    asked(({ body }) => ({ body: without(body, 'approval_ref') })),
    BOTH,
  ],
  [
    'request-id-of-another',
    'the id of another request',
    asked(({ request_id }) => ({ request_id: `${request_id}-2` })),
    BOTH,
  ],
  ['cut-short', 'an answer that breaks off', saying((text) => text.slice(0, -1))],
  ['empty', 'an answer without a body', saying(() => '')],
  ['byte-order-mark', 'three bytes before the answer', saying((text) => `\uFEFF${text}`)],
  [
    'latin-1',
    'a gateway that takes UTF-8 for another encoding',
    saying((text) => Buffer.from(text, 'utf8').toString('latin1')),
  ],
  ['wrapped', 'a gateway that puts answers into an envelope', saying((text) => `{"data":${text}}`)],
  [
    'rounded',
    'numbers that went through 32 bits',
    saying((text) =>
      text.replace(/"value":(-?\d[\d.e+-]*)/, (_, value: string) => {
        return `"value":${JSON.stringify(Math.fround(Number(value)))}`
      }),
    ),
  ],
]

const NO_ROWS = '{"flags":[],"tenant_overrides":[],"user_overrides":[]}'
const DAY_MS = 86_400_000
const dayBefore = (scene: object): string => {
  const { now } = scene as { readonly now: string }
  return new Date(Date.parse(now) - DAY_MS).toISOString()
}

/** A service between its store and whoever asks over HTTP. */
export const SERVED_FAULTS: readonly PlantedFault[] = PLANTED.map(
  ([name, models, make, sides = ['candidate']]) => ({
    id: `served.${name}`,
    models,
    proof: 'served',
    plant: inService(sides, make),
  }),
)
