// What a control file of a cgroup says: its numbers by name, what they are numbers of, and which of them only ever grow.
// Pure. Formats and units as in Documentation/admin-guide/cgroup-v2.rst ("Format") and cgroup-v1/; a file that is in no
// table here is shown as it is.

export type Unit = "bytes" | "ns" | "us" | "ticks" | "percent" | "count" | "text";

export type Entry = {
  /** Which number of the file: `anon` of memory.stat, `8:0 rbytes` of io.stat; empty where there is only one. */
  readonly key: string;
  /** `text` for what is no number, `max` among numbers for no limit. */
  readonly value: bigint | number | string;
  readonly unit: Unit;
  /** It grows with time, so that its rate says more than its value. */
  readonly counts: boolean;
};

/** The first row that fits a file and a key gives the unit. */
const units: readonly { readonly file: RegExp; readonly key?: RegExp; readonly unit: Unit; readonly counts?: true }[] = [
  { file: /\.pressure$/, key: / total$/, unit: "us", counts: true },
  { file: /\.pressure$/, key: / avg\d+$/, unit: "percent" },
  { file: /^(memory|hugetlb\..*|pids|misc)(\.swap)?\.events(\.local)?$/, unit: "count", counts: true },
  { file: /failcnt$/, unit: "count", counts: true },
  { file: /^memory\.stat$/, key: /^(total_)?(pg|workingset_|thp_|numa_(?!pte)|zswp|swpin|swpout)/, unit: "count", counts: true },
  { file: /^memory\.(stat|numa_stat)$/, unit: "bytes" },
  { file: /^memory\.((swap|zswap)\.)?(current|max|min|low|high|peak)$/, unit: "bytes" },
  { file: /^(memory|hugetlb)\..*_in_bytes$/, unit: "bytes" },
  { file: /^hugetlb\..*\.(current|max)$/, unit: "bytes" },
  { file: /^cpu\.stat(\.local)?$/, key: /_usec$/, unit: "us", counts: true },
  { file: /^cpu\.stat(\.local)?$/, key: /_time$/, unit: "ns", counts: true },
  { file: /^cpu\.stat$/, unit: "count", counts: true },
  { file: /^cpuacct\.usage(_user|_sys)?$/, unit: "ns", counts: true },
  { file: /^cpuacct\.stat$/, unit: "ticks", counts: true },
  { file: /^cpu\..*_us$/, unit: "us" },
  { file: /^io\.stat$/, key: / [rwd]bytes$/, unit: "bytes", counts: true },
  { file: /^io\.stat$/, key: / [rwd]ios$/, unit: "count", counts: true },
  { file: /^blkio\..*io_service_bytes/, unit: "bytes", counts: true },
  { file: /^blkio\..*io_(serviced|merged)/, unit: "count", counts: true },
  { file: /^blkio\..*(_time|time_recursive)/, unit: "ns", counts: true },
];

/** Above this a limit of v1 is none: its largest number, rounded to a page. */
const ENDLESS = 2n ** 60n;

/** Two values on one line, which only look like a name and a number: `max 100000`. */
const isPair = (file: string): boolean => file === "cpu.max";

/** No entry for a file without anything in it. */
export function readControlFile(name: string, text: string): Entry[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const numbers = lines.flatMap((line) => numbersIn(line) ?? [undefined]);
  const isPlain = lines.length === 1 && /^(-?\d+|max)$/.test(text.trim());
  if (isPlain) return [entryOf(name, "", text.trim())];
  // All lines have the same form, or the file is no table.
  if (lines.length > 0 && !numbers.includes(undefined) && !isPair(name))
    return numbers.flatMap((one) => (one === undefined ? [] : [entryOf(name, one.key, one.value)]));
  return lines.length === 0 ? [] : [{ key: "", value: lines.map((line) => line.trim()).join(" "), unit: "text", counts: false }];
}

type Numbered = { readonly key: string; readonly value: string };

/** `anon 12`, `8:0 Read 12`, or `some avg10=0.00 total=12`; undefined for a line of another form. */
function numbersIn(line: string): Numbered[] | undefined {
  const words = line.trim().split(/\s+/);
  const [first = "", ...rest] = words;
  // memory.numa_stat of v1, which counts pages.
  if (first.includes("=")) return undefined;
  if (rest.length > 0 && rest.every((word) => /^[\w.]+=-?[\d.]+$/.test(word)))
    return rest.map((word) => ({ key: `${first} ${word.slice(0, word.indexOf("="))}`, value: word.slice(word.indexOf("=") + 1) }));
  const last = words.at(-1) ?? "";
  // More than three words, or numbers in front, are a list: the pids of tasks, a device with its limits.
  if (words.length < 2 || words.length > 3 || !/^(-?\d+|max)$/.test(last) || /^-?\d+$/.test(first)) return undefined;
  return [{ key: words.slice(0, -1).join(" "), value: last }];
}

function entryOf(file: string, key: string, text: string): Entry {
  const row = units.find((one) => one.file.test(file) && (one.key === undefined || one.key.test(key)));
  const { unit = "count", counts = false } = row ?? {};
  const value = text === "max" ? text : text.includes(".") ? Number(text) : BigInt(text);
  return { key, value: unit === "bytes" && typeof value === "bigint" && value >= ENDLESS ? "max" : value, unit, counts };
}
