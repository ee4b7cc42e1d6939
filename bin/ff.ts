#!/usr/bin/env node
// Until main has said otherwise the run has failed: a promise that never settles must not end in 0.
process.exitCode = 1
import('../src/main.ts')
  .then(({ main }) => main())
  .then((status) => {
    process.exitCode = status
  })
  .catch((error: unknown) => {
    process.stderr.write(
      `ff: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    )
  })
