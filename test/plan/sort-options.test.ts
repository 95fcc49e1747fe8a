import { expect, test } from "bun:test";
import { attributesTogether, sortOptions } from "../../src/plan/sort-options.ts";

function sorts(options: string, expected: string): void {
  test(options, () => {
    const { attributes, attributesBelow, propagation, bind, data, readOnlyFilesystem } = sortOptions(options.split(","));
    const show = ({ set, clear }: typeof attributes): string =>
      [...set.map((name) => `+${name.slice(11)}`), ...clear.map((name) => `-${name.slice(11)}`)].join(" ");
    const parts = {
      here: show(attributes),
      below: show(attributesBelow),
      propagation: propagation.map(({ flag, recursive }) => `${flag}${recursive ? " below too" : ""}`).join(" "),
      bind: bind ?? "",
      filesystem: [...data, ...(readOnlyFilesystem ? ["ro"] : [])].join(" "),
    };
    expect(
      Object.entries(parts)
        .filter(([, text]) => text !== "")
        .map(([name, text]) => `${name}: ${text}`)
        .join("; "),
    ).toBe(expected);
  });
}
sorts("defaults", "");
sorts("ro", "here: +RDONLY; filesystem: ro");
sorts("ro,rw", "here: -RDONLY");
sorts("rw,ro", "here: +RDONLY; filesystem: ro");
sorts("nosuid,noexec,suid", "here: +NOEXEC -NOSUID");
sorts("noatime", "here: +NOATIME -_ATIME");
sorts("noatime,relatime", "here: +RELATIME -_ATIME");
sorts("noatime,strictatime,nodiratime", "here: +STRICTATIME +NODIRATIME -_ATIME");
sorts("rbind,ro,rnosuid,rnoatime", "here: +RDONLY; below: +NOSUID +NOATIME -_ATIME; bind: rbind; filesystem: ro");
sorts("rslave,shared", "propagation: MS_SLAVE below too MS_SHARED");
sorts("constructor,size=64k,sync,mode=755,what", "filesystem: constructor size=64k sync mode=755 what");

test("for a new filesystem those for the mounts below are its own", () => {
  expect(attributesTogether(sortOptions(["noatime", "nosuid", "rro", "rrelatime"]))).toEqual({
    set: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_RDONLY", "MOUNT_ATTR_RELATIME"],
    clear: ["MOUNT_ATTR__ATIME"],
  });
});
