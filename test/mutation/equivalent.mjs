/** Mutants that change nothing that can be seen, by file and change, each with the reason. */
export const EQUIVALENT = {
  'src/core/auth/authenticate.ts': {
    'id !== null -> true': 'isScopeId would take null for the text "null", which is an id.',
  },
  'src/core/audit/walk.ts': {
    '[] -> ["Stryker was here"]': 'Marks the number undefined, which no record has.',
    'this.marks.has(record.seq) -> true':
      'Keeps the hashes of all records: costs memory, and findPlace is called for marks alone.',
  },
}
