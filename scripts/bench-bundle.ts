// npm run bench:bundle [ROUNDS [FOLDER]]: box bundle beside tar, which unpacks the layers of the same image one after the other
// from a pipe, in FOLDER. The machine is never quiet, so only ratios within one run count: round after round, both in turn,
// and medians over all. Everything is removed at the end only: ext4 without a journal looks at every inode that was removed in
// the last minutes before it takes another (recently_deleted in fs/ext4/ialloc.c), so whoever came next would pay for that.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dockerOf, type TestImage } from "../test/bundle/make-image.ts";
import { type TestEntry, tarOf } from "../test/bundle/make-tar.ts";
import { peakUntilEnd } from "../test/bundle/peak-memory.ts";

const LAYERS = 5;
const LAYER_BYTES = 100_000_000;
const HALF_BYTES = 2048;
const repository = new URL("..", import.meta.url).pathname;
const box = process.env.BOX_BINARY ?? `${repository}dist/box`;

/** Many small files and a few large ones, as the folders of a distribution have them; half of each nearly vanishes. */
function layer(index: number): TestEntry[] {
  const noise = new Uint8Array(HALF_BYTES);
  const entries: TestEntry[] = [];
  for (let bytes = 0, count = 0; bytes < LAYER_BYTES; count++) {
    const size = count % 16 === 0 ? 400_000 : 1000 + ((count * 7919) % 14_000);
    const content = new Uint8Array(size);
    // New for each file: what repeats within the window of zstd would vanish too.
    crypto.getRandomValues(noise);
    for (let at = 0; at < size; at += 2 * HALF_BYTES) content.set(noise.subarray(0, Math.min(HALF_BYTES, size - at)), at);
    entries.push({ path: `usr/lib${index}/folder${Math.floor(count / 60)}/file${count}`, content, mtime: 1_600_000_000 });
    bytes += size;
  }
  return entries;
}

type Kind = { readonly title: string; readonly compress?: "gzip" | "zstd"; readonly cat: string };
const kinds: readonly Kind[] = [
  { title: "not compressed", cat: "cat" },
  { title: "gzip", compress: "gzip", cat: "gzip -dc" },
  { title: "zstd", compress: "zstd", cat: "zstd -dc" },
];

type Run = { readonly ms: number; readonly peak: number };

async function run(argv: readonly string[], cwd: string): Promise<Run> {
  // What others have written is on the disk before the clock starts.
  Bun.spawnSync(["sync"]);
  const start = performance.now();
  const child = Bun.spawn([...argv], { cwd, stdout: "inherit", stderr: "inherit" });
  const peak = peakUntilEnd(child);
  if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")} failed`);
  const ms = performance.now() - start;
  return { ms, peak: await peak };
}

const median = (values: readonly number[]): number => values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;

async function measure(
  { title, compress, cat }: Kind,
  layers: readonly (readonly TestEntry[])[],
  rounds: number,
  where: string,
): Promise<void> {
  const folder = mkdtempSync(`${where}/box-bench-`);
  try {
    const image: TestImage = { layers, ...(compress === undefined ? {} : { compress }) };
    const files = dockerOf([image]);
    for (const [path, content] of Object.entries(files)) writeFileSync(`${folder}/${path}`, content);
    await run(["tar", "-cf", "image.tar", ...Object.keys(files)], folder);
    const paths = Object.keys(files).filter((path) => path.endsWith(".tar"));
    const script = paths.map((path) => `${cat} ${path} | tar -C "$0" --numeric-owner --xattrs --same-owner -xpf -`).join("\n");
    const [tars, boxes]: [Run[], Run[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      mkdirSync(`${folder}/out${round}`);
      const turns = [
        async () => tars.push(await run(["sh", "-e", "-c", script, `out${round}`], folder)),
        async () => boxes.push(await run([box, "bundle", "image.tar", `bundle${round}`], folder)),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
    }
    const [theirs, ours] = [tars, boxes].map((runs) => median(runs.map(({ ms }) => ms))) as [number, number];
    const ratio = median(boxes.map(({ ms }, round) => ms / (tars[round]?.ms ?? Number.NaN)));
    const peak = Math.max(...boxes.map((one) => one.peak)) / 1e6;
    console.log(
      `${title.padEnd(16)} tar ${theirs.toFixed(0).padStart(6)} ms   box ${ours.toFixed(0).padStart(6)} ms   ratio ${ratio.toFixed(2)}   peak RSS ${peak.toFixed(0)} MB`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const rounds = Number(process.argv[2] ?? 5);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("usage: npm run bench:bundle -- [ROUNDS [FOLDER]]");
const layers = Array.from({ length: LAYERS }, (_, index) => layer(index));
console.log(
  `${LAYERS} layers, ${layers.flat().length} files, ${(layers.reduce((sum, one) => sum + tarOf(one).length, 0) / 1e6).toFixed(0)} MB; ${rounds} rounds`,
);
for (const kind of kinds) await measure(kind, layers, rounds, process.argv[3] ?? tmpdir());
