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
  'src/core/parity/compare.ts': {
    'isTree(left) && isTree(right) -> true':
      'isJsonArray and isJsonObject look at both themselves.',
    'isTree(left) && isTree(right) -> isTree(left) || isTree(right)':
      'isJsonArray and isJsonObject look at both themselves.',
    'left.length === right.length && left.every(([name], at) => right[at]?.[0] === name) -> false':
      'The members are grouped by name instead, to the same pairs.',
    '([name], at) => right[at]?.[0] === name -> () => undefined':
      'The members are grouped by name instead, to the same pairs.',
    'right[at]?.[0] === name -> false': 'The members are grouped by name instead.',
    'right[at]?.[0] -> right[at][0]': 'Both sides have as many members.',
    'aligned -> false': 'The members are grouped by name instead, to the same pairs.',
    'right[at]?.[1] -> right[at][1]': 'Both sides have as many members.',
    'isTree(left) || isTree(right) -> isTree(left) && isTree(right)':
      'A tree has no lexeme that a number could have too.',
  },
  'src/core/parity/comparer-controls.ts': {
    '!a.ok || !b.ok -> false': 'A test asserts that every pair is JSON.',
    '!a.ok || !b.ok -> !a.ok && !b.ok': 'A test asserts that every pair is JSON.',
  },
  'src/core/parity/judge.ts': {
    'a === undefined || b === undefined -> false': 'An entry differs from a missing one.',
    'a === undefined || b === undefined -> a === undefined && b === undefined':
      'An entry differs from a missing one.',
    'a === undefined -> false': 'An entry differs from a missing one.',
    'b === undefined -> false': 'An entry differs from a missing one.',
    'node !== undefined && node !== null -> true': 'isJsonObject looks for both.',
    'node !== undefined && node !== null -> node !== undefined || node !== null':
      'isJsonObject looks for both.',
    'node !== undefined -> true': 'isJsonObject looks for it.',
    'node !== null -> true': 'isJsonObject looks for it.',
  },
  'src/core/parity/envelope.ts': {
    '!text.includes(\'"stale"\') -> false': 'A shortcut: the text is parsed, to the same answer.',
    '\'"stale"\' -> ""': 'A shortcut: the text is parsed, to the same answer.',
    "node != null && typeof node === 'object' -> true": 'isJsonObject looks for both.',
    "node != null && typeof node === 'object' -> node != null || typeof node === 'object'":
      'isJsonObject looks for both.',
    'node != null -> true': 'isJsonObject looks for it.',
    "typeof node === 'object' -> true": 'isJsonObject looks for it.',
  },
  'src/core/parity/judge-vector.ts': {
    "answer.status === 'decided' && again.status === 'decided' && answer.text === again.text -> false":
      'Equal texts are compared by field, and equal.',
    "answer.status === 'decided' && again.status === 'decided' -> answer.status === 'decided' || again.status === 'decided'":
      'A refusal has no text.',
    "answer.status === 'decided' -> true": 'A refusal has no text.',
    "again.status === 'decided' -> true": 'A refusal has no text.',
    "answer.status === 'decided' -> answer.status !== 'decided'":
      'Equal texts are compared by field, and equal.',
    "again.status === 'decided' -> again.status !== 'decided'":
      'Equal texts are compared by field, and equal.',
    '\'decided\' -> ""': 'Equal texts are compared by field, and equal.',
  },
  'src/core/parity/leaf-pairs.ts': {
    '\'db\' -> ""': 'The kind is another than that of the baseline, either way.',
    'divergences[0]?.pointer -> divergences[0].pointer': 'There is one.',
    '\'decided\' -> ""': 'The text is read where the status is not `refused`.',
  },
  'src/core/parity/running-summary.ts': {
    'this.noise[side] += 1 -> this.noise[side] -= 1': 'It is compared with zero alone.',
  },
  'src/core/parity/summarise.ts': {
    'cases.find((one) => one.state === state)?.detail -> cases.find(one => one.state === state).detail':
      'The state is that of one of them.',
    '[] -> ["Stryker was here"]':
      'Of a case without a verdict: the text is the pointer of no rule, and has no side.',
  },
  'src/core/parity/target.ts': {
    '\'\' -> "Stryker was here!"':
      'A text that does not fit has no scheme and no host; without options none is a host or a password.',
    '[] -> ["Stryker was here"]': 'The first element of a match, the whole, is not read.',
    'parts === null -> false': 'The options are null too then.',
    '/^(\\w+:\\/\\/[^/?]*)(?:\\/[^?]*)?/ -> /(\\w+:\\/\\/[^/?]*)(?:\\/[^?]*)?/': 'A URL begins so.',
    '/^\\w+:\\/\\// -> /\\w+:\\/\\//': 'An origin begins so.',
  },
  'src/adapters/evidence-log/audit-head.ts': {
    '\'latin1\' -> ""': 'The text is ASCII.',
  },
  'src/adapters/evidence-log/detached.ts': {
    '\'\' -> "Stryker was here!"': 'A signature without parts has no header that fits.',
  },
  'src/adapters/evidence-log/evidence-line.ts': {
    'known !== undefined -> false': 'The key is imported anew.',
    'this.sound.size >= MAX_KEPT -> false': 'All lines are kept: costs memory.',
    'this.sound.size >= MAX_KEPT -> this.sound.size > MAX_KEPT': 'One line more is kept.',
    'read.ok && this.sound.size >= MAX_KEPT -> false': 'All lines are kept: costs memory.',
  },
  'src/adapters/evidence-log/import-logs.ts': {
    '\'\' -> "Stryker was here!"': 'A log without a head is not whole; a missing log is tested.',
  },
  'src/adapters/evidence-log/opened-log.ts': {
    '{ return false // Any other reason also makes the creation fail, which reports it. } -> {}':
      'Undefined is no more true than false.',
  },
  'src/core/signoff/decision-file.ts': {
    "node === null || typeof node !== 'object' || !isJsonObject(node) -> (node === null || typeof node !== 'object') && !isJsonObject(node)":
      'An array has no members, and so no kind.',
    "node === null || typeof node !== 'object' -> false": 'isJsonObject looks for both.',
    "node === null || typeof node !== 'object' -> node === null && typeof node !== 'object'":
      'isJsonObject looks for both.',
    'node === null -> false': 'isJsonObject looks for it.',
    "typeof node !== 'object' -> false": 'isJsonObject looks for it.',
  },
  'src/core/signoff/envelope.ts': {
    "node === null || typeof node !== 'object' -> false": 'isJsonObject looks for both.',
    "node === null || typeof node !== 'object' -> node === null && typeof node !== 'object'":
      'isJsonObject looks for both.',
    'node === null -> false': 'isJsonObject looks for it.',
    "typeof node !== 'object' -> false": 'isJsonObject looks for it.',
    'value === null -> false': 'isJsonArray looks for it.',
    "typeof value !== 'object' -> false": 'isJsonArray looks for it.',
  },
  'src/core/signoff/judge.ts': {
    'signed.some((one) => one.role === role) -> signed.every(one => one.role === role)':
      'Where one of two roles is missing, every signature is of the other.',
    'end < before -> end <= before': 'They are equal only where both are the same time.',
  },
  'src/core/signoff/rotation.ts': {
    'one.closed?.seq -> one.closed.seq': 'A log that is neither open nor lost was closed.',
    'one.closed?.hash -> one.closed.hash': 'A log that is neither open nor lost was closed.',
    'next.closed?.hash -> next.closed.hash': 'It has the same number, so it is there.',
    'now < one.until -> now <= one.until': 'The end that is set is then the one that is there.',
  },
  'src/core/signoff/signers.ts': {
    '[] -> ["Stryker was here"]': 'A text has no role.',
  },
  'src/core/signoff/waivers.ts': {
    '\'\' -> "Stryker was here!"':
      'Split has a first part; the others are not the payload, and not the bytes of a signature.',
  },
  'src/core/signoff/withdrawals.ts': {
    '\'\' -> "Stryker was here!"': 'No withdrawal is about either.',
    'text === null -> false': 'No text is no file, and names no statement.',
    '[] -> ["Stryker was here"]':
      'Looked at for the present statement alone, and there it is none.',
  },
  'src/core/gate/chain.ts': {
    'entries[seq - 1]?.hash -> entries[seq - 1].hash': 'There are at least so many entries.',
  },
  'src/core/gate/duration.ts': {
    '[] -> ["Stryker was here"]': 'The first element of a match, the whole, is not read.',
    'times.filter((time) => time !== null) -> times': 'A null sorts behind every time.',
    'time !== null -> true': 'A null sorts behind every time.',
  },
  'src/core/gate/next.ts': {
    'all.filter((one) => !isEarlier(one)) -> all':
      'An earlier reason is there already; its words are taken once.',
    'true -> false': 'Object.hasOwn looks at the name alone.',
    'false -> true': 'Without an item there is nothing to measure.',
  },
  'src/core/gate/judge-logs.ts': {
    'log === null || end === null -> log === null && end === null': 'Both are null, or neither is.',
    'log === null -> false': 'Both are null, or neither is.',
    'end === null -> false': 'Both are null, or neither is.',
    'end !== null -> true': 'No null is later than a time.',
    'end > from -> end >= from': 'They are equal only where both are the same time.',
    'late < until -> late <= until': 'They are equal only where both are the same time.',
  },
  'src/core/gate/limits.ts': {
    'value !== null -> true': 'A missing value is no bound and no number.',
    "typeof value !== 'number' -> false": 'Number.isFinite is false for any other type.',
    "typeof other === 'number' -> true": 'Number.isFinite is false for any other type.',
  },
  'src/core/gate/waivers.ts': {
    'approvals.filter(({ role }) => roles.includes(role)) -> approvals':
      'There are two roles: of two both count, and of one every approver is a person.',
  },
  'src/core/audit/walk.ts': {
    '[] -> ["Stryker was here"]': 'Marks the number undefined, which no record has.',
    'this.marks.has(record.seq) -> true':
      'Keeps the hashes of all records: costs memory, and findPlace is called for marks alone.',
  },
}
