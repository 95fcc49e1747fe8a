// The value of --format for commands that print either a table or JSON.

import { BoxError } from "../errors.ts";

/** A table when nothing is given; throws a BoxError for any other word. */
export function tableOrJson(format: string | undefined): "table" | "json" {
  if (format === undefined || format === "table") return "table";
  if (format === "json") return "json";
  throw new BoxError({ origin: "--format", what: `expected table or json, got ${JSON.stringify(format)}` });
}
