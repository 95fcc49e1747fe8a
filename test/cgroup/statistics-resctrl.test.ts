import { expect, test } from "bun:test";
import { statisticsResctrl } from "../../src/cgroup/statistics-resctrl.ts";

/** A host with these files below /r. */
function told(files: Readonly<Record<string, string>>, enter: readonly string[]) {
  const read = (path: string): string | undefined => files[path.slice("/r/".length)];
  const foldersIn = (path: string): string[] => {
    const below = Object.keys(files)
      .filter((file) => `/r/${file}`.startsWith(`${path}/`))
      .map((file) => `/r/${file}`.slice(path.length + 1).split("/")[0] as string);
    return [...new Set(below)].toReversed();
  };
  return statisticsResctrl({ mount: "/r", enter: enter.map((path) => `/r/${path}`) }, read, foldersIn);
}

const limits = {
  schemata: "    L3:0=7ff;1=7ff\n    MB:0=100;1=100\n",
  "gold/schemata": "    L3:0=0f0;1=7ff\n    MB:0= 20;1=100\n",
  "info/L3/cbm_mask": "7ff\n",
  "info/L3/min_cbm_bits": "1\n",
  "info/L3/num_closids": "16\n",
  "info/MB/bandwidth_gran": "10\n",
  "info/MB/delay_linear": "1\n",
  "info/MB/min_bandwidth": "10\n",
  "info/MB/num_closids": "8\n",
};
const counts = {
  "info/L3_MON/mon_features": "llc_occupancy\nmbm_total_bytes\nmbm_local_bytes\n",
  "gold/mon_data/mon_L3_00/llc_occupancy": "100\n",
  "gold/mon_data/mon_L3_00/mbm_total_bytes": "18446744073709551615\n",
  "gold/mon_data/mon_L3_00/mbm_local_bytes": "Unavailable\n",
  "gold/mon_data/mon_L3_01/llc_occupancy": "0\n",
  "gold/mon_data/mon_L3_01/mbm_total_bytes": "5\n",
  "gold/mon_data/mon_L3_01/mbm_local_bytes": "4\n",
};

test("limits of the class and of the machine", () =>
  expect(told(limits, ["gold"])).toEqual({
    l3_cache_info: { cbm_mask: "7ff", min_cbm_bits: 1n, num_closids: 16n },
    l3_cache_schema_root: "L3:0=7ff;1=7ff",
    l3_cache_schema: "L3:0=0f0;1=7ff",
    mem_bw_info: { bandwidth_gran: 10n, delay_linear: 1n, min_bandwidth: 10n, num_closids: 8n },
    mem_bw_schema_root: "MB:0=100;1=100",
    mem_bw_schema: "MB:0= 20;1=100",
    schemata: ["L3:0=0f0;1=7ff", "MB:0= 20;1=100"],
  }));
test("what is counted of the class, for each cache", () =>
  expect(told(counts, ["gold"])).toEqual({
    mbm_stats: [
      { mbm_total_bytes: 18446744073709551615n, mbm_local_bytes: undefined },
      { mbm_total_bytes: 5n, mbm_local_bytes: 4n },
    ],
    cmt_stats: [{ llc_occupancy: 100n }, { llc_occupancy: 0n }],
  }));
test("what is counted of the container alone", () =>
  expect(
    told({ ...counts, "info/L3_MON/mon_features": "llc_occupancy\n", "gold/mon_groups/web/mon_data/mon_L3_00/llc_occupancy": "7\n" }, [
      "gold",
      "gold/mon_groups/web",
    ]),
  ).toEqual({ cmt_stats: [{ llc_occupancy: 7n }] }));
test("a machine that has none of it", () => expect(told({}, ["gold"])).toEqual({}));
