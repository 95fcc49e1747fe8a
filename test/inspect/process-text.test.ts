import { expect, test } from "bun:test";
import { commandLine, namesOfUsers, parseCgroups, pidsWithin } from "../../src/inspect/process-text.ts";

test("a command line, or the name where there is none", () => {
  expect(commandLine("sleep\x001000\0", "sleep")).toBe("sleep 1000");
  expect(commandLine("nginx: worker", "nginx")).toBe("nginx: worker");
  expect(commandLine("a\0\0b\0", "a")).toBe("a  b");
  expect(commandLine("", "kthreadd")).toBe("[kthreadd]");
});

test("cgroups of both versions, with colons in their paths", () => {
  expect(parseCgroups("4:cpu,cpuacct:/a\n1:name=systemd:/b:c\n0::/d\n")).toEqual([
    { hierarchy: 4, controllers: "cpu,cpuacct", path: "/a" },
    { hierarchy: 1, controllers: "name=systemd", path: "/b:c" },
    { hierarchy: 0, controllers: "", path: "/d" },
  ]);
  expect(parseCgroups("")).toEqual([]);
});

test("pids from box's namespace inwards", () => {
  expect(pidsWithin("Name:\tsh\nNStgid:\t9\nNSpid:\t27297\t12\t1\nNSpgid:\t1\n")).toEqual([27297, 12, 1]);
  expect(pidsWithin("Name:\tsh\n")).toEqual([]);
});

test("names of users", () => {
  const names = namesOfUsers("root:x:0:0::/:\ntoor:x:0:0::/:\n\nbroken\n:x:5:5::/:\nuser:x:1000:1::/:\n");
  expect([...names]).toEqual([
    [0, "root"],
    [1000, "user"],
  ]);
});
