import { describe, expect, test } from 'vitest'
import { findTransactionCommand, splitStatements } from '../../../src/core/migrations/statements.ts'

const texts = (sql: string) => splitStatements(sql).map(({ text }) => text)

describe('splitStatements', () => {
  test.each([
    ['nothing', ' \n', []],
    ['comments alone', '-- a;\n/* b; /* c; */ */ ;', []],
    ['two statements', 'SELECT 1; SELECT 2;', ['SELECT 1', 'SELECT 2']],
    ['the last without a semicolon', 'SELECT 1;\nSELECT 2', ['SELECT 1', 'SELECT 2']],
    ['a text', "SELECT ';''; '; SELECT 2", ["SELECT ';''; '", 'SELECT 2']],
    [
      'a text with escapes',
      String.raw`SELECT E'\'; ', e'\\'; SELECT 2`,
      [String.raw`SELECT E'\'; ', e'\\'`, 'SELECT 2'],
    ],
    ['a quoted name', 'SELECT 1 AS "a;""b"; SELECT 2', ['SELECT 1 AS "a;""b"', 'SELECT 2']],
    ['dollar quotes', 'DO $$ a; $x$ $$; DO $t$ $$; $t$', ['DO $$ a; $x$ $$', 'DO $t$ $$; $t$']],
    [
      'a parameter and a name with a dollar',
      'SELECT $1, a$b; SELECT 2',
      ['SELECT $1, a$b', 'SELECT 2'],
    ],
    [
      'brackets',
      'CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3',
      ['CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)', 'SELECT 3'],
    ],
    ['a text without an end', "SELECT 'a; b", ["SELECT 'a", 'b']],
    ['a dollar quote without an end', 'DO $$ a; b', ['DO $$ a; b']],
    ['a comment without an end', 'SELECT 1; /* a; b', ['SELECT 1']],
    [
      'the body of a function',
      'CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3',
      [
        'CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END',
        'SELECT 3',
      ],
    ],
    [
      'a function without a body in blocks',
      'CREATE FUNCTION f() RETURNS int RETURN CASE WHEN true THEN 1 END; SELECT 2',
      ['CREATE FUNCTION f() RETURNS int RETURN CASE WHEN true THEN 1 END', 'SELECT 2'],
    ],
  ])('%s', (_what, sql, expected) => {
    expect(texts(sql)).toEqual(expected)
  })
})

describe('findTransactionCommand', () => {
  test.each([
    ['COMMIT', 'SELECT 1; COMMIT; SELECT 2', 2],
    ['behind a comment', '/* x */ commit', 1],
    ['END', 'END', 1],
    ['BEGIN', 'begin; SELECT 1', 1],
    ['START TRANSACTION', 'START TRANSACTION READ ONLY', 1],
    ['ROLLBACK TO', 'SELECT 1; SELECT 2; ROLLBACK TO a', 3],
    ['ABORT', 'ABORT', 1],
    ['SAVEPOINT', 'SAVEPOINT a', 1],
    ['RELEASE', 'RELEASE a', 1],
    ['PREPARE TRANSACTION', "PREPARE TRANSACTION 'a'", 1],
  ])('P9 %s', (_what, sql, number) => {
    expect(findTransactionCommand(splitStatements(sql))?.number).toBe(number)
  })

  test.each([
    ['a block of PL/pgSQL', 'DO $$ BEGIN NULL; END $$'],
    ['the words in a text', "SELECT 'COMMIT'; -- COMMIT;"],
    ['a prepared statement', 'PREPARE a AS SELECT 1'],
    ['a name that begins the same', 'COMMITTED'],
  ])('P9 not %s', (_what, sql) => {
    expect(findTransactionCommand(splitStatements(sql))).toBeNull()
  })
})
