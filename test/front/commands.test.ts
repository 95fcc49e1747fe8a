import { describe, expect, test } from "bun:test";
import { commandSteps } from "../../src/front/commands.ts";
import { frontFile } from "../../src/front/front-file.ts";
import { FRONT_DATA_ADDRESS, words } from "../../src/front/layout.ts";
import { wordOf } from "../../src/front/shared-words.ts";
import { encodeTape } from "../../src/tape/encode.ts";
import { printStep } from "../../src/tape/print.ts";
import { newVariables, type Step } from "../../src/tape/step.ts";
import { proveSlots } from "../tape/prove-slots.ts";

const base = FRONT_DATA_ADDRESS + 0x4000;
const variables = newVariables();
const lists = commandSteps(variables, base);
type Command = "start" | "kill" | "delete";
const commands: readonly Command[] = ["start", "kill", "delete"];
/** Exec changes nothing by itself: it goes on with a program that was kept for it. */
const all = [...commands, "exec"] as const;

/** A step and all that may run after it on its account, in their order. */
const withBranches = (one: Step): Step[] => [
  one,
  ...[...tableOf(one), ...(one.ok ?? []), ...(one.equal?.steps ?? [])].flatMap(withBranches),
];
const tableOf = ({ onError }: Step): readonly Step[] =>
  Array.isArray(onError) ? (onError as readonly [string, readonly Step[]][]).flatMap(([, steps]) => steps) : [];
const allOf = (command: (typeof all)[number]): Step[] => lists[command].flatMap(withBranches);

/** What others can see of a command. */
const changing = ["write", "pidfd_send_signal", "unlinkat"];
const firstChange = (command: Command): number => lists[command].findIndex(({ call }) => changing.includes(call));
const before = (command: Command): Step[] => lists[command].slice(0, firstChange(command)).flatMap(withBranches);
const after = (command: Command): Step[] => lists[command].slice(firstChange(command) + 1);
const refuses = (one: Step | undefined): boolean => one?.call === "compute" && one.args.every((arg, index) => arg === [0, 0, 1, -1][index]);
const slotOf = (value: unknown): string => (value as { readonly slot?: string })?.slot ?? "";

describe("before it changes anything", () => {
  const known = [
    "it is not root",
    "it is not root's",
    "others may write in it",
    "others may use it",
    "it is of another size",
    "the rest of box is to do it",
    "it is no start",
    "it is another",
  ];
  test.each<[Command, what: readonly string[]]>([
    ["start", known],
    ["kill", [...known, "it has ended"]],
    ["delete", [...known, "it lives"]],
  ])("%s refuses what is not as usual", (command, what) => {
    const refused = new Set(before(command).flatMap(({ expect: wanted }) => wanted?.refused ?? []));
    expect([...refused].toSorted()).toEqual([...what].toSorted());
  });

  test("start has its lock, knows that it is the state's still, and that init waits and is not frozen", () => {
    const steps = before("start");
    const whys = steps.map(({ why }) => why);
    for (const why of ["lock it", "it is not", "it is frozen", "see that init waits"]) expect(whys).toContain(why);
    expect(whys.indexOf("lock it")).toBeLessThan(whys.indexOf("open what the front is told"));
    expect(whys.filter((why) => why === "it is frozen").length).toBe(2);
    expect(steps.filter(refuses).map(({ why }) => why)).toEqual(["it is not", "it is frozen", "it is frozen", "it is not"]);
  });

  test("kill sends nothing but SIGKILL to an init that waits for its start", () => {
    const steps = lists.kill;
    const look = steps.findIndex(({ why }) => why === "see whether init waits for its start");
    expect(steps[look]?.ok?.filter(refuses).length).toBe(1);
    expect(steps[look - 1]?.equal).toMatchObject({ value: 9, steps: [{ goto: "send" }] });
    expect(steps[look + 1]).toMatchObject({ call: "pidfd_send_signal", label: "send" });
  });

  test("delete has the lock on the folder before it reads what is in it", () => {
    const whys = before("delete").map(({ why }) => why);
    expect(whys.indexOf("take it over")).toBeGreaterThan(0);
    expect(whys.indexOf("take it over")).toBeLessThan(whys.indexOf("open what the front is told"));
  });

  test.each(commands)("%s compares who has init's pid with a handle in its hand", (command) => {
    const steps = before(command);
    const at = (why: string): number => steps.findIndex((one) => one.why === why);
    expect(at("take a handle on init")).toBeGreaterThan(at("compare it"));
    expect(at("is it init?")).toBeGreaterThan(at("take a handle on init"));
    expect(steps[at("is it init?")]?.expect).toEqual({ value: 0, refused: "it is another" });
  });

  test.each(commands)("%s changes nothing and makes no file", (command) => {
    const steps = before(command);
    expect(steps.filter(({ call }) => changing.includes(call)).map(({ why }) => why)).toEqual([]);
    const flags = steps.flatMap(({ call, args }) => (call === "openat" ? (args[2] as string[]) : []));
    expect(flags.filter((flag) => ["O_CREAT", "O_TRUNC"].includes(flag))).toEqual([]);
  });
});

