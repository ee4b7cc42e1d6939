import fc from 'fast-check'

// The same examples for each mutant and in each run, so that a kill is no luck. No test looks at a smaller example.
fc.configureGlobal({ seed: 1, endOnFailure: true })
