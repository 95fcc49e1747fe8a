import { describe, expect, test } from "bun:test";
import { type FlagGroup, flagNames, flags, flagValue } from "../../src/linux/flags.ts";
import { type ArgKind, type Machine, syscalls } from "../../src/linux/syscalls.ts";
import { ask, canAsk, type Question } from "./header-values.ts";

const machines: readonly Machine[] = ["x64", "arm64"];

/** Groups that include/uapi leaves to libc: the same numbers on both machines. */
const libcGroups: ReadonlySet<FlagGroup> = new Set<FlagGroup>(["AF", "SOCK", "SOL", "MSG", "UMOUNT", "ACCESS"]);

/** Newer than the headers of Debian 12 (6.1), with the kernel that brought them. Compared once the headers are newer. */
const newer: Readonly<Record<string, string>> = {
  F_SEAL_EXEC: "6.3",
  FSCONFIG_CMD_CREATE_EXCL: "6.6",
  MFD_EXEC: "6.3",
  MFD_NOEXEC_SEAL: "6.3",
  MOVE_MOUNT_BENEATH: "6.5",
  MPOL_WEIGHTED_INTERLEAVE: "6.9",
  PR_SET_MDWE: "6.3",
  STATX_MNT_ID_UNIQUE: "6.8",
};

type Table = Readonly<Record<string, number | { readonly x64: number; readonly arm64: number }>>;

function questions(libc: boolean): Record<string, Question> {
  const all: Record<string, Question> = {};
  for (const [group, table] of Object.entries(flags)) {
    if (libcGroups.has(group as FlagGroup) !== libc) continue;
    for (const name in table) all[`${group}.${name}`] = { expression: name, since: newer[name] };
  }
  return all;
}

/** In the table but otherwise, or not at all, in the headers. */
function differences(answers: Map<string, bigint>, machine: Machine, asked: Record<string, Question>): string[] {
  return Object.keys(asked).filter((key) => {
    const [group = "", name = ""] = key.split(".");
    const value = answers.get(key);
    if (value === undefined) return newer[name] === undefined;
    return BigInt.asUintN(64, value) !== BigInt(flagValue(group as FlagGroup, name, machine));
  });
}

describe("numbers are those of the C headers", () => {
  for (const machine of machines)
    test.skipIf(!canAsk(machine, `flags of ${machine}`))(machine, () => {
      const asked = questions(false);
      const answers = ask(machine, asked);
      expect(answers.size).toBeGreaterThan(250);
      expect(differences(answers, machine, asked)).toEqual([]);
    });

  test.skipIf(!canAsk("libc", "flags of sockets, umount and access"))("libc's", () => {
    const asked = questions(true);
    expect(differences(ask("libc", asked), "x64", asked)).toEqual([]);
  });
});

test("flags of sockets are those of open, as the kernel defines them", () => {
  for (const machine of machines) {
    expect(flagValue("SOCK", "SOCK_CLOEXEC", machine)).toBe(flagValue("O", "O_CLOEXEC", machine));
    expect(flagValue("SOCK", "SOCK_NONBLOCK", machine)).toBe(flagValue("O", "O_NONBLOCK", machine));
    expect(flagValue("OPEN_TREE", "OPEN_TREE_CLOEXEC", machine)).toBe(flagValue("O", "O_CLOEXEC", machine));
  }
});

test("every group that a system call takes exists", () => {
  const kinds = Object.values(syscalls).flatMap((row): readonly ArgKind[] => row.args);
  const groups = kinds.filter((kind) => kind.startsWith("flags:")).map((kind) => kind.slice("flags:".length));
  expect(groups.filter((group) => !Object.hasOwn(flags, group))).toEqual([]);
});

test("a name of another group is refused", () => {
  expect(() => flagValue("O", "MS_BIND", "x64")).toThrow(new Error("flags: O has no MS_BIND"));
});

describe("flagNames", () => {
  const names = (group: FlagGroup, value: number, machine: Machine = "x64"): string => flagNames(group, value, machine).join("|");

  test("one number", () => {
    expect(names("AF", 16)).toBe("AF_NETLINK");
    expect(names("FSCONFIG", 0)).toBe("FSCONFIG_SET_FLAG");
    expect(names("IOCTL", 0x5441)).toBe("TIOCGPTPEER");
    expect(names("IOCTL", 0x5499)).toBe("0x5499");
    expect(names("S_IF", 0o060000)).toBe("S_IFBLK");
  });

  test("bits, and the rest as hexadecimal", () => {
    expect(names("MS", 0x1000 + 0x4000)).toBe("MS_BIND|MS_REC");
    expect(names("MS", 0x1000 + 2 ** 31)).toBe("MS_BIND|0x80000000");
    expect(names("CLONE", 2 ** 33 + 0x20000000)).toBe("CLONE_NEWPID|CLONE_INTO_CGROUP");
    expect(names("MS", 0)).toBe("");
    expect(names("MS", -1)).toEndWith("|MS_LAZYTIME|0xfffffffffc400200");
  });

  test("numbers within bits", () => {
    expect(names("O", 0)).toBe("O_RDONLY");
    expect(names("O", 0o2000000)).toBe("O_RDONLY|O_CLOEXEC");
    expect(names("O", 0o2000002)).toBe("O_RDWR|O_CLOEXEC");
    expect(names("O", 0o4010001)).toBe("O_WRONLY|O_SYNC");
    expect(names("O", 0o10001)).toBe("O_WRONLY|O_DSYNC");
    expect(names("SOCK", 0o2000005)).toBe("SOCK_SEQPACKET|SOCK_CLOEXEC");
    expect(names("MOUNT_ATTR", 0x21)).toBe("MOUNT_ATTR_RDONLY|MOUNT_ATTR_STRICTATIME");
    expect(names("MOUNT_ATTR", 1)).toBe("MOUNT_ATTR_RDONLY");
    expect(names("MOUNT_ATTR", 0x70)).toBe("MOUNT_ATTR__ATIME");
    expect(names("ACCESS", 0)).toBe("F_OK");
  });

  test("by machine", () => {
    expect(names("O", 0o200000, "x64")).toBe("O_RDONLY|O_DIRECTORY");
    expect(names("O", 0o200000, "arm64")).toBe("O_RDONLY|O_DIRECT");
  });

  test("every name that is one argument comes back as itself", () => {
    for (const [group, table] of Object.entries(flags) as [FlagGroup, Table][])
      for (const name in table) {
        const same = Object.keys(table).find((other) => flagValue(group, other, "arm64") === flagValue(group, name, "arm64"));
        const back = flagNames(group, flagValue(group, name, "arm64"), "arm64").filter((one) => one !== "O_RDONLY");
        expect(back).toEqual(name === "O_RDONLY" ? [] : [same ?? name]);
      }
  });
});
