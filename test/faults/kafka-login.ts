/** The user that a broker knows, by SASL PLAIN. */
export interface KafkaLogin {
  readonly username: string
  readonly password: string
}

export const SASL_HANDSHAKE = 17
export const API_VERSIONS = 18
export const SASL_AUTHENTICATE = 36
const AUTHENTICATION_FAILED = 58

/** The answer to a request of the login, and whether the client is logged in by it. */
export function answerLogin(
  frame: Buffer,
  { username, password }: KafkaLogin,
): { readonly answer: Buffer; readonly isLoggedIn: boolean } {
  const correlation = frame.subarray(8, 12)
  if (frame.readInt16BE(4) === SASL_HANDSHAKE)
    return { answer: format(correlation, int16(0), int32(1), text('PLAIN')), isLoggedIn: false }
  // RFC 4616: the authorization identity, the user and the password, with a NUL between them.
  const isLoggedIn = frame.toString('latin1').endsWith(`\0${username}\0${password}`)
  const error = isLoggedIn
    ? [int16(0), int16(-1)]
    : [int16(AUTHENTICATION_FAILED), text('wrong user or password')]
  const lifetime = frame.readInt16BE(6) > 0 ? [Buffer.alloc(8)] : []
  return { answer: format(correlation, ...error, int32(0), ...lifetime), isLoggedIn }
}

/** The answer to a request for the versions of the protocol, with those of the login added. */
export function addLogin(frame: Buffer): Buffer {
  const [body, count] = [frame.subarray(4), frame.readInt32BE(10)]
  const end = 10 + count * 6
  const apis = [SASL_HANDSHAKE, SASL_AUTHENTICATE].map((api) =>
    Buffer.concat([int16(api), int16(api === SASL_HANDSHAKE ? 1 : 0), int16(1)]),
  )
  return format(
    body.subarray(0, 6),
    int32(count + apis.length),
    body.subarray(10, end),
    ...apis,
    body.subarray(end),
  )
}

/** A message of these parts, with its length before it. */
export function format(...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([int32(body.length), body])
}
export const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}
export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const text = (value: string): Buffer => Buffer.concat([int16(value.length), Buffer.from(value)])
