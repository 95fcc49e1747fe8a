// tapable as box needs it: the two kinds of hooks that hooks/hooks.ts makes, without node:util, which it takes for one
// warning and whose load is three quarters of tapable's own (2.2 ms of 2.9). Its own replacement for browsers takes that
// place. When a new version of tapable looks otherwise, the build fails, and this is to be written anew.

const used = ["AsyncSeriesHook", "AsyncSeriesWaterfallHook"];

/** The plugin for Bun.build. */
export function leanTapable(): Bun.BunPlugin {
  return {
    name: "lean tapable",
    setup(build) {
      build.onLoad({ filter: /\/tapable\/lib\/(index|Hook)\.js$/ }, async ({ path }) => {
        const text = await Bun.file(path).text();
        return { loader: "js", contents: path.endsWith("/Hook.js") ? withoutUtil(text) : usedAlone(text) };
      });
    },
  };
}

function withoutUtil(text: string): string {
  const lean = text.replace('require("util")', 'require("./util-browser")');
  if (lean === text) throw new Error("tapable/lib/Hook.js does not require util");
  return lean;
}

function usedAlone(text: string): string {
  const lines = text.split("\n").filter((line) => !line.includes("require(") || used.some((name) => line.includes(`"./${name}"`)));
  if (lines.filter((line) => line.includes("require(")).length !== used.length)
    throw new Error(`tapable/lib/index.js does not export ${used.join(" and ")} as expected`);
  return lines.join("\n");
}
