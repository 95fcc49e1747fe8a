// What a run of `bun test` came to, counted in its JUnit report, and how that is told.

/** `failures` and `skipped` have a line for each: a test's file and title, or what else failed. */
export type Tally = { readonly passed: number; readonly failures: readonly string[]; readonly skipped: readonly string[] };

/** `wanted` is the files that had to run, `succeeded` what the exit code says. What the report leaves out fails too: files that did not load, errors outside of tests, a crash. */
export function readReport(report: string, wanted: readonly string[], succeeded: boolean): Tally {
  const count = (name: string): number => Number(new RegExp(`<testsuites [^>]*\\b${name}="(\\d+)"`).exec(report)?.[1] ?? 0);
  const reported = new Set([...report.matchAll(/<testsuite [^>]*\bfile="([^"]+)"/g)].map(([, file]) => file));
  const lost = wanted.filter((file) => !reported.has(file)).map((file) => `${file}: no test of it ran`);
  const failures = [...titlesWith("failure", report), ...lost];
  return {
    passed: count("tests") - count("failures") - count("skipped"),
    failures: failures.length === 0 && !succeeded ? [`bun test, of ${wanted.length} files: an error outside of tests`] : failures,
    skipped: titlesWith("skipped", report),
  };
}

/** File and title of the tests whose entry has such a mark. */
function titlesWith(mark: "failure" | "skipped", report: string): string[] {
  const found = report.matchAll(new RegExp(`<testcase name="([^"]*)"[^>]*\\bfile="([^"]+)"[^>]*>\\s*<${mark}\\b`, "g"));
  return [...found].map(([, title = "", file]) => `${file} ${unescapeXml(title)}`);
}

/** What is left out and what failed, then `note`, and `N passed, N failed` as the last line. */
export function printTally({ passed, failures, skipped }: Tally, note?: string): void {
  console.log(`\n${skipped.length} skipped${skipped.length === 0 ? "" : `: ${skipped.join("; ")}`}`);
  for (const failure of failures) console.log(`failed: ${failure}`);
  if (note !== undefined) console.log(note);
  console.log(`${passed} passed, ${failures.length} failed`);
}

const entities: Readonly<Record<string, string>> = { "&quot;": '"', "&apos;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const unescapeXml = (text: string): string => text.replace(/&\w+;/g, (entity) => entities[entity] ?? entity);
