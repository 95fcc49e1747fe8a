// A strict reader of Prometheus's text exposition format, written from its description, for the tests alone.

export type Value = { readonly labels: Readonly<Record<string, string>>; readonly value: number };
export type ParsedMetric = { readonly type: string; readonly values: readonly Value[] };

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`;
const valueLine = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?|NaN|[+-]Inf)$`);

/** By name. Throws where the text is no exposition: HELP, then TYPE, then all values of that metric, each line ended. */
export function parseExposition(text: string): Map<string, ParsedMetric> {
  if (text !== "" && !text.endsWith("\n")) {
    const first = text.split("\n")[0] ?? "";
    throw new Error(first.startsWith("#") ? "the last line has no end" : "line 1: a value without a TYPE");
  }
  const metrics = new Map<string, { type: string; values: Value[] }>();
  let current: string | undefined;
  let helped: string | undefined;
  for (const [index, line] of text.split("\n").slice(0, -1).entries()) {
    const fail = (problem: string): never => {
      throw new Error(`line ${index + 1}: ${problem}`);
    };
    const [, kind, about = "", words = ""] = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line) ?? [];
    if (kind === "HELP") helped = metrics.has(about) ? fail("a second HELP") : about;
    else if (kind === "TYPE") {
      if (helped !== about || !["counter", "gauge"].includes(words)) fail("a TYPE without its HELP, or unknown");
      metrics.set(about, { type: words, values: [] });
      current = about;
    } else {
      const [, name, labels = "", value] = valueLine.exec(line) ?? fail(`no value: ${line}`);
      const metric = metrics.get(name ?? "");
      if (metric === undefined) return fail("a value without a TYPE");
      if (name !== current) fail("a value behind another metric's");
      metric.values.push({ labels: labelsIn(labels), value: Number(value) });
    }
  }
  return metrics;
}

function labelsIn(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name = "", value = ""] of text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g))
    labels[name] = value.replaceAll(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char));
  return labels;
}
