import {
  DummyDriver,
  expressionBuilder,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type Expression,
  type ExpressionBuilder,
  type SelectQueryBuilder,
} from 'kysely'

/** Generated schemas have no static types: names and types are checked by PostgreSQL. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any
export type Query = SelectQueryBuilder<Loose, Loose, Loose>
export type Expr = Expression<Loose>

/** Builds and compiles queries; runs none. */
export const builder = new Kysely<Loose>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

export const eb: ExpressionBuilder<Loose, Loose> = expressionBuilder<Loose, Loose>()

/** `expression as name`: every builder of expressions can, though their common type does not say so. */
export function named(expression: Expr, name: string): Loose {
  return (expression as Loose).as(name)
}
