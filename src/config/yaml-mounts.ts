// `mounts` of box.yaml as those of config.json, and back.

import type { ConfigFault } from "../errors.ts";
import { mountOptions } from "../linux/mount-options.ts";
import { nearest, show } from "./faults.ts";
import { same } from "./merge-patch.ts";
import type { Mount } from "./spec.ts";
import type { YamlMount } from "./yaml-rules.ts";

const bindsBy = (options: readonly string[]): boolean => options.includes("bind") || options.includes("rbind");

/** `SOURCE:DESTINATION[:OPTION,…]`, or its parts by name. `tmpfs:/run` is a new filesystem, as a folder of that name is ./tmpfs. */
export function expandMount(mount: string | YamlMount, path: string, faults: ConfigFault[]): Mount {
  if (typeof mount === "string") {
    const [source = "", destination = "", options] = mount.split(":");
    const words = options?.split(",") ?? [];
    if (source === "tmpfs") return { destination, type: "tmpfs", source, options: [...tmpfsOptions, ...words] };
    return bind({ source, destination, options: words }, path, faults);
  }
  const { source, destination, type, options = [], optional } = mount;
  if (type !== undefined && type !== "bind" && !bindsBy(options)) {
    if (optional === true)
      faults.push({ path: `${path}.optional`, problem: "goes with a bind only: what else there is to mount needs no source" });
    return { destination, type, source: source ?? type, options };
  }
  if (source === undefined) faults.push({ path: `${path}.source`, problem: "missing, expected the path to bind, or a type such as tmpfs" });
  const made = bind({ source: source ?? "", destination, options }, path, faults);
  return type === undefined ? made : { ...made, type };
}

/** A place for files needs neither. */
const tmpfsOptions = ["nosuid", "nodev"];

/** Everything below the source too, and as private as a mount of the container should be, unless the options differ. */
function bind(mount: { source: string; destination: string; options: readonly string[] }, path: string, faults: ConfigFault[]): Mount {
  for (const option of mount.options) {
    if (Object.hasOwn(mountOptions, option)) continue;
    const meant = nearest(option, Object.keys(mountOptions));
    faults.push({
      path,
      problem: `unknown option ${show(option)} of a bind mount${meant === undefined ? "" : `, did you mean ${show(meant)}?`}`,
    });
  }
  const options = ["rprivate", ...mount.options];
  if (!bindsBy(mount.options)) options.unshift("rbind");
  return { destination: mount.destination, type: "bind", source: mount.source, options };
}

/** The path whose absence leaves the mount out, if it may be left out. */
export const optionalSource = (mount: string | YamlMount): string | undefined =>
  typeof mount !== "string" && mount.optional === true && (mount.type ?? "bind") === "bind" ? mount.source : undefined;

/** The shortest form that expands to just this mount; undefined when none does. */
export function shortenMount(mount: Mount): string | YamlMount | undefined {
  return candidates(mount).find((one) => {
    const faults: ConfigFault[] = [];
    return fits(one) && same(expandMount(one, "", faults), mount) && faults.length === 0;
  });
}

function candidates({ destination, type, source, options = [] }: Mount): (string | YamlMount)[] {
  const short = (words: readonly string[]): string => [source, destination, ...(words.length === 0 ? [] : [words.join(",")])].join(":");
  const long = (words: readonly string[]): YamlMount => ({
    ...(source === undefined || source === type ? {} : { source }),
    destination,
    ...(type === undefined || (type === "bind" && source !== type) ? {} : { type }),
    ...(words.length === 0 ? {} : { options: [...words] }),
  });
  // With and without the words that expanding adds by itself.
  const texts = [options.slice(2), options.slice(1), options].map(short);
  const maps = [options.slice(2), options.slice(1), options].map(long);
  return [...texts, ...maps];
}

/** As the rule has it for texts. */
const fits = (mount: string | YamlMount): boolean => typeof mount !== "string" || /^[^:]+:\/[^:]*(:[^:]+)?$/.test(mount);
