// The keys of box.yaml as data: what each may hold and what it means. yaml-read.ts holds a file against this table, the
// JSON Schema for editors is made from it (yaml-schema.ts), and docs/box-yaml.md is compared with it. Hence patterns are texts
// and not functions.

import { capabilities } from "../linux/capabilities.ts";
import { flags } from "../linux/flags.ts";
import { hookPoints } from "./hook-points.ts";
import type { HookPoint } from "./spec.ts";

/** Which shapes a value may have; it may allow several, such as a string or a list. */
export type YamlRule = {
  /** Follows the word "expected" in messages. */
  readonly expected: string;
  /** What the key is for, in Markdown. */
  readonly means?: string;
  /**
   * Numbers and booleans count as the text that stands in the file, so that `VERSION: 1.10` keeps its zero. `words` are texts
   * that the pattern takes, for suggestions.
   */
  readonly text?: { readonly pattern?: string; readonly words?: readonly string[] };
  readonly boolean?: true;
  readonly list?: YamlRule;
  /** Any keys, each with a value of one kind. */
  readonly map?: YamlRule;
  readonly object?: YamlObject;
  /** Whatever it is: somebody else checks it. */
  readonly any?: true;
};

export type YamlObject = {
  readonly fields: Readonly<Record<string, YamlRule>>;
  readonly required: readonly string[];
  /** Names that other tools have for something here, and where it is. */
  readonly elsewhere?: Readonly<Record<string, string>>;
};

export type YamlMount = { source?: string; destination: string; type?: string; options?: string[]; optional?: boolean };

/** As in config.json. */
export type YamlHook = { path: string; args?: string[]; env?: string[]; timeout?: string };

/** The words of `namespaces`, and the runtime-spec's types that they stand for. */
export const namespaceKeys = {
  pid: "pid",
  mount: "mount",
  ipc: "ipc",
  uts: "uts",
  net: "network",
  cgroup: "cgroup",
  user: "user",
  time: "time",
} as const;

export type NamespaceKey = keyof typeof namespaceKeys;

export type YamlIo = {
  weight?: string;
  "read-bps"?: Record<string, string>;
  "write-bps"?: Record<string, string>;
  "read-iops"?: Record<string, string>;
  "write-iops"?: Record<string, string>;
};

export type YamlLimits = {
  memory?: string;
  "memory-reservation"?: string;
  swap?: string;
  cpus?: string;
  "cpu-shares"?: string;
  cpuset?: string;
  "cpuset-mems"?: string;
  pids?: string;
  io?: YamlIo;
};

export type BoxYaml = {
  rootfs: string;
  command?: string | string[];
  env?: Record<string, string> | string[];
  workdir?: string;
  user?: string;
  hostname?: string;
  domainname?: string;
  mounts?: (string | YamlMount)[];
  devices?: string[];
  limits?: YamlLimits;
  ulimits?: Record<string, string>;
  sysctl?: Record<string, string>;
  namespaces?: { [key in NamespaceKey]?: string };
  network?: string;
  capabilities?: { add?: string[]; drop?: string[] };
  seccomp?: string;
  "no-new-privileges"?: boolean;
  hooks?: { [point in HookPoint]?: (string | YamlHook)[] };
  annotations?: Record<string, string>;
  plugins?: (string | Record<string, unknown>)[];
  "read-only"?: boolean;
  terminal?: boolean;
  oci?: Record<string, unknown>;
};

const filled: YamlRule = { expected: "a string that is not empty", text: { pattern: "[^]" } };
const absolute: YamlRule = { expected: "an absolute path", text: { pattern: "^/" } };
const text: YamlRule = { expected: "a string", text: {} };
const truth: YamlRule = { expected: "true or false", boolean: true };
const assignment: YamlRule = { expected: "NAME=VALUE", text: { pattern: "^[^=]+=" } };
/** As many digits as a number of JavaScript holds exactly. */
const digits: YamlRule = { expected: "a number", text: { pattern: "^[0-9]{1,15}$" } };

const joined = "new, host, container:ID, pid:NUMBER or an absolute path";
const reference = "new|host|container:.+|pid:[0-9]+|/.*";
const namespace: YamlRule = { expected: joined, text: { pattern: `^(${reference})$`, words: ["new", "host"] } };
const network: YamlRule = { expected: `none, ${joined}`, text: { pattern: `^(none|${reference})$`, words: ["none", "new", "host"] } };

const mount: YamlRule = {
  expected: "SOURCE:DESTINATION[:OPTION,…], or a map with source and destination",
  text: { pattern: "^[^:]+:/[^:]*(:[^:]+)?$" },
  object: {
    fields: {
      source: { ...filled, means: "path on the host, or what the filesystem calls its source" },
      destination: { ...absolute, means: "place in the container" },
      type: { ...filled, means: "a filesystem such as tmpfs; a bind when left out" },
      options: { expected: "a list of options", list: filled, means: "those of config.json's `mounts`" },
      optional: { ...truth, means: "a bind is left out when its source does not exist, which `box plan` notes" },
    } satisfies { readonly [Key in keyof YamlMount]-?: YamlRule },
    required: ["destination"],
    elsewhere: { target: "destination", dst: "destination", src: "source", "read-only": "options" },
  },
};