describe("after that", () => {
  test("start stops only to have init's answer read, of which it leaves word", () => {
    const steps = after("start");
    expect(steps.map(({ why }) => why)).toEqual([
      "this start has begun",
      "with this init",
      "wait until init has become the program",
      "has it closed the FIFO without a word?",
      "the rest of box is to listen",
    ]);
    expect(steps.slice(0, 2).map(({ out }) => slotOf(out))).toEqual(["the front's answer", "the front's init"]);
    expect(steps[2]?.onError).toBe("ignore");
    expect(steps.filter(({ expect: wanted }) => wanted !== undefined)).toEqual([]);
    expect(steps.at(-1)).toSatisfy(refuses);
  });

  test("kill never stops, so no signal is sent twice", () => {
    for (const one of after("kill").flatMap(withBranches))
      expect([printStep(one), one.call === "compute" || one.call === "exit_group" || one.onError === "ignore"]).toEqual([
        printStep(one),
        true,
      ]);
    expect(
      after("kill")
        .flatMap(withBranches)
        .filter((one) => one.expect !== undefined || refuses(one)),
    ).toEqual([]);
  });

  test("delete stops where a cgroup or a file stays, and takes one that has gone for removed", () => {
    const removing = lists.delete.filter(({ call }) => call === "unlinkat");
    const folder = removing.at(-1);
    const others = removing.slice(0, -1).filter(({ onError }) => JSON.stringify(onError) !== '[["ENOENT",[]]]');
    // Which may have programs in it, whose removal is as the rest.
    expect(others.map(({ why }) => why)).toEqual(["remove the folder for programs of exec"]);
    const table = others[0]?.onError as [string, Step[]][];
    expect(table.map(([name]) => name)).toEqual(["ENOENT", "ENOTEMPTY"]);
    const programs = table[1]?.[1].filter(({ call }) => call === "unlinkat") ?? [];
    expect(programs.map(({ why }) => why)).toEqual(["remove a program", "remove the folder for programs of exec"]);
    expect(programs.map(({ onError }) => JSON.stringify(onError ?? []))).toEqual(['[["ENOENT",[]]]', "[]"]);
    expect([folder?.why, folder?.onError]).toEqual(["remove the state folder", undefined]);
    expect(after("delete").filter(({ call, expect: wanted }) => call === "compute" && wanted !== undefined)).toEqual([]);
  });

  test("delete removes cgroups first, then files, of these the state last", () => {
    const kinds = lists.delete.flatMap(({ call, why }) => (call === "unlinkat" ? why.replace("remove ", "") : []));
    const cgroups = kinds.filter((kind) => kind === "a cgroup").length;
    expect(cgroups).toBe((frontFile.bytes - frontFile.cgroups) / 256);
    expect(kinds.slice(cgroups)).toEqual([
      ...[
        "the mount point of the root",
        "the folder for programs of exec",
        "config.json",
        "filter",
        "wait",
        "answer",
        "exit",
        "front",
        "state.json",
      ],
      "the state folder",
    ]);
  });
});

