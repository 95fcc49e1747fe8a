// What a container's class of cache and memory bandwidth has and uses, in runc's shape (types/events.go, IntelRdt). Pure over
// functions that read files and list folders (Documentation/filesystems/resctrl.rst).

import type { Read } from "./counters.ts";

/** What this machine has none of is left out. Bytes. */
export type IntelRdtStatistics = {
  readonly l3_cache_info?: {
    readonly cbm_mask: string;
    readonly min_cbm_bits?: bigint | undefined;
    readonly num_closids?: bigint | undefined;
  };
  readonly l3_cache_schema_root?: string | undefined;
  readonly l3_cache_schema?: string | undefined;
  readonly mem_bw_info?: Readonly<Record<(typeof bandwidthFields)[number], bigint | undefined>>;
  readonly mem_bw_schema_root?: string | undefined;
  readonly mem_bw_schema?: string | undefined;
  readonly schemata?: readonly string[];
  /** For each cache, in the order of their folders. */
  readonly mbm_stats?: readonly Counted<"mbm_total_bytes" | "mbm_local_bytes">[];
  readonly cmt_stats?: readonly Counted<"llc_occupancy">[];
};
type Counted<Name extends string> = { readonly [name in Name]?: bigint | undefined };

const bandwidthFields = ["bandwidth_gran", "delay_linear", "min_bandwidth", "num_closids"] as const;

/** `enter`: the class, and the group for what is counted if there is one; else the class's own counts are told. */
export function statisticsResctrl(
  { mount, enter }: { readonly mount: string; readonly enter: readonly string[] },
  read: Read,
  foldersIn: (path: string) => readonly string[],
): IntelRdtStatistics {
  const [group = mount, monitor = group] = enter;
  const [ofRoot, own] = [linesOf(read(`${mount}/schemata`)), linesOf(read(`${group}/schemata`))];
  const mask = read(`${mount}/info/L3/cbm_mask`);
  const bandwidth = read(`${mount}/info/MB/bandwidth_gran`);
  const about = (name: string): bigint | undefined => countIfTold(read(`${mount}/info/${name}`));
  return {
    ...(mask === undefined
      ? {}
      : {
          l3_cache_info: { cbm_mask: mask.trim(), min_cbm_bits: about("L3/min_cbm_bits"), num_closids: about("L3/num_closids") },
          l3_cache_schema_root: lineFor(ofRoot, "L3"),
          l3_cache_schema: lineFor(own, "L3"),
        }),
    ...(bandwidth === undefined
      ? {}
      : {
          mem_bw_info: {
            bandwidth_gran: countIfTold(bandwidth),
            delay_linear: about("MB/delay_linear"),
            min_bandwidth: about("MB/min_bandwidth"),
            num_closids: about("MB/num_closids"),
          },
          mem_bw_schema_root: lineFor(ofRoot, "MB"),
          mem_bw_schema: lineFor(own, "MB"),
        }),
    ...(own.length === 0 ? {} : { schemata: own }),
    ...countedIn(`${monitor}/mon_data`, linesOf(read(`${mount}/info/L3_MON/mon_features`)), read, foldersIn),
  };
}

/** A counter that the hardware cannot tell at the moment says so in words, and is left out. */
function countedIn(
  folder: string,
  features: readonly string[],
  read: Read,
  foldersIn: (path: string) => readonly string[],
): Pick<IntelRdtStatistics, "mbm_stats" | "cmt_stats"> {
  const caches = features.length === 0 ? [] : foldersIn(folder).toSorted();
  const of = (cache: string, feature: string): { [name: string]: bigint | undefined } =>
    features.includes(feature) ? { [feature]: countIfTold(read(`${folder}/${cache}/${feature}`)) } : {};
  return {
    ...(features.some((name) => name.startsWith("mbm_"))
      ? { mbm_stats: caches.map((cache) => ({ ...of(cache, "mbm_total_bytes"), ...of(cache, "mbm_local_bytes") })) }
      : {}),
    ...(features.includes("llc_occupancy") ? { cmt_stats: caches.map((cache) => of(cache, "llc_occupancy")) } : {}),
  };
}

const countIfTold = (text = ""): bigint | undefined => (/^[0-9]+\s*$/.test(text) ? BigInt(text.trim()) : undefined);

function linesOf(text = ""): string[] {
  const lines: string[] = [];
  for (const line of text.split("\n")) if (line.trim() !== "") lines.push(line.trim());
  return lines;
}

/** `L3:0=ff`, and L3CODE and L3DATA where they are apart. */
const lineFor = (lines: readonly string[], resource: string): string | undefined => lines.findLast((line) => line.startsWith(resource));
