import { quoteError } from '../../core/text/quote-error.ts'
import { FfError } from '../../errors.ts'

/** Errors of the protocol that are about the records of a send: the same records are refused again. */
const REFUSALS: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'POLICY_VIOLATION',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
])

/** An error of the client, with the name of the protocol's error where a broker answered with one. */
interface KafkaFault {
  readonly type: string | null
  readonly text: string
}

/** Finds the error of a broker or a socket behind those of the client that only say that it gave up. */
function findFault(error: unknown): KafkaFault {
  let found = error
  while (found instanceof Error && !('type' in found) && found.cause instanceof Error)
    found = found.cause
  const type =
    found instanceof Error && 'type' in found && typeof found.type === 'string' ? found.type : null
  return { type, text: quoteError(found) }
}

/** Whether the broker refused the records themselves, and why; never with a part of a record. */
export function judgeFault(error: unknown): {
  readonly kind: 'refused' | 'unavailable'
  readonly reason: string
} {
  const { type, text } = findFault(error)
  const refused = type !== null && REFUSALS.has(type)
  return {
    kind: refused ? 'refused' : 'unavailable',
    reason: type === null ? text : `${type}: ${text}`,
  }
}

/** Whether a broker answered, so that the connections are sound. */
export const hasAnswered = (error: unknown): boolean => findFault(error).type !== null

/** The error for a user of a topic that cannot be asked for. */
export function makeTopicError(error: unknown, topic: string): FfError {
  const { type, text } = findFault(error)
  if (type === 'UNKNOWN_TOPIC_OR_PARTITION')
    return new FfError('target_unreachable', `The brokers have no topic ${topic}: ${text}.`, {
      hint: `Create it, for example with \`kafka-topics.sh --create --topic ${topic} --partitions 12 --bootstrap-server HOST:PORT\`, or set FF_KAFKA_TOPIC.`,
      cause: error,
    })
  if (type?.includes('AUTHORIZATION') === true || isLoginRefused(error))
    return new FfError('rights_missing', `The brokers refuse this client: ${text}.`, {
      hint: `Check FF_KAFKA_USER, FF_KAFKA_PASSWORD_FILE and FF_KAFKA_SASL, and allow the user to DESCRIBE and WRITE the topic ${topic}.`,
      cause: error,
    })
  return new FfError('target_unreachable', `No broker of FF_KAFKA_BROKERS answers: ${text}.`, {
    hint: 'Check that the brokers run, and FF_KAFKA_BROKERS and FF_KAFKA_TLS; records stay pending meanwhile.',
    cause: error,
  })
}

function isLoginRefused(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if (at.name === 'KafkaJSSASLAuthenticationError') return true
  return false
}