describe("each command", () => {
  test.each(commands)("%s ends the process with 0 when all is done, and in no other way", (command) => {
    const ends = allOf(command).filter(({ call }) => call.startsWith("exit"));
    expect(ends.map(({ call, args }) => [call, args])).toEqual(ends.map(() => ["exit_group", [0]]));
    const list = lists[command];
    const last = command === "start" ? list.at(-2)?.equal?.steps.at(-1) : list.at(-1);
    expect(last).toMatchObject({ call: "exit_group", args: [0] });
  });

  test.each(all)("%s closes what it opens when it executes anything", (command) => {
    const opened = allOf(command).filter(({ call }) => call === "openat");
    expect(opened.length).toBeGreaterThan(4);
    expect(opened.filter(({ args }) => !(args[2] as string[]).includes("O_CLOEXEC"))).toEqual([]);
  });

  test.each(all)("%s reads no descriptor that it has not opened or has closed", (command) => {
    const word = wordOf(base);
    const { faults, unreachable } = proveSlots({
      variables,
      steps: lists[command],
      given: [word("int", "root"), word("int", "id"), word("int", "signal"), word("int", "process"), word("fd", "answer")],
      // Kill writes to a freezer that may have gone.
      optional: variables.slots.filter(({ slot }) => slot === "what is in there"),
    });
    expect(faults.map(({ step, slot, fault }) => [printStep(step), slot, fault])).toEqual([]);
    expect(unreachable.map((one) => printStep(one))).toEqual([]);
  });
});

describe("exec", () => {
  test("changes nothing, and ends nothing: it goes on with what was kept for it", () => {
    const steps = allOf("exec");
    expect(steps.filter(({ call }) => [...changing, "exit_group"].includes(call))).toEqual([]);
    expect(lists.exec.slice(-2).map(({ out }) => slotOf(out))).toEqual(["the front's init", "the front's folder"]);
  });

  test("closes what it has left open where that refuses, and unmaps it", () => {
    const closed = lists.end.flatMap(({ call, args }) => (call === "close" ? slotOf(args[0]) : []));
    expect(closed.toSorted()).toEqual(["folder of all states", "pidfd of init", "state folder"]);
    expect(lists.end.filter(({ call, onError }) => call !== "compute" && onError !== "ignore")).toEqual([]);
    expect(lists.end.some(({ call }) => call === "munmap")).toBe(true);
  });
});

describe("giving up", () => {
  const closesAt = (steps: readonly Step[]): string[] => steps.filter(({ call }) => call === "close").map(({ args }) => slotOf(args[0]));
  const opened = new Set(
    all.flatMap((command) => allOf(command).flatMap(({ call, out }) => (out?.kind === "fd" && call !== "compute" ? out.slot : []))),
  );
  const always = closesAt(lists.giveUp);
  const unlessBegun = closesAt(lists.giveUp.flatMap(({ equal }) => equal?.steps ?? []));

  test("closes all that was opened, each once", () => {
    expect([...always, ...unlessBegun].toSorted()).toEqual([...opened].toSorted());
  });

  test("but what a start has left that has begun: init's answer, init, and the lock until that is read", () => {
    expect(unlessBegun.toSorted()).toEqual(["init's answer", "lock on the state", "pidfd of init"]);
    // No start has begun while the word is -1.
    expect(lists.giveUp[0]).toMatchObject({ call: "compute", args: [{ slot: "the front's answer" }, 1, 0, -1], equal: { value: 0 } });
  });

  test("stops at nothing, and fails", () => {
    const steps = lists.giveUp.flatMap(withBranches);
    expect(steps.filter(({ call, onError }) => call !== "compute" && onError !== "ignore")).toEqual([]);
    expect(lists.giveUp.at(-1)).toSatisfy(refuses);
  });

  test("closes no number that is another's by then: what was closed before is forgotten", () => {
    for (const command of all) {
      const steps = lists[command];
      const closing = steps.flatMap(({ call }, index) => (call === "close" ? index : []));
      expect(closing.length).toBeGreaterThan(1);
      for (const index of closing) {
        const forgets = steps[index + 1];
        expect([forgets?.call, slotOf(forgets?.out), forgets?.args[0]]).toEqual(["compute", slotOf(steps[index]?.args[0]), 2 ** 31 - 1]);
      }
    }
  });
});

test("is a tape of a few pages", () => {
  const where = { machine: "x64", base, status: FRONT_DATA_ADDRESS + words.status } as const;
  const { start, kill, delete: remove, exec, end, giveUp } = lists;
  const { image, entries } = encodeTape([start, kill, remove, exec, end, giveUp], variables, where, { failureList: 5 });
  expect(image.length).toBeLessThan(0x1_2000);
  expect(new Set(entries).size).toBe(entries.length);
});
