// What a run of `bun test` came to, counted in its JUnit report.

/** `skipped` has a file and a title for each. */
export type Tally = { readonly passed: number; readonly failed: number; readonly skipped: readonly string[] };

/** `wanted` is the files that had to run, `succeeded` what the exit code says. What the report leaves out fails too: files that did not load, errors outside of tests, a crash. */
export function readReport(report: string, wanted: readonly string[], succeeded: boolean): Tally {
  const count = (name: string): number => Number(new RegExp(`<testsuites [^>]*\\b${name}="(\\d+)"`).exec(report)?.[1] ?? 0);
  const reported = new Set([...report.matchAll(/<testsuite [^>]*\bfile="([^"]+)"/g)].map(([, file]) => file));
  const lost = wanted.filter((file) => !reported.has(file));
  for (const file of lost) console.log(`${file}: no test of it ran`);
  const skips = report.matchAll(/<testcase name="([^"]*)"[^>]*\bfile="([^"]+)"[^>]*>\s*<skipped/g);
  const failed = count("failures") + lost.length;
  return {
    passed: count("tests") - count("failures") - count("skipped"),
    failed: failed === 0 && !succeeded ? 1 : failed,
    skipped: [...skips].map(([, name = "", file]) => `${file} ${unescapeXml(name)}`),
  };
}

const entities: Readonly<Record<string, string>> = { "&quot;": '"', "&apos;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const unescapeXml = (text: string): string => text.replace(/&\w+;/g, (entity) => entities[entity] ?? entity);
