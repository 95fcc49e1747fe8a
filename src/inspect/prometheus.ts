// Samples in the text exposition format of Prometheus (prometheus.io/docs/instrumenting/exposition_formats): for each metric
// its HELP, its TYPE, and a line for each container that has it. Pure.

import { resources } from "../cgroup/usage.ts";
import type { Sample } from "./container-sample.ts";

type Labels = Readonly<Record<string, string>>;
type Metric = {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  /** Values with the labels that they have beside the container's id. */
  readonly values: (sample: Sample) => readonly (readonly [value: number | undefined, labels?: Labels])[];
};

const one = (name: string, type: Metric["type"], help: string, of: (sample: Sample) => number | undefined): Metric => ({
  name,
  type,
  help,
  values: (sample) => [[of(sample)]],
});

const metrics: readonly Metric[] = [
  { name: "status", type: "gauge", help: "1 for what the container is doing.", values: ({ status }) => [[1, { status }]] },
  one("cpu_seconds_total", "counter", "CPU time used.", ({ usage }) => (usage?.cpuNs === undefined ? undefined : usage.cpuNs / 1e9)),
  one("memory_bytes", "gauge", "Memory in use.", ({ usage }) => usage?.memory?.bytes),
  one("memory_limit_bytes", "gauge", "Limit on memory, where there is one.", ({ usage }) => usage?.memory?.limit),
  one("memory_peak_bytes", "gauge", "The most memory that was in use.", ({ usage }) => usage?.memory?.peak),
  one("pids", "gauge", "Processes and threads.", ({ usage }) => usage?.pids?.count),
  one("pids_limit", "gauge", "Limit on processes and threads, where there is one.", ({ usage }) => usage?.pids?.limit),
  one("io_read_bytes_total", "counter", "Bytes read from block devices.", ({ usage }) => usage?.io?.read),
  one("io_written_bytes_total", "counter", "Bytes written to block devices.", ({ usage }) => usage?.io?.written),
  one("network_received_bytes_total", "counter", "Bytes received, in a network of its own.", ({ network }) => network?.received),
  one("network_sent_bytes_total", "counter", "Bytes sent, in a network of its own.", ({ network }) => network?.sent),
  {
    name: "pressure_seconds_total",
    type: "counter",
    help: "Time in which some or all processes waited for a resource.",
    values: ({ usage }) =>
      resources.flatMap((resource) =>
        (["some", "full"] as const).map((share) => {
          const total = usage?.pressure[resource]?.[share].totalUs;
          return [total === undefined ? undefined : total / 1e6, { resource, share }] as const;
        }),
      ),
  },
];

/** Ends with a newline, as the format wants it. */
export function exposition(samples: readonly Sample[]): string {
  const lines: string[] = [];
  for (const { name, type, help, values } of metrics) {
    const full = `box_container_${name}`;
    const own = samples.flatMap((sample) =>
      values(sample).flatMap(([value, labels = {}]) =>
        value === undefined ? [] : [`${full}${labelsText({ id: sample.id, ...labels })} ${value}`],
      ),
    );
    if (own.length > 0) lines.push(`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...own);
  }
  return lines.map((line) => `${line}\n`).join("");
}

const labelsText = (labels: Labels): string =>
  `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(",")}}`;

const escapeLabel = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