/** What byte-size.ts takes. */
const amount = "[0-9]{1,15}(\\.[0-9]+)? ?([kKmMgGtTpP]([iI]?[bB])?|[bB])?";
const size: YamlRule = { expected: "a size such as 256MB", text: { pattern: `^${amount}$` } };
const sizeOrUnlimited: YamlRule = {
  expected: "a size such as 256MB, or unlimited",
  text: { pattern: `^(${amount}|unlimited)$`, words: ["unlimited"] },
};
const digitsOrUnlimited: YamlRule = {
  expected: "a number, or unlimited",
  text: { pattern: "^([0-9]{1,15}|unlimited)$", words: ["unlimited"] },
};
const numbers: YamlRule = { expected: "a list of numbers such as 0-3,7", text: { pattern: "^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$" } };
const perDevice = (value: YamlRule, what: string): YamlRule => ({ expected: `a map of block devices to ${what}`, map: value });

const io: YamlRule = {
  expected: "a map of limits on block devices",
  object: {
    fields: {
      weight: { ...digits, means: "share of the disks, from 10 to 1000, beside others" },
      "read-bps": { ...perDevice(size, "sizes"), means: "bytes read in a second at most; a device is a path such as `/dev/sda`, or `8:0`" },
      "write-bps": { ...perDevice(size, "sizes"), means: "bytes written in a second" },
      "read-iops": { ...perDevice(digits, "numbers"), means: "reads in a second" },
      "write-iops": { ...perDevice(digits, "numbers"), means: "writes in a second" },
    } satisfies { readonly [Key in keyof YamlIo]-?: YamlRule },
    required: [],
  },
};

const limits: YamlRule = {
  expected: "a map of limits",
  means: "what the container may use of the machine: see below",
  object: {
    fields: {
      memory: { ...size, means: "units are powers of 1024, as in `256MB` and `1.5GiB`; beyond it the kernel kills" },
      "memory-reservation": { ...size, means: "what it can count on when memory is short" },
      swap: { ...sizeOrUnlimited, means: "beside `memory`, which it needs; `0` is none" },
      cpus: {
        expected: "a number above 0, such as 1.5",
        text: { pattern: "^[0-9]{1,6}(\\.[0-9]{1,5})?$" },
        means: "processors' worth of time",
      },
      "cpu-shares": { ...digits, means: "share of the processors beside others, from 2 to 262144; usually 1024" },
      cpuset: { ...numbers, means: "processors that it runs on" },
      "cpuset-mems": { ...numbers, means: "memory nodes that it uses" },
      pids: { ...digitsOrUnlimited, means: "processes and threads at a time" },
      io: { ...io, means: "shares and limits of block devices: see below" },
    } satisfies { readonly [Key in keyof YamlLimits]-?: YamlRule },
    required: [],
    elsewhere: { mem: "memory", cpu: "cpus", "pids-limit": "pids", "cpuset-cpus": "cpuset", blkio: "io" },
  },
};

const ulimit: YamlRule = {
  expected: "a number, unlimited, or two of them as SOFT:HARD",
  text: { pattern: "^([0-9]{1,15}|unlimited)(:([0-9]{1,15}|unlimited))?$", words: ["unlimited"] },
};

/** `RLIMIT_NOFILE` → `nofile` */
export const ulimitName = (type: string): string => type.slice("RLIMIT_".length).toLowerCase();

const hook: YamlRule = {
  expected: "a line such as /usr/bin/hook --flag, or a map with path",
  text: { pattern: "[^]" },
  object: {
    fields: {
      path: { ...filled, means: "the program; relative to the file" },
      args: { expected: "a list of words", list: text, means: "its arguments, of which the first is its name" },
      env: { expected: "a list of NAME=VALUE", list: assignment, means: "its whole environment" },
      timeout: { ...digits, expected: "a number of seconds", means: "how long it may take" },
    } satisfies { readonly [Key in keyof YamlHook]-?: YamlRule },
    required: ["path"],
    elsewhere: { command: "path" },
  },
};

const hookList: YamlRule = { expected: "a list of hooks", list: hook };

const capabilityNames = ["ALL", ...Object.keys(capabilities).map((name) => name.slice("CAP_".length))];
const capability: YamlRule = {
  expected: "the name of a capability, such as NET_ADMIN, or ALL",
  text: { pattern: `^(CAP_)?(${capabilityNames.join("|")})$`, words: capabilityNames },
};
const capabilityList: YamlRule = { expected: "a list of capabilities", list: capability };

