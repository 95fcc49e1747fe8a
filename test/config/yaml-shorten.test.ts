import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { lookUpUser } from "../../src/cli/user-names.ts";
import { checkSpec } from "../../src/config/check-spec.ts";
import { defaultSeccomp } from "../../src/config/default-seccomp.ts";
import { defaultSpec } from "../../src/config/default-spec.ts";
import { embeddedSpec, usualCapabilities } from "../../src/config/embedded-spec.ts";
import type { Spec } from "../../src/config/spec.ts";
import { expandYaml, type YamlContext } from "../../src/config/yaml-expand.ts";
import { printYaml } from "../../src/config/yaml-print.ts";
import { readYaml } from "../../src/config/yaml-read.ts";
import { type BoxYaml, boxYamlRule } from "../../src/config/yaml-rules.ts";
import { inOrder, shortenSpec } from "../../src/config/yaml-shorten.ts";
import { BoxError } from "../../src/errors.ts";
import { hosts } from "../plan/arbitrary-spec.ts";
import { nearYaml, yamlKeys } from "./arbitrary-yaml.ts";
import { dockerConfig, podmanConfig } from "./client-configs.ts";

type Rootless = YamlContext["rootless"];

const none = (): never => {
  throw new BoxError({ what: "is not there" });
};

/** As somebody expands it who has a terminal and calls the container something. */
const contextFor = (root: string, rootless: Rootless): YamlContext => ({
  id: "an-id",
  machine: "x64",
  root,
  folder: "/bundle",
  term: "screen",
  rootless,
  lookUpUser: (text) => lookUpUser(text, "root:x:0:7::/:/bin/sh\nweb:x:1000:5::/:/bin/sh\n", "staff:x:50:web,root\n", "user"),
  resolveNamespace: none,
  exists: () => false,
  deviceAt: none,
  readJson: none,
});

const read = (text: string): BoxYaml => readYaml(text, "box.yaml", boxYamlRule).value as BoxYaml;

function expand(text: string, rootless?: Rootless): Spec {
  const yaml = read(text);
  return expandYaml(yaml, contextFor(yaml.rootfs, rootless)).spec;
}

const shorten = (spec: Spec, rootless?: Rootless): string => printYaml(shortenSpec(spec, { machine: "x64", rootless }));

/** config → yaml → config is the same, and so the next time. Returns the first yaml. */
function expectRoundTrip(config: unknown, rootless?: Rootless): string {
  const spec = checkSpec(structuredClone(config));
  const text = shorten(spec, rootless);
  const again = expand(text, rootless);
  expect(inOrder(again)).toEqual(inOrder(spec));
  expect(inOrder(expand(shorten(again, rootless), rootless))).toEqual(inOrder(spec));
  return text;
}

const rootless = { uid: 1000, gid: 1001 };

describe("there and back again:", () => {
  for (const [name, config] of [
    ["podman's", podmanConfig()],
    ["Docker's", dockerConfig()],
    ["runc's default", defaultSpec()],
    ["runc's default without root", defaultSpec({ rootless, cgroupV2: true })],
    ["the built-in one", embeddedSpec({ root: "/", hostname: "a", terminal: true, term: "xterm", rootless: undefined })],
    ["one with nothing in it", { ociVersion: "1.0.2", root: { path: "host" } }],
  ] as const) {
    test(name, () => void expectRoundTrip(config));
    test(`${name}, expanded without root`, () => void expectRoundTrip(config, rootless));
  }

  test(
    "random ones",
    () =>
      fc.assert(
        fc.property(hosts, fc.boolean(), ({ spec }, isRoot) => void expectRoundTrip(spec, isRoot ? undefined : rootless)),
        { numRuns: 60 },
      ),
    60_000,
  );

  /** Texts that YAML takes for something else, or has to quote. */
  const awkward = fc.oneof(
    fc.constantFrom(
      "true",
      "null",
      "~",
      "",
      "1.10",
      "010",
      "0x1f",
      "1e3",
      "-",
      "- a",
      "a: b",
      "#x",
      "&a",
      "*a",
      "!tag",
      "|",
      ">",
      "%",
      "@",
    ),
    fc.constantFrom(
      "'",
      '"',
      "`",
      " a",
      "a ",
      "a\nb",
      "a\n",
      "\n",
      "\t",
      "\u0007",
      "\u0085",
      "\u2028",
      "\\",
      "é",
      "😀",
      "{a}",
      "[a]",
      ",",
      "?",
    ),
    fc.string({ maxLength: 8 }).filter((text) => !text.includes("\0")),
  );
  const name = awkward.filter((text) => text !== "" && !text.includes("=") && text !== "__proto__" && text !== "<<");
  const awkwardSpec = fc
    .record({
      args: fc.array(awkward, { minLength: 1, maxLength: 4 }),
      env: fc.array(
        fc.tuple(name, awkward).map(([key, value]) => `${key}=${value}`),
        { maxLength: 4 },
      ),
      path: awkward.filter((text) => text !== ""),
      hostname: awkward.filter((text) => text !== ""),
      annotations: fc.dictionary(name, awkward, { noNullPrototype: true, maxKeys: 4 }),
      source: awkward.filter((text) => text !== ""),
      terminal: fc.boolean(),
    })
    .map(({ args, env, path, hostname, annotations, source, terminal }): Spec => {
      const usual = embeddedSpec({ root: path, hostname, terminal, term: undefined, rootless: undefined });
      const process = { ...usual.process, user: { uid: 0, gid: 0 }, cwd: "/", args, env };
      const mounts = [...(usual.mounts ?? []), { destination: "/a", type: "bind", source, options: ["rbind", "rprivate", "ro"] }];
      return { ...usual, process, mounts, annotations };
    });
  test(
    "awkward texts",
    () =>
      fc.assert(
        fc.property(awkwardSpec, (spec) => void expectRoundTrip(spec)),
        { numRuns: 100 },
      ),
    60_000,
  );
});

