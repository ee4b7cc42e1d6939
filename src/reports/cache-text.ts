import { type CacheMessage, MESSAGE_IDS } from '../core/cache/messages.ts'
import { formatColumns } from './paint.ts'

interface Stats {
  readonly namespaces: readonly {
    readonly namespace: string
    readonly keys: number
    readonly complete: boolean
  }[]
  readonly servers: readonly {
    readonly server: string
    readonly used_bytes: number
    readonly limit_bytes: number | null
  }[]
}
type Event =
  | { readonly kind: 'message'; readonly message: CacheMessage }
  | { readonly kind: 'dropped'; readonly reason: string }
  | { readonly kind: 'link'; readonly state: string }

/** The keys of each namespace, `+` where there are more, and the memory of each primary in bytes. */
export function formatCacheStats({ namespaces, servers }: Stats, width?: number): string {
  const keys = namespaces.map(({ namespace, keys: count, complete }) => [
    namespace,
    `${count}${complete ? '' : '+'} keys`,
  ])
  const memory = servers.map(({ server, used_bytes, limit_bytes }) => [
    server,
    `${used_bytes} bytes${limit_bytes === null ? '' : ` of ${limit_bytes}`}`,
  ])
  return `${formatColumns([...keys, ...memory], width)}\n`
}

/** Formats an event of `ff cache tail` by format: a line of text or of JSON. */
export const CACHE_EVENT_LINES = {
  text: (event: Event): string => `${formatEvent(event)}\n`,
  ndjson: (event: Event): string => `${JSON.stringify(event)}\n`,
} as const

function formatEvent(event: Event): string {
  if (event.kind === 'link') return `connection ${event.state}`
  if (event.kind === 'dropped') return `dropped: ${event.reason}`
  const { message } = event
  const { epoch, seq, published_at, origin, kind } = message
  const at = `seq ${seq}  epoch ${epoch.cutover}.${epoch.operator}`
  return kind === 'heartbeat'
    ? [published_at, kind, at, `by ${origin}`].join('  ')
    : [published_at, MESSAGE_IDS[kind], kind, message.target, at, `by ${origin}`].join('  ')
}
