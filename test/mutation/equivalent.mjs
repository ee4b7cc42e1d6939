/** Mutants that change nothing that can be seen, by file and change, each with the reason. */
export const EQUIVALENT = {
  'src/core/auth/authenticate.ts': {
    'id !== null -> true': 'isScopeId would take null for the text "null", which is an id.',
  },
  'src/core/evaluate/decision-text.ts': {
    'known !== undefined -> false': 'The text is made anew instead of taken from the cache.',
  },
  'src/core/evaluate/evaluate.ts': {
    "step.kind === 'deny' -> true": 'A step that allows has no member `consulted`.',
  },
  'src/core/evaluate/overrides.ts': {
    'expiresAt !== undefined -> true': 'No time is later than or equal to undefined.',
  },
  'src/core/evaluate/ttl-state.ts': {
    'TTL_STATES.indexOf(stated) < TTL_STATES.indexOf(byTimes) -> TTL_STATES.indexOf(stated) <= TTL_STATES.indexOf(byTimes)':
      'They are equal only where both are the same state.',
  },
  'src/core/audit/walk.ts': {
    '[] -> ["Stryker was here"]': 'Marks the number undefined, which no record has.',
    'this.marks.has(record.seq) -> true':
      'Keeps the hashes of all records: costs memory, and findPlace is called for marks alone.',
  },
}