test("random files: what they expand to comes back", () => {
  let expanded = 0;
  const file = fc
    .uniqueArray(fc.constantFrom(...yamlKeys.filter((key) => key !== "oci")), { minLength: 1, maxLength: 5 })
    .chain((keys) => fc.tuple(...keys.map((key) => nearYaml(key).map((value) => `${key}: ${value}\n`))));
  fc.assert(
    fc.property(file, (lines) => {
      let spec: Spec;
      try {
        spec = expand(`rootfs: rootfs\n${lines.join("")}`);
      } catch (error) {
        if (error instanceof BoxError) return;
        throw error;
      }
      expanded += 1;
      expectRoundTrip(spec);
    }),
    { numRuns: 500 },
  );
  expect(expanded).toBeGreaterThan(25);
}, 60_000);

/** A box.yaml comes back as it was. */
const check = (text: string): void =>
  test(text.split("\n").slice(1, 2).join(" ") || text, () => expect(shorten(expand(text))).toBe(`${text}\n`));

describe("short forms come back:", () => {
  check("rootfs: rootfs\nhostname: web");
  check("rootfs: rootfs\ncommand: nginx -g daemon=off\nhostname: web");
  check("rootfs: rootfs\ncommand: [sh, -c, echo $HOME; exit 3]\nhostname: web");
  check('rootfs: rootfs\nenv:\n  A: 1\n  B: a=b\n  C: "1.10"\nhostname: web');
  check("rootfs: rootfs\nworkdir: /srv\nuser: 33:34\nhostname: web\ndomainname: example");
  check("rootfs: rootfs\nhostname: web\nmounts:\n  - ./a:/b\n  - /c:/d:ro,nosuid\n  - tmpfs:/e\n  - tmpfs:/f:size=1m");
  check("rootfs: rootfs\nhostname: web\nmounts:\n  - destination: /a\n    type: proc\n    options: [hidepid=2]");
  check("rootfs: rootfs\nhostname: web\nmounts:\n  - source: a:b\n    destination: /c");
  check("rootfs: rootfs\nhostname: web\nlimits:\n  memory: 256MB\n  swap: 0\n  cpus: 1.5\n  cpu-shares: 512\n  cpuset: 0-3,7\n  pids: 100");
  check(
    "rootfs: rootfs\nhostname: web\nlimits:\n  memory: 1GB\n  memory-reservation: 100KB\n  swap: unlimited\n  cpuset-mems: 0\n  pids: unlimited",
  );
  check(
    "rootfs: rootfs\nhostname: web\nlimits:\n  io:\n    weight: 500\n    read-bps:\n      8:0: 10MB\n    write-iops:\n      8:0: 50\n      8:16: 60",
  );
  check("rootfs: rootfs\nhostname: web\nulimits:\n  nofile: 1024\n  core: 0:unlimited\n  nproc: unlimited");
  check("rootfs: rootfs\nhostname: web\nsysctl:\n  net.core.somaxconn: 1024");
  check("rootfs: rootfs\nhostname: web\nnamespaces:\n  pid: host\n  ipc: /proc/7/ns/ipc");
  check("rootfs: rootfs\nhostname: web\nnetwork: host");
  check("rootfs: rootfs\nhostname: web\nnetwork: /run/netns/a");
  check("rootfs: rootfs\nhostname: web\ncapabilities:\n  add: [NET_ADMIN]\n  drop: [CHOWN]");
  check("rootfs: rootfs\nhostname: web\ncapabilities:\n  drop: [ALL]");
  check("rootfs: rootfs\nhostname: web\ncapabilities:\n  add: [ALL]\n  drop: [SYS_ADMIN]");
  check("rootfs: rootfs\nuser: 33:33\nhostname: web\ncapabilities:\n  add: [NET_BIND_SERVICE]");
  check("rootfs: rootfs\nhostname: web\nseccomp: unconfined\nno-new-privileges: false");
  check("rootfs: rootfs\nhostname: web\nhooks:\n  createRuntime: [/usr/bin/hook --now]\n  poststop:\n    - path: /bin/a\n      timeout: 5");
  check("rootfs: rootfs\nhostname: web\nannotations:\n  org.example.a: b");
  check("rootfs: rootfs\nhostname: web\nread-only: true");
  check("rootfs: rootfs\nenv:\n  TERM: xterm\nhostname: web\nterminal: true");
  check("rootfs: rootfs\nhostname: web\noci:\n  linux:\n    cgroupsPath: /a/b");
  check("rootfs: rootfs\nhostname: web\noci:\n  linux:\n    maskedPaths: [/a]");
  check("rootfs: rootfs\noci:\n  hostname: null");
});

test("a default profile that belongs to other capabilities is said whole", () => {
  const spec = expand("rootfs: rootfs\nhostname: web");
  const other = defaultSeccomp([...usualCapabilities, "CAP_SYS_ADMIN"], "x64");
  const text = shorten({ ...spec, linux: { ...spec.linux, seccomp: other } });
  expect(text).toStartWith(
    "rootfs: rootfs\nhostname: web\nseccomp: unconfined\noci:\n  linux:\n    seccomp:\n      defaultAction: SCMP_ACT_ERRNO\n",
  );
});
