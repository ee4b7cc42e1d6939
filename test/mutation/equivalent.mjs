/** Mutants that change nothing that can be seen, by file and change, each with the reason. */
export const EQUIVALENT = {}
