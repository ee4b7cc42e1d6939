import { FfError } from '../../errors.ts'
import type { ListenAt } from '../../ports/http.ts'

/** Why a place cannot be listened at. */
export function toListenError(error: unknown, { host, port }: ListenAt): FfError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return new FfError('listen_failed', `${host}:${port} cannot be listened at (${code}).`, {
    hint:
      code === 'EADDRINUSE'
        ? 'Stop whoever listens there, or set FF_LISTEN to another port; 0 takes a free one.'
        : 'Set FF_LISTEN to an address of this machine, such as 127.0.0.1:8420.',
    cause: error,
  })
}