const fields: { readonly [Key in keyof BoxYaml]-?: YamlRule } = {
  rootfs: {
    expected: "a folder, or host",
    text: { pattern: "[^]" },
    means: "the root; relative to the file. `host` is a copy-on-write view of this machine's `/`",
  },
  command: {
    expected: "a line, or a list of words",
    text: { pattern: "[^]" },
    list: text,
    means: "what runs; a line is split as a shell would, and nothing in it is expanded. `sh` when left out",
  },
  env: {
    expected: "a map of names to values, or a list of NAME=VALUE",
    map: text,
    list: assignment,
    means: "added to a `PATH`, and with a terminal to the caller's `TERM`; later ones win",
  },
  workdir: { ...absolute, means: "folder to start in, `/` when left out" },
  user: {
    expected: "USER[:GROUP]",
    text: { pattern: "[^]" },
    means: "names from the root's own passwd and group files, or numbers; root when left out",
  },
  hostname: { expected: "a name of at most 64 characters", text: { pattern: "^[^]{1,64}$" }, means: "the container's id when left out" },
  domainname: { expected: "a name of at most 64 characters", text: { pattern: "^[^]{1,64}$" }, means: "the NIS domain" },
  mounts: { expected: "a list of mounts", list: mount, means: "beside the usual ones such as `/proc`: see below" },
  devices: {
    expected: "a list of devices",
    list: { expected: "PATH[:PATH IN THE CONTAINER][:rwm]", text: { pattern: "^/[^:]+(:/[^:]+)?(:[rwm]{1,3})?$" } },
    means: "of the host, as `/dev/fuse` or `/dev/sdb:/dev/disk:r`; `rwm` when left out",
  },
  limits,
  ulimits: {
    expected: "a map of limits of processes",
    object: { fields: Object.fromEntries(Object.keys(flags.RLIMIT).map((type) => [ulimitName(type), ulimit])), required: [] },
    means: "each process's, by the names of ulimit without RLIMIT_: `nofile: 1024`, `core: 0:unlimited`",
  },
  sysctl: {
    expected: "a map of names to values",
    map: text,
    means: "settings of the container's namespaces, as `net.core.somaxconn: 1024`",
  },
  namespaces: {
    expected: "a map of namespaces",
    means: "see below; what is left out is new",
    object: {
      fields: {
        pid: namespace,
        mount: namespace,
        ipc: namespace,
        uts: namespace,
        net: network,
        cgroup: namespace,
        user: namespace,
        time: namespace,
      } satisfies {
        readonly [Key in NamespaceKey]: YamlRule;
      },
      required: [],
      elsewhere: { network: "net", mnt: "mount" },
    },
  },
  network: {
    ...network,
    means: "short for `namespaces: { net: … }`: `none` is loopback alone, `container:ID` another container's network",
  },
  capabilities: {
    expected: "a map with add and drop",
    means: "beside the usual ones: see below",
    object: { fields: { add: capabilityList, drop: capabilityList }, required: [] },
  },
  seccomp: {
    expected: "default, unconfined or a file",
    text: { pattern: "^(default|unconfined|[^]*/[^]*|[^]+\\.json)$", words: ["default", "unconfined"] },
    means: "which system calls are let through; a file holds a profile: see below",
  },
  "no-new-privileges": { ...truth, means: "programs such as sudo gain nothing; true when left out" },
  hooks: {
    expected: "a map of hooks",
    means: "OCI hooks: programs of the host, see below",
    object: {
      fields: Object.fromEntries(hookPoints.map((point) => [point, hookList])),
      required: [],
    },
  },
  annotations: { expected: "a map of names to values", map: text, means: "notes for other programs, as in config.json" },
  plugins: {
    expected: "a list of plugins",
    list: {
      expected: "a plugin's name or path, or a map of that to its options",
      text: { pattern: "[^]" },
      map: { expected: "options", any: true },
    },
    means: "names of built-in ones or paths, alone or with options: see plugins.md",
  },
  "read-only": { ...truth, means: "the root cannot be written" },
  terminal: { ...truth, means: "the container gets a terminal" },
  oci: {
    expected: "a map of config.json's fields",
    map: { expected: "a value", any: true },
    means: "anything else of config.json, put in last: see below",
  },
};

export const boxYamlRule: YamlRule = {
  expected: "a map",
  object: {
    fields,
    required: ["rootfs"],
    elsewhere: {
      root: "rootfs",
      args: "command",
      cmd: "command",
      entrypoint: "command",
      environment: "env",
      cwd: "workdir",
      working_dir: "workdir",
      volumes: "mounts",
      tmpfs: "mounts",
      resources: "limits",
      memory: "limits.memory",
      cpus: "limits.cpus",
      pids: "limits.pids",
      rlimits: "ulimits",
      sysctls: "sysctl",
      network_mode: "network",
      net: "network",
      caps: "capabilities",
      cap_add: "capabilities.add",
      cap_drop: "capabilities.drop",
      security_opt: "seccomp",
      labels: "annotations",
      read_only: "read-only",
      readonly: "read-only",
      tty: "terminal",
    },
  },
};
