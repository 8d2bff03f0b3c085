import type { Matcher } from './series.ts';

/** An instant vector selector. */
export interface VectorSelector {
  readonly kind: 'vector';
  readonly matchers: readonly Matcher[];
  readonly offsetMs: number;
  /** The fixed time of `@`, in ms. */
  readonly atMs: number | undefined;
}

/** Aggregations that are understood. */
export type AggregateOp = 'sum' | 'avg' | 'min' | 'max' | 'count';

/** Functions that are understood. */
export type FunctionName = 'rate' | 'increase' | 'histogram_quantile';

/** A parsed query. */
export type Expr =
  | { readonly kind: 'number'; readonly value: number }
  | VectorSelector
  | { readonly kind: 'matrix'; readonly vector: VectorSelector; readonly rangeMs: number }
  | {
      readonly kind: 'aggregate';
      readonly op: AggregateOp;
      readonly without: boolean;
      readonly labels: readonly string[];
      readonly of: Expr;
    }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly args: readonly Expr[] }
  | { readonly kind: 'binary'; readonly op: string; readonly bool: boolean; readonly left: Expr; readonly right: Expr }
  | { readonly kind: 'negate'; readonly of: Expr };

/** A query that is wrong or that this server does not understand: 400 bad_data. */
export class QueryError extends Error {}

/** A query that is right and cannot be answered: 422 execution. */
export class ExecutionError extends Error {}

/** What a query yields, in Prometheus's words. */
export type ExprType = 'scalar' | 'instant vector' | 'range vector';

/** The type of an expression. */
export function typeOfExpr(expr: Expr): ExprType {
  switch (expr.kind) {
    case 'number':
      return 'scalar';
    case 'matrix':
      return 'range vector';
    case 'negate':
      return typeOfExpr(expr.of);
    case 'binary':
      return typeOfExpr(expr.left) === 'scalar' && typeOfExpr(expr.right) === 'scalar' ? 'scalar' : 'instant vector';
    default:
      return 'instant vector';
  }
}
