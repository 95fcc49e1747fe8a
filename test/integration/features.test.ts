// What `box features` claims, held against a container that uses all of it.

import { expect } from "bun:test";
import { type Features, featuresOf } from "../../src/config/features.ts";
import { Bundle, binary, execute, linesOf, type RichSpec, testWith } from "./harness.ts";

const test = testWith();

async function features(): Promise<Features> {
  const { exitCode, stdout, stderr } = await execute([binary, "features"]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return JSON.parse(stdout) as Features;
}

test("prints the features, with the version and commit of box --version", async () => {
  const { stdout } = await execute([binary, "--version"]);
  const [, version = ""] = /^box version (.*)$/m.exec(stdout) ?? [];
  const [, commit = ""] = /^commit: (.*)$/m.exec(stdout) ?? [];
  expect(await features()).toEqual(JSON.parse(JSON.stringify(featuresOf({ version, commit }))));
});

test("an argument is refused", async () =>
  expect(await execute([binary, "features", "all"])).toEqual({ exitCode: 1, stdout: "", stderr: "box: features takes no argument\n" }));

/** Words that say how a bind mount is made; the others go with any filesystem. */
const ofBinds = ["bind", "rbind", "remount", "idmap", "ridmap"];
const map = [{ containerID: 0, hostID: 0, size: 65536 }];

/** One mount for each option, on a folder named after it. */
function mountEach(spec: RichSpec, options: readonly string[]): void {
  spec.mounts.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs" });
  for (const option of options) {
    const destination = `/mnt/${option}`;
    if (option.endsWith("idmap"))
      spec.mounts.push({ destination, type: "none", source: "/etc", options: ["rbind", option], uidMappings: map, gidMappings: map });
    else if (ofBinds.includes(option)) spec.mounts.push({ destination, type: "none", source: "/proc/self", options: ["rbind", option] });
    else spec.mounts.push({ destination, type: "tmpfs", source: option, options: [option] });
  }
}

test("every mount option works", async () => {
  const { mountOptions } = await features();
  expect(mountOptions.length).toBeGreaterThan(50);
  using bundle = new Bundle((spec) => mountEach(spec, mountOptions));
  const mounted = linesOf((await bundle.sh("cut -d' ' -f5 /proc/self/mountinfo")).join("\n"));
  expect(mounted.filter((path) => path.startsWith("/mnt/")).sort()).toEqual(mountOptions.map((option) => `/mnt/${option}`).sort());
});

test("every namespace works, all at once", async () => {
  const { linux } = await features();
  using bundle = new Bundle((spec) => {
    spec.linux.namespaces = linux.namespaces.map((type) => ({ type }) as RichSpec["linux"]["namespaces"][number]);
    Object.assign(spec.linux, { uidMappings: map, gidMappings: map });
  });
  const files: Readonly<Record<string, string>> = { network: "net", mount: "mnt" };
  const names = linux.namespaces.map((type) => files[type] ?? type);
  const links = await bundle.sh(`for n in ${names.join(" ")}; do readlink /proc/self/ns/$n; done`);
  const { stdout } = await execute(["readlink", ...names.map((name) => `/proc/self/ns/${name}`)]);
  const own = linesOf(stdout);
  expect(links.map((link) => link.split(":")[0])).toEqual(names);
  expect(links.filter((link) => own.includes(link))).toEqual([]);
});

test("every hook works", async () => {
  const { hooks } = await features();
  using bundle = new Bundle((spec) => {
    spec.hooks = Object.fromEntries(hooks.map((name) => [name, [{ path: "/bin/true" }]]));
  });
  expect(await bundle.sh("echo ran")).toEqual(["ran"]);
});
