// Which group of flags.ts a struct's field takes its names from.

import type { FlagGroup } from "../linux/flags.ts";
import type { StructName } from "../linux/structs.ts";

const groups: Readonly<Record<string, FlagGroup>> = {
  "open_how.flags": "O",
  "open_how.resolve": "RESOLVE",
  "mount_attr.attr_set": "MOUNT_ATTR",
  "mount_attr.attr_clr": "MOUNT_ATTR",
  "mount_attr.propagation": "MS",
  "clone_args.flags": "CLONE",
  "pollfd.events": "POLL",
  "bpf_prog_load.prog_type": "BPF_PROG_TYPE",
  "bpf_prog_attach.attach_type": "BPF_ATTACH_TYPE",
  "bpf_prog_attach.attach_flags": "BPF_F",
};

/** undefined for a field that is a plain number. */
export const structFieldGroup = (struct: StructName, field: string): FlagGroup | undefined => groups[`${struct}.${field}`];

export function structFlagGroup(struct: StructName, field: string): FlagGroup {
  const group = structFieldGroup(struct, field);
  if (group === undefined) throw new Error(`tape: ${struct}.${field} takes no flag names`);
  return group;
}
