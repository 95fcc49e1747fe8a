// How often properties are tried: enough to notice a mistake in every run of the tests, or, with BOX_RUNS=whole in the
// environment, as often as it takes to rely on them (minutes).

/** `usual` or `whole`. */
export function wholeRuns(usual: number, whole: number): number {
  const { BOX_RUNS } = process.env;
  if (BOX_RUNS !== undefined && BOX_RUNS !== "whole") throw new Error(`BOX_RUNS: expected whole, got ${JSON.stringify(BOX_RUNS)}`);
  return BOX_RUNS === "whole" ? whole : usual;
}
