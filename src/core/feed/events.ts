import type { FeedPosition } from './subscriber.ts'

/** The id of a change in the event stream: `epoch-seq`; the epoch ends with the name of the database where it has one. */
const formatEventId = ({ epoch, seq, database }: FeedPosition): string =>
  `${epoch.cutover}.${epoch.operator}${database === undefined ? '' : `.${database}`}-${seq}`

/** The event that has clients evaluate again (OFREP, event streams), in the format of server-sent events. */
export const formatChangeEvent = (position: FeedPosition): string =>
  `id: ${formatEventId(position)}\nevent: message\ndata: ${JSON.stringify({
    type: 'refetchEvaluation',
    seq: position.seq,
  })}\n\n`

/** A comment, which keeps the connection and says nothing. */
export const HEARTBEAT_EVENT = ':\n\n'

/** Whether a client that saw this event last, null for none, has seen the newest one. */
export const isNewestEvent = (lastEventId: string | null, position: FeedPosition): boolean =>
  lastEventId === formatEventId(position)
