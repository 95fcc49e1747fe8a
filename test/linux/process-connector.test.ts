import { expect, test } from "bun:test";
import {
  COMM_BYTES,
  connectorNumbers,
  eventFields,
  messageFields,
  processEvents,
  SK_MEMINFO_DROPS,
  socketNumbers,
} from "../../src/linux/process-connector.ts";
import { ask, canAsk, type Question } from "./header-values.ts";

/** A table's names as C knows them, with the values that ours have. */
function expected(): Record<string, { readonly question: Question; readonly value: number }> {
  const all: Record<string, { question: Question; value: number }> = {};
  const add = (key: string, expression: string, value: number): void => {
    all[key] = { question: { expression }, value };
  };
  for (const [name, value] of Object.entries({ ...connectorNumbers, ...socketNumbers, SK_MEMINFO_DROPS })) add(name, name, value);
  for (const [name, value] of Object.entries(processEvents)) add(name, `(unsigned)${name}`, value);
  for (const [struct, fields] of Object.entries(messageFields))
    for (const [field, value] of Object.entries(fields))
      add(`${struct}.${field}`, field === "bytes" ? `sizeof(struct ${struct})` : `__builtin_offsetof(struct ${struct}, ${field})`, value);
  for (const [name, place] of Object.entries(eventFields))
    if (name === "bytes") add("event.bytes", "sizeof(struct proc_event)", place as number);
    else if (typeof place === "number") add(`event.${name}`, `__builtin_offsetof(struct proc_event, ${name})`, place);
    else
      for (const [field, value] of Object.entries(place))
        add(`${name}.${field}`, `__builtin_offsetof(struct proc_event, event_data.${name}.${field})`, value);
  add("comm", "sizeof(((struct proc_event *)0)->event_data.comm.comm)", COMM_BYTES);
  return all;
}

for (const machine of ["x64", "arm64"] as const)
  test.skipIf(!canAsk(machine, `process events of ${machine}`))(`numbers and offsets are those of the C headers: ${machine}`, () => {
    const table = expected();
    const answers = ask(machine, Object.fromEntries(Object.entries(table).map(([key, { question }]) => [key, question])));
    expect(Object.fromEntries(answers)).toEqual(Object.fromEntries(Object.entries(table).map(([key, { value }]) => [key, BigInt(value)])));
    expect(answers.size).toBeGreaterThan(50);
  });
