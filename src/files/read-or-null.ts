/** The code of a system error, such as ENOENT; null where an error has none. */
export const getErrorCode = (error: unknown): string | null =>
  error instanceof Error && 'code' in error ? String(error.code) : null
