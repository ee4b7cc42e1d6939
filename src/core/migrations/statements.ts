/** One statement of an SQL text. */
export interface SqlStatement {
  /** Without the semicolon; with the comments before it. */
  readonly text: string
  /** Its first words, in capitals, at most four: what it does. */
  readonly words: readonly string[]
}

/**
 * One token (PostgreSQL manual, "Lexical Structure"): comment, text with backslash escapes, text, quoted identifier, tag
 * of a dollar-quoted text, word, or one character. Of a text without an end it is the quote alone.
 */
const TOKEN =
  /--[^\n]*|\/\*|[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|[\s\S]/gy
const WORD = /^[A-Za-z_\u0080-\uffff][^'"]*$/
const MOST_WORDS = 4

/**
 * Splits an SQL text at its semicolons, as psql does: not at those of texts, comments, brackets, and bodies of functions
 * (`BEGIN ATOMIC ... END`). Leaves out what holds no token but comments.
 */
export function splitStatements(sql: string): readonly SqlStatement[] {
  const found: SqlStatement[] = []
  let open = startStatement(0)
  for (let at = 0; at < sql.length;) {
    const end = findTokenEnd(sql, at)
    const token = sql.slice(at, end)
    if (token === ';' && open.brackets <= 0 && open.blocks === 0) {
      if (open.filled) found.push({ text: sql.slice(open.from, at).trim(), words: open.words })
      open = startStatement(end)
    } else noteToken(open, token)
    at = end
  }
  if (open.filled) found.push({ text: sql.slice(open.from).trim(), words: open.words })
  return found
}

/**
 * Finds the first statement that begins or ends a transaction: COMMIT, ROLLBACK and the like. Returns its number,
 * from 1, and its first words, at most four; null if there is none. A migration with one would be kept in part.
 */
export const findTransactionCommand = (
  statements: readonly SqlStatement[],
): { readonly number: number; readonly words: string } | null => {
  const at = statements.findIndex(({ words }) => CONTROL.test(words.join(' ')))
  const found = statements[at]
  return found === undefined ? null : { number: at + 1, words: found.words.join(' ') }
}
const CONTROL =
  /^(BEGIN|START TRANSACTION|COMMIT|END|ROLLBACK|ABORT|PREPARE TRANSACTION|SAVEPOINT|RELEASE)\b/

interface OpenStatement {
  readonly from: number
  readonly words: string[]
  filled: boolean
  brackets: number
  /** Of the body of a function: BEGIN and CASE that have no END yet. */
  blocks: number
}
const startStatement = (from: number): OpenStatement => ({
  from,
  words: [],
  filled: false,
  brackets: 0,
  blocks: 0,
})

function findTokenEnd(sql: string, at: number): number {
  TOKEN.lastIndex = at
  TOKEN.exec(sql)
  const end = TOKEN.lastIndex
  const token = sql.slice(at, end)
  if (token === '/*') return findCommentEnd(sql, end)
  if (token.startsWith('$') && token.length > 1) {
    const close = sql.indexOf(token, end)
    return close < 0 ? sql.length : close + token.length
  }
  return end
}

/** Comments can be nested. */
function findCommentEnd(sql: string, from: number): number {
  let depth = 1
  for (let at = from; at < sql.length; at += 1) {
    const two = sql.slice(at, at + 2)
    if (two !== '/*' && two !== '*/') continue
    depth += two === '/*' ? 1 : -1
    at += 1
    if (depth === 0) return at + 1
  }
  return sql.length
}

function noteToken(open: OpenStatement, token: string): void {
  if (/^(\s|--|\/\*)/.test(token)) return
  open.filled = true
  if (token === '(') open.brackets += 1
  if (token === ')') open.brackets -= 1
  if (!WORD.test(token)) return
  const word = token.toUpperCase()
  if (open.words.length < MOST_WORDS) open.words.push(word)
  if (!/^CREATE (OR REPLACE )?(FUNCTION|PROCEDURE)/.test(open.words.join(' '))) return
  if (word === 'BEGIN' || (word === 'CASE' && open.blocks > 0)) open.blocks += 1
  if (word === 'END' && open.blocks > 0) open.blocks -= 1
}
