/** Which queries the plugins of the engine's db fit. */
import {
  CamelCasePlugin,
  HandleEmptyInListsPlugin,
  Kysely,
  ParseJSONResultsPlugin,
  PostgresDialect,
  replaceWithNoncontingentExpression,
  sql,
  WithSchemaPlugin,
  type KyselyPlugin,
} from 'kysely'
// The other version: where the tests run on this one, the two change places.
import * as another from 'kysely-0.29'
import { expect, test } from 'vitest'
import { InvalidOptionError, PluginMismatchError } from '../errors.js'
import { compileLiveQuery } from './compile.js'
import type { LiveInput } from './contract.js'

interface Tables {
  orderItems: { itemId: number }
}

const dialect = new PostgresDialect({ pool: {} as never })
const open = (...plugins: KyselyPlugin[]) => new Kysely<Tables>({ dialect, plugins })
const items = (db: Kysely<Tables>) => db.selectFrom('orderItems').select('itemId')

/** A plugin as an application has it: its options in fields. */
class Renaming implements KyselyPlugin {
  constructor(readonly rename: (name: string) => string) {}
  transformQuery({ node }: Parameters<KyselyPlugin['transformQuery']>[0]) {
    return node
  }
  async transformResult({ result }: Parameters<KyselyPlugin['transformResult']>[0]) {
    return result
  }
}

const toUpper = (name: string) => name.toUpperCase()
const literal: KyselyPlugin = {
  transformQuery: ({ node }) => node,
  transformResult: ({ result }) => Promise.resolve(result),
}
const shared = new Renaming((name) => name)

test.each<[string, KyselyPlugin[], KyselyPlugin[]]>([
  ['none', [], []],
  ['the same class without options', [new CamelCasePlugin()], [new CamelCasePlugin()]],
  [
    'the same class with equal options',
    [new CamelCasePlugin({ underscoreBeforeDigits: true })],
    [new CamelCasePlugin({ underscoreBeforeDigits: true })],
  ],
  ['an identical option that is a function', [new Renaming(toUpper)], [new Renaming(toUpper)]],
  ['an identical instance', [shared], [shared]],
  ['an identical object', [literal], [literal]],
  [
    'one more that only touches queries',
    [new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression }), new CamelCasePlugin()],
    [new CamelCasePlugin()],
  ],
])('a query fits with %s', (_, ofQuery, ofDb) => {
  expect(compileLiveQuery(open(...ofDb), items(open(...ofQuery))).sql).toMatch(/^select/)
})

test.each<[string, KyselyPlugin[], KyselyPlugin[], RegExp]>([
  ['one too many', [new CamelCasePlugin()], [], /the query has CamelCasePlugin, the db none\. Build it/],
  ['one too few', [], [new CamelCasePlugin()], /the query has none, the db CamelCasePlugin\. Build it/],
  [
    'other options',
    [new CamelCasePlugin({ underscoreBeforeDigits: true })],
    [new CamelCasePlugin()],
    /both have CamelCasePlugin, but with other options.*Build it/,
  ],
  [
    'an option more',
    [new ParseJSONResultsPlugin({ objectStrategy: 'create' })],
    [new ParseJSONResultsPlugin()],
    /both have ParseJSONResultsPlugin/,
  ],
  ['another function', [new Renaming((name) => name)], [new Renaming((name) => name)], /both have Renaming/],
  ['another object', [{ ...literal }], [literal], /both have Object/],
  [
    'another order',
    [new CamelCasePlugin(), new ParseJSONResultsPlugin()],
    [new ParseJSONResultsPlugin(), new CamelCasePlugin()],
    /the query has CamelCasePlugin, ParseJSONResultsPlugin, the db ParseJSON/,
  ],
])('a query with %s is refused', (_, ofQuery, ofDb, message) => {
  const compile = () => compileLiveQuery(open(...ofDb), items(open(...ofQuery)))
  expect(compile).toThrow(PluginMismatchError)
  expect(compile).toThrow(message)
})

test.each<[string, KyselyPlugin[]]>([
  ['none', []],
  ['some', [new CamelCasePlugin()]],
])('a query of another copy of Kysely is refused, where the db has plugins: %s', (_, plugins) => {
  const query = new another.Kysely<Tables>({ dialect: dialect as never }).selectFrom('orderItems').select('itemId')
  const compile = () => compileLiveQuery(open(...plugins), query as unknown as LiveInput<object>)
  expect(compile).toThrow(PluginMismatchError)
  expect(compile).toThrow(/another copy of Kysely.*`npm ls kysely`/)
})

test('raw SQL with a plugin of its own is refused, unless that only touches queries', () => {
  const compile = (plugin: KyselyPlugin) =>
    compileLiveQuery(open(new ParseJSONResultsPlugin()), sql<object>`select 1`.withPlugin(plugin))
  expect(() => compile(new CamelCasePlugin())).toThrow(
    /the query has ParseJSONResultsPlugin, CamelCasePlugin, the db ParseJSONResultsPlugin/,
  )
  expect(compile(new WithSchemaPlugin('tenant')).sql).toBe('select 1')
})

test('what compiles a query of the db is as good as that', () => {
  const query = { compile: () => items(open()).compile() }
  expect(compileLiveQuery(open(), query).sql).toMatch(/^select/)
})

test('raw SQL has the plugins of the db, whichever copy of Kysely made it', () => {
  const query = another.sql`select 1` as unknown as LiveInput<object>
  expect(compileLiveQuery(open(new CamelCasePlugin()), query).sql).toBe('select 1')
  expect(compileLiveQuery(open(), sql`select 2`).sql).toBe('select 2')
})

test.each<[string, unknown]>([
  ['a promise of rows', Promise.resolve([])],
  ['a compiled query', items(open()).compile()],
  ['nothing', undefined],
])('%s is no query', (_, query) => {
  expect(() => compileLiveQuery(open(), query as LiveInput<object>)).toThrow(InvalidOptionError)
})
