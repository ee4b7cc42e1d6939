/**
 * The result of `work`, or that of `late` once `ms` have passed; the work goes on, and its result is dropped.
 *
 * @throws the error of `work` within the time, or of `late`
 */
export function withDeadline<T>(work: Promise<T>, ms: number, late: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // A busy process runs its timers first: take a result that waits to be read.
      setImmediate(() => {
        try {
          resolve(late())
        } catch (error) {
          reject(error)
        }
      })
    }, ms)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
