/** `npm run bench -- --smoke`: everything runs once on little data, and no figure is held to a bound or written down. */
export const SMOKE = process.argv.includes('--smoke')

/** A size or a number of rounds: that of a whole run, or that of a smoke run. */
export const sized = (whole, smoke) => (SMOKE ? smoke : whole)
