// The notes on the parts of a configuration that are no part of its process and not Linux alone: root, names, mounts, hooks.

import type { HookPoint } from "../../src/config/spec.ts";
import { idMapNotes } from "./id-map.ts";
import type { FieldsOf, Note, Notes } from "./note.ts";

type HookPath<Point extends HookPoint> = `hooks.${Point}` | `hooks.${Point}[].${"path" | "args" | "env" | "timeout"}`;

/** Of these a hook that fails is a warning. */
const isLate = (point: HookPoint): boolean => point === "poststart" || point === "poststop";

function hookNotes<const Point extends HookPoint>(point: Point, does: string): Notes<HookPath<Point>> {
  const shown: Note["shown"] = ["integration/oci-hooks", "state, folder and namespaces at each point"];
  const words: Note["shown"] = ["integration/every-field", "every hook, with its words, its environment and more time than it takes"];
  const path = `hooks.${point}`;
  const notes: Record<string, Note> = {
    [path]: { does, shown, wrong: ["/bin/true", ': expected an array of objects, got "/bin/true"'] },
    [`${path}[].path`]: {
      does: "Executed as it is, not searched in PATH.",
      shown,
      wrong: ["true", ': expected an absolute path, got "true"'],
    },
    [`${path}[].args`]: { does: "Without it the path alone.", shown: words, wrong: [[7], "[0]: expected a string, got 7"] },
    [`${path}[].env`]: {
      does:
        point === "startContainer"
          ? "Without it the container's, of which it is a part."
          : "Without it a PATH and nothing of the caller's.",
      shown:
        point === "startContainer"
          ? ["integration/oci-hooks", "the environment of startContainer, where it has none of its own, is the container's"]
          : words,
      wrong: [["A"], '[0]: expected NAME=value, got "A"'],
    },
    [`${path}[].timeout`]: {
      does: "Afterwards it is killed, and the error says how long it had.",
      shown: ["integration/oci-hooks", isLate(point) ? `of ${point} by its time does not keep the others from running` : "by its time"],
      wrong: [0, ": expected a number of seconds above 0, got 0"],
    },
  };
  return notes as Notes<HookPath<Point>>;
}

export const bundleNotes: Notes<
  FieldsOf<"ociVersion" | "root" | "hostname" | "domainname" | "annotations"> | FieldsOf<"mounts"> | FieldsOf<"hooks">
> = {
  ociVersion: {
    does: "From 1.0.0 up to every 1.3; a newer minor version may have fields that this box would not know. crun does not look at it.",
    shown: ["integration/every-field", "a configuration of version 1.0.0"],
    wrong: ["1.4.0", ': expected a version of the runtime spec from 1.0.0 to 1.3, got "1.4.0"'],
  },
  root: {
    does: "Required.",
    shown: ["integration/root", "the root is the bundle's folder, and .. does not lead out"],
    wrong: ["rootfs", ': expected an object, got "rootfs"'],
  },
  "root.path": {
    does: "Opened once. From then on every path of the container is resolved inside it by openat2.",
    shown: ["integration/root", "a root given as an absolute path, through a symbolic link"],
    wrong: ["", ': expected a string that is not empty, got ""'],
  },
  "root.readonly": {
    does: "An attribute of the root's own mount: the bundle's filesystem is not changed.",
    shown: ["integration/root", "the root is read-only where the configuration says so"],
    wrong: ["true", ': expected true or false, got "true"'],
  },
  hostname: {
    does: "Needs a uts namespace, new or joined.",
    shown: ["integration/names", "both are set"],
    wrong: ["h".repeat(65), `: expected a name of at most 64 bytes, got "${"h".repeat(60)}"… (65 characters)`],
  },
  domainname: {
    does: "The NIS domain. Needs a uts namespace, new or joined.",
    shown: ["integration/names", "both are set"],
    wrong: [7, ": expected a name of at most 64 bytes, got 7"],
  },
  annotations: {
    does: "Any keys, handed on in the state and to hooks and plugins. `box.plugins` names plugins, where the host allows it.",
    shown: ["integration/every-field", "annotations are in the state, whatever their keys"],
    wrong: [{ owner: 7 }, ".owner: expected a string, got 7"],
  },

  mounts: {
    does: "In their order, a later one over an earlier one, by the kernel's new mount calls.",
    shown: ["integration/mounts", "a later mount covers an earlier one"],
    wrong: [{ destination: "/tmp" }, ": expected an array of objects, got an object"],
  },
  "mounts[].destination": {
    does: "Found, or made, inside the root whatever links are there. A relative one begins at `/`, as the specification says.",
    shown: ["integration/mounts", "a destination through links stays in the root"],
    wrong: [undefined, ": missing, expected a string that is not empty"],
  },
  "mounts[].type": {
    does: "Any filesystem of the kernel, and `cgroup` for what this host has. Not needed for a bind mount or a remount.",
    shown: ["integration/mounts", "the default mounts are those of runc, in its order"],
    wrong: [["tmpfs"], ": expected a string, got an array"],
  },
  "mounts[].source": {
    does: "A relative one begins at the bundle's folder.",
    shown: ["integration/mounts", "bind of a file, made where it is missing"],
    wrong: [7, ": expected a string, got 7"],
  },
  "mounts[].options": {
    does: "Every option of the specification; `box features` lists them. What is none of them goes to the filesystem.",
    shown: ["integration/features", "every mount option works"],
    wrong: ["ro", ': expected an array of strings, got "ro"'],
  },
  ...idMapNotes("mounts[].uidMappings", "A mapped copy of the mount, for `idmap` and `ridmap`.", [
    "integration/mapped-mounts",
    "a map of the mount's own, without a user namespace",
  ]),
  ...idMapNotes("mounts[].gidMappings", "Both maps or none: the specification wants them together.", [
    "integration/mapped-mounts",
    "a map of the mount's own, without a user namespace",
  ]),

  hooks: {
    does: "Steps of the plan: each gets the state on stdin and no descriptor beyond; what it prints is part of the error.",
    shown: ["integration/oci-hooks", "of create, start and delete"],
    wrong: [[], ": expected an object, got []"],
  },
  ...hookNotes("prestart", "On the host, before the root is entered. Deprecated in the specification, and run."),
  ...hookNotes("createRuntime", "On the host, after `prestart`."),
  ...hookNotes("createContainer", "In the container's namespaces, with the host's root."),
  ...hookNotes("startContainer", "In the container, by its first process, before the program."),
  ...hookNotes("poststart", "On the host, once the program runs. One that fails ends the container."),
  ...hookNotes("poststop", "On the host, after everything is removed. One that fails is a warning."),
};
