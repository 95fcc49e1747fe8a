import { expect, test } from "bun:test";
import { parseSignal, type SignalName, signalName, signals } from "../../src/linux/signals.ts";
import { ask, canAsk } from "./header-values.ts";

const names = Object.keys(signals) as SignalName[];

for (const machine of ["x64", "arm64"] as const)
  test.skipIf(!canAsk(machine, `signals of ${machine}`))(`numbers are those of the C headers, ${machine}`, () => {
    const answers = ask(machine, Object.fromEntries(names.map((name) => [name, { expression: name }])));
    expect(Object.fromEntries(answers)).toEqual(Object.fromEntries(names.map((name) => [name, BigInt(signals[name])])));
  });

const check = (text: string, number: number | undefined): void => expect([text, parseSignal(text)]).toEqual([text, number]);

test("names with and without SIG, in either case", () => {
  for (const text of ["SIGTERM", "TERM", "term", "sigTerm", "15"]) check(text, 15);
  check("IOT", 6);
  check("SIGCLD", 17);
  check("poll", 29);
});

test("real-time signals count from libc's first", () => {
  check("RTMIN", 34);
  check("SIGRTMIN+3", 37);
  check("rtmin+30", 64);
  check("RTMAX", 64);
  check("SIGRTMAX-14", 50);
  check("RTMAX-30", 34);
});

test("numbers from 0, which only asks, to 64", () => {
  check("0", 0);
  check("64", 64);
  check("09", 9);
});

test("anything else is no signal", () => {
  for (const text of ["", "SIG", "SIGSIGTERM", "65", "-9", "9 ", "+9", "0x9", "1e1", "015", "TERM\n", "9\n", "constructor", "toString"])
    check(text, undefined);
  for (const text of ["RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMAX-31", "RTMIN+", "RTMIN+1x", "ſigterm"]) check(text, undefined);
});

test("signalName", () => {
  expect([1, 15, 31, 32, 34, 37, 49, 50, 64, 0, 65].map(signalName)).toEqual([
    "SIGHUP",
    "SIGTERM",
    "SIGSYS",
    "signal 32",
    "SIGRTMIN",
    "SIGRTMIN+3",
    "SIGRTMIN+15",
    "SIGRTMAX-14",
    "SIGRTMAX",
    "signal 0",
    "signal 65",
  ]);
});

test("every name is parsed back", () => {
  for (let number = 1; number <= 64; number++) if (number !== 32 && number !== 33) check(signalName(number), number);
});
