// The keys of box.yaml as data: what each may hold and what it means. yaml-read.ts holds a file against this table; a
// JSON Schema for editors can be made from it, which is why patterns are texts and not functions.

/** Which shapes a value may have; it may allow several, such as a string or a list. */
export type YamlRule = {
  /** Follows the word "expected" in messages. */
  readonly expected: string;
  /** Numbers and booleans count as the text that stands in the file, so that `VERSION: 1.10` keeps its zero. */
  readonly text?: { readonly pattern?: string };
  readonly boolean?: true;
  readonly list?: YamlRule;
  /** Any keys, each with a value of one kind. */
  readonly map?: YamlRule;
  readonly object?: { readonly fields: Readonly<Record<string, YamlRule>>; readonly required: readonly string[] };
  /** Whatever it is: somebody else checks it. */
  readonly any?: true;
};

export type YamlMount = { source?: string; destination: string; type?: string; options?: string[] };

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

export type BoxYaml = {
  /** A folder, relative to the file's own; `host` is a copy-on-write view of the host's /. */
  rootfs: string;
  /** Words, or one line that is split as a shell would, without expanding anything. `sh` when left out. */
  command?: string | string[];
  /** Added to PATH, or replacing it. */
  env?: Record<string, string> | string[];
  workdir?: string;
  /** `USER[:GROUP]`: names of the root's own passwd and group files, or numbers. */
  user?: string;
  hostname?: string;
  /** `SOURCE:DESTINATION[:OPTION,…]`, or its parts by name. */
  mounts?: (string | YamlMount)[];
  /** What is left out is made new. */
  namespaces?: { [key in NamespaceKey]?: string };
  /** Names of built-in plugins or paths of files, alone or with options. */
  plugins?: (string | Record<string, unknown>)[];
  "read-only"?: boolean;
  terminal?: boolean;
};

const filled: YamlRule = { expected: "a string that is not empty", text: { pattern: "." } };
const absolute: YamlRule = { expected: "an absolute path", text: { pattern: "^/" } };
const text: YamlRule = { expected: "a string", text: {} };

const joined = "new, host, container:ID, pid:NUMBER or an absolute path";
const reference = "new|host|container:.+|pid:[0-9]+|/.*";
const namespace: YamlRule = { expected: joined, text: { pattern: `^(${reference})$` } };
const network: YamlRule = { expected: `none, ${joined}`, text: { pattern: `^(none|${reference})$` } };

const mount: YamlRule = {
  expected: "SOURCE:DESTINATION[:OPTION,…], or a map with source and destination",
  text: { pattern: "^[^:]+:/[^:]*(:[^:]+)?$" },
  object: {
    fields: {
      source: filled,
      destination: absolute,
      type: filled,
      options: { expected: "a list of options", list: filled },
    } satisfies { readonly [Key in keyof YamlMount]-?: YamlRule },
    required: ["destination"],
  },
};

const fields: { readonly [Key in keyof BoxYaml]-?: YamlRule } = {
  rootfs: { expected: "a folder, or host", text: { pattern: "." } },
  command: { expected: "a line, or a list of words", text: { pattern: "." }, list: text },
  env: {
    expected: "a map of names to values, or a list of NAME=VALUE",
    map: text,
    list: { expected: "NAME=VALUE", text: { pattern: "^[^=]+=" } },
  },
  workdir: absolute,
  user: { expected: "USER[:GROUP]", text: { pattern: "." } },
  hostname: { expected: "a name of at most 64 characters", text: { pattern: "^.{1,64}$" } },
  mounts: { expected: "a list of mounts", list: mount },
  namespaces: {
    expected: "a map of namespaces",
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
    },
  },
  plugins: {
    expected: "a list of plugins",
    list: {
      expected: "a plugin's name or path, or a map of that to its options",
      text: { pattern: "." },
      map: { expected: "options", any: true },
    },
  },
  "read-only": { expected: "true or false", boolean: true },
  terminal: { expected: "true or false", boolean: true },
};

export const boxYamlRule: YamlRule = { expected: "a map", object: { fields, required: ["rootfs"] } };
